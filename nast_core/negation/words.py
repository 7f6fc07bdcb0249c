"""Tokens of a sentence, and the classes of words of scope.yaml. Source: ours."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from nast_core.files.documents import packaged

_TOKEN = re.compile(
    r"\b(?:w/o|r/o|s/p|h/o)\b|\bw/|[^\W\d_]+?(?=n't\b)|n't\b|can(?=not\b)|(?<=can)not\b|vs\.|\d+(?:[.,]\d+)*|[^\W_]+(?:[-'][^\W_]+)*|_+|[^\w\s]"
)
_SHORT = {"w/o": "without", "w/": "with", "h/o": "hx"}
_LOOKALIKES = str.maketrans({"’": "'", "‘": "'", "–": "-", "—": "-", "‐": "-", "‑": "-", "\u00a0": " "})


class Token(NamedTuple):
    text: str  # in lower case
    start: int  # characters, [start, end)
    end: int


def plain(text: str) -> str:
    """Lower case, one kind of dash and apostrophe; as long as the text, character by character."""
    letters = text.translate(_LOOKALIKES)
    lower = letters.lower()
    return lower if len(lower) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in letters)


def whole_words(words: Iterable[str]) -> re.Pattern[str]:
    """Regular expressions as one, matched without case between word boundaries."""
    return re.compile(rf"(?<![\w-])(?=\w)(?:{'|'.join(words)})(?![\w-])", re.IGNORECASE)


def tokens(text: str) -> list[Token]:
    return [Token(_SHORT.get(m.group(), m.group()), m.start(), m.end()) for m in _TOKEN.finditer(text)]


class Words(frozenset[str]):
    """A class of words; some are stems, with every ending."""

    stems: tuple[str, ...] = ()

    def has(self, word: str) -> bool:
        return word in self or (bool(self.stems) and word.startswith(self.stems))


@lru_cache(maxsize=1)
def classes() -> dict[str, Words]:
    """Name -> words, as scope.yaml has them."""
    raw = packaged("nast_core.negation", "scope.yaml")
    return {name: _words(str(text)) for name, text in raw.items() if name != "ends_of_more"}


@lru_cache(maxsize=1)
def ends_of_more() -> dict[str, tuple[tuple[str, ...], ...]]:
    """First word -> the ends of a clause that are several words."""
    raw = packaged("nast_core.negation", "scope.yaml")
    by_first: dict[str, tuple[tuple[str, ...], ...]] = {}
    for phrase in filter(None, map(str.strip, raw["ends_of_more"].split("|"))):
        words = tuple(phrase.split())
        by_first[words[0]] = (*by_first.get(words[0], ()), words)
    return by_first


def _words(text: str) -> Words:
    entries = text.split()
    words = Words(word for word in entries if not word.endswith("*"))
    words.stems = tuple(word[:-1] for word in entries if word.endswith("*"))
    return words
