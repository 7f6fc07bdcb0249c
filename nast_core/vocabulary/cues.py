"""Negation cues and where they stand in a text. Source: ours, after ConText's pre- and post-posed triggers."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nast_core.files.documents import packaged


@dataclass(frozen=True)
class CueTable:
    """The cues of cues.yaml, in lower case."""

    before: tuple[str, ...]
    after: tuple[str, ...]


@lru_cache(maxsize=1)
def cue_table() -> CueTable:
    raw = packaged("nast_core.vocabulary", "cues.yaml")
    return CueTable(**{side: tuple(cues) for side, cues in raw.items()})


CUES: tuple[str, ...] = tuple(dict.fromkeys(cue_table().before + cue_table().after))
_PATTERN = re.compile(
    r"(?:(?<=\w)(?=n't\b)|(?<![\w-]))(?:"
    + "|".join(r"\s+".join(map(re.escape, c.split())) for c in sorted(CUES, key=len, reverse=True))
    + r")(?![\w-])",
    re.IGNORECASE,
)


class Cue(NamedTuple):
    text: str
    start: int  # characters, [start, end)
    end: int


def find_cues(text: str) -> list[Cue]:
    """Every cue in reading order; where cues nest, the longest ("no evidence of", not "no")."""
    return [Cue(" ".join(m.group().lower().split()), m.start(), m.end()) for m in _PATTERN.finditer(text)]
