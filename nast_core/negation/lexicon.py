"""Where a text names a condition, or says that it is normal: the expressions of lexicon.yaml. Source: ours."""

import re
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import yaml

_FEW_WORDS = r"(?: +[\w-]+){0,4}? +"


class Naming(NamedTuple):
    """Words that name a condition, or its normal counterpart, which may stand for several conditions."""

    conditions: tuple[str, ...]
    normal: bool
    start: int  # characters, [start, end)
    end: int


@lru_cache(maxsize=1)
def _expressions() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    raw = yaml.safe_load(files("nast_core.negation").joinpath("lexicon.yaml").read_text("utf-8"))
    found: list[tuple[str, bool, re.Pattern[str]]] = []
    for condition, entry in raw.items():
        for kind in ("found", "normal"):
            words = "|".join(entry[kind])
            found.append(
                (condition, kind == "normal", re.compile(rf"(?<![\w-])(?P<x>{words})(?![\w-])", re.IGNORECASE))
            )
        if "said" in entry:
            organ, predicate = entry["said"]
            said = rf"(?<![\w-])(?:{organ}){_FEW_WORDS}(?P<x>{predicate})(?![\w-])"
            found.append((condition, False, re.compile(said, re.IGNORECASE)))
    return tuple(found)


def find_namings(text: str) -> list[Naming]:
    """Every naming in reading order; of those that overlap, the longest. Equal normal phrases are one naming."""
    spans: dict[tuple[int, int, bool], list[str]] = {}
    for condition, normal, expression in _expressions():
        for match in expression.finditer(text):
            spans.setdefault((*match.span("x"), normal), []).append(condition)
    kept: list[Naming] = []
    for (start, end, normal), conditions in sorted(spans.items(), key=lambda s: (s[0][0] - s[0][1], s[0][0])):
        if all(end <= other.start or start >= other.end for other in kept):
            kept.append(Naming(tuple(dict.fromkeys(conditions)), normal, start, end))
    return sorted(kept, key=lambda naming: naming.start)
