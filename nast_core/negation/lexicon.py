"""Where a text names a condition, or says that it is normal: the expressions of lexicon.yaml. Source: ours."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from nast_core.files.documents import packaged
from nast_core.negation.organs import find_organs
from nast_core.negation.words import whole_words

Kind = Literal["found", "normal", "risen", "borderline", "not normal", "gone", "other"]


class Naming(NamedTuple):
    """Words that name a condition, or its normal counterpart, which may stand for several conditions."""

    conditions: tuple[str, ...]
    kind: Kind
    start: int  # characters, [start, end)
    end: int

    @property
    def normal(self) -> bool:
        return self.kind == "normal"


class _Expression(NamedTuple):
    conditions: tuple[str, ...]
    kind: str
    pattern: re.Pattern[str]


@lru_cache(maxsize=1)
def _expressions() -> tuple[_Expression, ...]:
    raw = packaged("nast_core.negation", "lexicon.yaml")
    return tuple(
        _Expression(tuple(name.split(" and ")), kind, whole_words(words))
        for name, entry in raw.items()
        for kind, words in entry.items()
    )


def find_namings(text: str) -> list[Naming]:
    """Every naming in reading order; of those that overlap, the longest. Equal normal phrases are one naming."""
    return [naming for naming in _all(text) if naming.kind != "other"]


def namesakes(text: str) -> list[Naming]:
    """What has the words of a condition and is not one: "pericardial effusion"."""
    return [naming for naming in _all(text) if naming.kind == "other"]


def _all(text: str) -> list[Naming]:
    spans: dict[tuple[int, int, str], list[str]] = {}
    for conditions, kind, pattern in _expressions():
        for match in pattern.finditer(text):
            spans.setdefault((*match.span(), kind), []).extend(conditions)
    for condition, kind, start, end in find_organs(text):
        spans.setdefault((start, end, kind), []).append(condition)
    for (start, end, kind), namings in list(spans.items()):
        if kind == "other" and (same := spans.get((start, end, "found"))) and set(same) <= set(namings):
            del spans[start, end, "found"]
    return sorted(_longest(spans), key=lambda naming: naming.start)


def _longest(spans: dict[tuple[int, int, str], list[str]]) -> Iterator[Naming]:
    """The spans that overlap no longer one; of equal ones what names a condition goes first."""
    starts: list[int] = []
    ends: list[int] = []
    order = sorted(spans.items(), key=lambda s: (s[0][0] - s[0][1], s[0][2] == "other", -len(s[1]), s[0][0]))
    for (start, end, kind), conditions in order:
        place = bisect_right(starts, start)
        if (place and ends[place - 1] > start) or (place < len(starts) and starts[place] < end):
            continue
        starts.insert(place, start)
        ends.insert(place, end)
        yield Naming(tuple(dict.fromkeys(conditions)), kind, start, end)  # type: ignore[arg-type]
