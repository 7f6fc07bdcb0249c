"""What a text says of organs as a whole: "the heart and mediastinum are normal", "clear lungs". The organs are a
vocabulary's.

A predicate before an organ is shared by those joined behind it; one behind it, by those joined before. Source: ours.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nast_core.negation.literals import Triggers
from nast_core.negation.words import classes, whole_words
from nast_core.vocabulary.model import Organ, Words

_FAR = 16  # words from an organ to what is said of it
_TOKEN = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|_+|[^\w\s]")


class _Organ(NamedTuple):
    condition: str
    words: re.Pattern[str]
    after: dict[str, re.Pattern[str]]  # kind -> predicate
    before: re.Pattern[str] | None


class _Place(NamedTuple):
    organ: str
    start: int
    end: int


def _pattern(words: Words) -> re.Pattern[str] | None:
    written = (*map(re.escape, words.phrases), *words.patterns)
    return whole_words(written) if written else None


def _compiled(organ: Organ) -> _Organ:
    after = {
        kind: pattern
        for kind, said in (("borderline", organ.borderline), ("normal", organ.normal), ("found", organ.found))
        if (pattern := _pattern(said)) is not None
    }
    words = _pattern(organ.words)
    assert words is not None
    return _Organ(organ.condition, words, after, _pattern(organ.before))


class Organs:
    """The organs of a vocabulary, and what a text says of them."""

    def __init__(self, organs: Mapping[str, Organ]):
        self._organs = {name: _compiled(organ) for name, organ in organs.items()}
        self._names = tuple(self._organs)
        self._triggers = Triggers(
            [(*map(re.escape, organ.words.phrases), *organ.words.patterns) for organ in organs.values()]
        )

    def find(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        """(condition, kind, start, end) of everything said of an organ;
        kinds normal, found, borderline and "not normal"."""
        some = [self._names[number] for number in self._triggers.of(text.lower())]
        organs = sorted(
            (_Place(name, *match.span()) for name in some for match in self._organs[name].words.finditer(text)),
            key=lambda one: (one.start, -one.end),
        )
        if not organs:
            return
        tokens = [(m.group().lower(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
        at = {start: number for number, (_, start, _) in enumerate(tokens)}
        organs_at: dict[int, int] = {}  # first token of an organ -> its last
        for one in organs:
            if one.start in at:
                organs_at[at[one.start]] = max(organs_at.get(at[one.start], 0), _last(tokens, at[one.start], one.end))
        shared: dict[int, str] = {}  # token behind an organ that a predicate stands before -> that predicate
        for one in organs:
            if one.start not in at:
                continue
            organ = self._organs[one.organ]
            first = at[one.start]
            last = _last(tokens, first, one.end)
            before = _before(text, tokens, one, organ, first, shared)
            early = before is not None and before[0] < one.start
            reading = None if early else _behind(text, tokens, organs_at, one, organ, last)
            reading = _contrasted(tokens, organs_at, one, organ, first, last, reading)
            if reading is None and before is not None:
                shared[last] = before[1]
                reading = ("normal", before[0], one.end)
            if reading is not None:
                yield organ.condition, *reading


def _contrasted(
    tokens,
    organs_at: dict[int, int],
    one: _Place,
    organ: _Organ,
    first: int,
    last: int,
    reading: tuple[str, int, int] | None,
) -> tuple[str, int, int] | None:
    """ "The heart is enlarged, not the mediastinum", "the vessels, not the heart, are large": each on its own.

    What is denied of one organ only is found of the other, which is named by itself: the denial before it decides.
    """
    pattern = organ.after.get("found")
    if pattern is None:
        return reading
    if reading is not None and reading[0] == "found":
        ahead = [place for place in range(last + 1, min(last + 7, len(tokens))) if place in organs_at]
        apart = any(_not_before(tokens, place) for place in ahead[:1]) and tokens[ahead[0]][1] < reading[1]
        aside = _not_before(tokens, first) and tokens[last + 1 : last + 2] and tokens[last + 1][0] == ","
        return ("found", one.start, one.end) if apart or aside else reading
    behind = last + 1 >= len(tokens) or tokens[last + 1][0] in (".", ",", ";", "but")
    near = (
        tokens[last + 1 : last + 9] if behind and tokens[last + 1 : last + 2] and tokens[last + 1][0] == "but" else []
    )
    words = [word for word, _, _ in (near or tokens[max(0, first - 8) : first])]
    if reading is None and behind and _not_before(tokens, first) and any(pattern.fullmatch(word) for word in words):
        return "found", one.start, one.end
    return reading


def _not_before(tokens, place: int) -> bool:
    """Whether "not" or "not the" stands before an organ."""
    before = [word for word, _, _ in tokens[max(0, place - 3) : place] if word not in ("the", "of")]
    return before[-1:] == ["not"]


def _last(tokens: list[tuple[str, int, int]], first: int, end: int) -> int:
    last = first
    while last + 1 < len(tokens) and tokens[last + 1][1] < end:
        last += 1
    return last


def _before(text, tokens, one: _Place, organ: _Organ, first: int, shared: dict[int, str]) -> tuple[int, str] | None:
    """Where a normal predicate before the organ starts, and which; or that of the organ it is joined to."""
    pattern = organ.before
    if pattern is None:
        return None
    for place in range(first - 1, max(-1, first - 5), -1):
        word, start, _ = tokens[place]
        said_before = (
            place and tokens[place - 1][0] in classes()["denials"] | classes()["is"]
        )  # it is what another organ is
        if pattern.match(text, start) and not said_before and tokens[first - 1][0] not in classes()["joins_organs"]:
            return start, word
        if (
            place in shared
            and all(t[0] in classes()["joins_organs"] for t in tokens[place + 1 : first])
            and first - place > 1
        ):
            return (one.start, shared[place]) if pattern.fullmatch(shared[place]) else None
        if word not in classes()["beside"] and not word.endswith(("ly", "expanded", "inflated")):
            joined = word in classes()["joins_organs"] and any(p in shared for p in range(max(0, place - 1), place))
            if not joined:
                return None
    return None


def _behind(
    text, tokens, organs_at: dict[int, int], one: _Place, organ: _Organ, last: int
) -> tuple[str, int, int] | None:
    """What is said of the organ behind it: kind and span. None where another organ's turn comes first."""
    predicates = organ.after
    has_verb = others = denied = False
    verb = -9  # the last that tells of the organ
    place, steps = last + 1, 0
    while place < len(tokens) and steps < _FAR:
        word, start, _ = tokens[place]
        for kind, pattern in predicates.items():
            if (match := pattern.match(text, start)) and (
                place - verb <= 2 or kind == "borderline" or _closes(text, match.end()) or place == last + 1
            ):
                if kind == "found":
                    return "found", start, match.end()
                if kind == "normal" and denied:
                    return "not normal", start, match.end()
                return (kind, one.start, one.end) if others else (kind, one.start, match.end())
        if word in classes()["stops"] and not (word == ":" and place == last + 1):
            return None
        if word == ":":
            has_verb, verb = True, place
        if place in organs_at:
            joining = classes()["joins_organs"] | {"the", "pulmonary", "central", "of"}
            if has_verb or tokens[place - 1][0] not in joining:
                return None
            others = True
            place = organs_at[place]
        elif word in classes()["told_by"]:
            has_verb, verb = True, place
        elif word == "," and has_verb and not _goes_on(tokens, place + 1, predicates, text):
            return None
        elif word in classes()["denials"] or word == "anything":
            denied = True
        elif (not has_verb and not _passes(tokens, last, place)) or (
            word == "and" and has_verb and not _goes_on(tokens, place + 1, predicates, text)
        ):
            return None
        place, steps = place + 1, steps + 1
    return None


def _closes(text: str, end: int) -> bool:
    """Whether a predicate without a verb ends there, and is not another noun's: "heart, and normal rib contours"."""
    after = _TOKEN.match(text, end) or _TOKEN.match(text, end + 1)
    return after is None or not after.group()[0].isalnum() or after.group().lower() in classes()["closers"]


def _passes(tokens, last: int, place: int) -> bool:
    """Whether a word between an organ and its verb leaves the organ the subject: adverbs, and what it is listed
    with."""
    word = tokens[place][0]
    if (
        word in classes()["joins_organs"]
        or word in classes()["light"]
        or word.endswith(("ly", "ed"))
        or set(word) <= {"x", "_"}
    ):
        return True
    return any(tokens[p][0] in classes()["joins_organs"] for p in range(max(last + 1, place - 3), place))


def _goes_on(tokens, place: int, predicates: dict[str, re.Pattern[str]], text: str) -> bool:
    """Whether a predicate follows within a few words: "stable, and within normal limits"."""
    for word, start, _ in tokens[place : place + 4]:
        if any(pattern.match(text, start) for pattern in predicates.values()):
            return True
        if word in classes()["stops"] or word in ("the", "a", "an"):
            return False
    return False
