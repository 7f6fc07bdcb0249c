"""Which of many patterns can match a text at all: those of which a word that each match must have stands in it.
Source: ours."""

import re
import re._constants as sre
import re._parser as sre_parser
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"\w+")
_EQUAL = str.maketrans({"ſ": "s", "ı": "i", "İ": "i", "K": "k"})  # letters that match others without case
_KEPT = 65_536  # words of texts that are remembered
_LEAST = 2  # letters of a literal that tells anything


class Triggers:
    """Groups of patterns, numbered, and which of them a text could hold a match of."""

    def __init__(self, groups: Sequence[Iterable[str]]):
        self._always: set[int] = set()  # groups with a pattern that no word is sure to stand in
        self._of_literal: dict[str, set[int]] = {}
        for number, patterns in enumerate(groups):
            found = [required(pattern) for pattern in patterns]
            if any(literals is None for literals in found):
                self._always.add(number)
                continue
            for literal in set().union(*(literals for literals in found if literals)):
                self._of_literal.setdefault(literal, set()).add(number)
        self._of_word = lru_cache(maxsize=_KEPT)(self._look)

    def _look(self, word: str) -> frozenset[int]:
        return frozenset().union(*(numbers for literal, numbers in self._of_literal.items() if literal in word))

    def of(self, text: str) -> list[int]:
        """Numbers of the groups, going up. ``text`` in lower case."""
        words = set(_WORD.findall(text.translate(_EQUAL) if not text.isascii() else text))
        return sorted(self._always.union(*map(self._of_word, words)))


def required(pattern: str) -> frozenset[str] | None:
    """Pieces of words, one of which stands within a word of every match; None where no such pieces are known."""
    return _required(list(sre_parser.parse(pattern, re.IGNORECASE)))


def _required(items: list[Any]) -> frozenset[str] | None:
    found: list[frozenset[str]] = []
    run = ""
    for op, value in [*items, (None, None)]:
        if op is sre.LITERAL:
            run += chr(value)
            continue
        if pieces := [piece for piece in _WORD.findall(run) if len(piece) >= _LEAST]:
            found.append(frozenset([max(pieces, key=len).lower().translate(_EQUAL)]))
        run = ""
        inner: frozenset[str] | None = None
        if op is sre.SUBPATTERN:
            inner = _required(list(value[-1]))
        elif op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT) and value[0] > 0:
            inner = _required(list(value[2]))
        elif op is sre.BRANCH:
            branches = [_required(list(branch)) for branch in value[1]]
            if all(branch is not None for branch in branches):
                inner = frozenset().union(*(branch for branch in branches if branch))
        if inner is not None:
            found.append(inner)
    return max(found, key=lambda literals: (min(map(len, literals)), -len(literals)), default=None)
