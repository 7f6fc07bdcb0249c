"""Where a text names a condition, or says that it is normal: the words of a vocabulary, compiled once. Source: ours.

Phrases stand in one tree of words, which a sentence goes through once, however many there are. Of the patterns only
those are tried of which a word that each match must have stands in the sentence.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from nast_core.negation.literals import Triggers
from nast_core.negation.organs import Organs
from nast_core.negation.words import plain, whole_words
from nast_core.vocabulary.cues import Cue, find_cues
from nast_core.vocabulary.model import WRITTEN_KINDS, Kind, Vocabulary
from nast_core.vocabulary.shipped import given

_WORD = re.compile(r"\w+|\W")
_ARTICLE = re.compile(r"^(a|an|the) ", re.IGNORECASE)
_PLURALS = (
    ("sis", "ses"), ("s", "s"), ("x", "xes"), ("ch", "ches"), ("sh", "shes"),
    ("ay", "ays"), ("ey", "eys"), ("oy", "oys"), ("y", "ies"),
)  # fmt: skip
_LONG = 7  # letters of a word that could be taken for a misspelt one

_Spans = dict[tuple[int, int, str], list[str]]


class Naming(NamedTuple):
    """Words that name a condition, or its normal counterpart, which may stand for several conditions."""

    conditions: tuple[str, ...]
    kind: Kind
    start: int  # characters, [start, end)
    end: int
    device: bool = False

    @property
    def normal(self) -> bool:
        return self.kind == "normal"


class _Expression(NamedTuple):
    conditions: tuple[str, ...]
    kind: str
    pattern: re.Pattern[str]


class _Node:
    """A word of phrases: the words that may follow, and what is named where one ends here."""

    __slots__ = ("follow", "means")

    def __init__(self) -> None:
        self.follow: dict[str, _Node] = {}
        self.means: list[tuple[str, tuple[str, ...]]] = []  # (kind, conditions)


class Lexicon:
    """A vocabulary as the parser reads by it."""

    def __init__(self, vocabulary: Vocabulary):
        expressions: list[_Expression] = []
        patterns: list[tuple[str, ...]] = []
        self._root = _Node()
        for conditions, kind, phrases, written in _said(vocabulary):
            for phrase in phrases:
                self._add(phrase, kind, conditions)
            if written:
                expressions.append(_Expression(conditions, kind, whole_words(written)))
                patterns.append(written)
        self._expressions = tuple(expressions)
        self._triggers = Triggers(patterns)
        self._organs = Organs(vocabulary.organs)
        self._devices = frozenset(name for name, entry in vocabulary.entries.items() if entry.device)
        found = [
            phrase for _, kind, phrases, _ in _said(vocabulary) if kind == "found" for phrase in map(plain, phrases)
        ]
        self.names_with_cues = frozenset(phrase for phrase in found if find_cues(phrase))
        self.words = frozenset(_long_words(vocabulary))  # no misspelling of another word

    def _add(self, phrase: str, kind: str, conditions: tuple[str, ...]) -> None:
        """A phrase with a hyphen is read with a space, too."""
        for form in {plain(phrase), plain(phrase).replace("-", " ")}:
            node = self._root
            for word in _WORD.findall(form):
                node = node.follow.setdefault(word, _Node())
            node.means.append((kind, conditions))

    def namings(self, text: str) -> list[Naming]:
        """Every naming in reading order; of those that overlap, the longest."""
        low = plain(text)
        spans: _Spans = {}
        for number in self._triggers.of(low):
            conditions, kind, pattern = self._expressions[number]
            for match in pattern.finditer(text):
                spans.setdefault((*match.span(), kind), []).extend(conditions)
        self._phrases(low, spans)
        for condition, kind, start, end in self._organs.find(text):
            spans.setdefault((start, end, kind), []).append(condition)
        for (start, end, kind), names in list(spans.items()):
            if kind == "other" and (same := spans.get((start, end, "found"))) and set(same) <= set(names):
                del spans[start, end, "found"]
        return sorted(self._longest(spans), key=lambda naming: naming.start)

    def _phrases(self, low: str, spans: _Spans) -> None:
        """Adds what the phrases name."""
        words = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(low)]
        for first, (word, start, _) in enumerate(words):
            node = self._root.follow.get(word)
            if node is None or (start and low[start - 1] == "-"):
                continue
            place = first
            while node is not None:
                end = words[place][2]
                if node.means and low[end : end + 1] != "-":
                    for kind, conditions in node.means:
                        spans.setdefault((start, end, kind), []).extend(conditions)
                place += 1
                node = node.follow.get(words[place][0]) if place < len(words) else None

    def _longest(self, spans: _Spans) -> Iterator[Naming]:
        """The spans that overlap no longer one; of equal ones what names a condition goes first."""
        starts: list[int] = []
        ends: list[int] = []
        order = sorted(spans.items(), key=lambda s: (s[0][0] - s[0][1], s[0][2] == "other", -len(s[1]), s[0][0]))
        for (start, end, kind), names in order:
            place = bisect_right(starts, start)
            if (place and ends[place - 1] > start) or (place < len(starts) and starts[place] < end):
                continue
            starts.insert(place, start)
            ends.insert(place, end)
            conditions = tuple(dict.fromkeys(names))
            device = not self._devices.isdisjoint(conditions)
            yield Naming(conditions, kind, start, end, device)  # type: ignore[arg-type]


@lru_cache(maxsize=8)
def lexicon(vocabulary: Vocabulary) -> Lexicon:
    return Lexicon(vocabulary)


def find_namings(text: str, vocabulary: Vocabulary | None = None) -> list[Naming]:
    """Every naming in reading order; of those that overlap, the longest. Equal normal phrases are one naming."""
    return [naming for naming in lexicon(given(vocabulary)).namings(text) if naming.kind != "other"]


def namesakes(text: str, vocabulary: Vocabulary | None = None) -> list[Naming]:
    """What has the words of a condition and is not one: "pericardial effusion"."""
    return [naming for naming in lexicon(given(vocabulary)).namings(text) if naming.kind == "other"]


def denying_cues(text: str, vocabulary: Vocabulary | None = None) -> list[Cue]:
    """Negation cues in reading order, but for those that are part of a name: "absent corpus callosum"."""
    cues = find_cues(text)
    if not cues or not (names := lexicon(given(vocabulary)).names_with_cues):
        return cues
    spans = [
        (naming.start, naming.end)
        for naming in find_namings(text, vocabulary)
        if plain(text[naming.start : naming.end]) in names
    ]
    return [cue for cue in cues if not any(start <= cue.start < end for start, end in spans)]


def _said(vocabulary: Vocabulary) -> Iterator[tuple[tuple[str, ...], str, list[str], tuple[str, ...]]]:
    """(conditions, kind, phrases, patterns) of everything that a vocabulary has words for."""
    for name, entry in vocabulary.entries.items():
        for kind in WRITTEN_KINDS:
            said = entry.said(kind)
            phrases = list(said.phrases)
            if kind == "found":
                nouns = (*entry.nouns, *entry.report_nouns)
                phrases = [form for text in (*(noun.text for noun in nouns), *phrases) for form in both_numbers(text)]
            if kind == "normal":
                texts = [equivalent.text for equivalent in entry.equivalents]
                phrases += [_ARTICLE.sub("", text) for text in (*texts, *entry.report_equivalents)]
            yield (name,), kind, list(dict.fromkeys(phrases)), said.patterns
    for shared in vocabulary.shared:
        found = [form for text in shared.names.phrases for form in both_numbers(text)]
        yield shared.conditions, "found", found, shared.names.patterns
        yield shared.conditions, "normal", list(shared.normal.phrases), shared.normal.patterns


def both_numbers(phrase: str) -> tuple[str, ...]:
    """A phrase, and the plural of its last word where that is not one already: "lung nodule", "lung nodules"."""
    ending, plural = next((pair for pair in _PLURALS if phrase.endswith(pair[0])), ("", "s"))
    if not phrase[-1:].isascii() or not phrase[-1:].isalpha() or (ending == "s" and not phrase.endswith("ss")):
        return (phrase,)
    return phrase, f"{phrase}es" if ending == "s" else phrase.removesuffix(ending) + plural


def _long_words(vocabulary: Vocabulary) -> Iterable[str]:
    for _, _, phrases, _ in _said(vocabulary):
        for phrase in phrases:
            yield from (word for word in plain(phrase).replace("-", " ").split() if len(word) >= _LONG)
