"""Negation cues and where they stand in a text. Source: ours, after ConText's pre- and post-posed triggers."""

import re
from typing import NamedTuple

CUES: tuple[str, ...] = (
    "no evidence of",
    "no evidence for",
    "no sign of",
    "no signs of",
    "no indication of",
    "absence of",
    "negative for",
    "free of",
    "free from",
    "clear of",
    "lack of",
    "rather than",
    "not seen",
    "not present",
    "not identified",
    "not visualized",
    "not visible",
    "without",
    "absent",
    "lacks",
    "lacking",
    "denies",
    "excluded",
    "resolved",
    "neither",
    "never",
    "none",
    "not",
    "nor",
    "no",
)
_PATTERN = re.compile(
    r"(?<![\w-])(?:"
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
