"""A sentence as scope.py reads it: its words, where namings and cues stand, and what stands near them. Source: ours."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

from nast_core.negation.lexicon import Naming
from nast_core.negation.words import Token, classes
from nast_core.vocabulary.cues import Cue, find_cues

AHEAD = 12  # words in which a predicate has to come to its point
_NOUNS_OF_STATE = ("tion", "sion", "ment", "ity", "ance", "ication", "ications")

State = Literal["present", "absent", "uncertain", "normal"]
Said = Literal["absent", "uncertain", "present", "changed", "exists"]


class Reading(NamedTuple):
    state: State
    cue: Cue | None


class Turned(NamedTuple):
    """A stretch of which the opposite is said, or of which it is left open whether it is so."""

    into: Literal["opposite", "doubtful"]
    start: int  # tokens, [start, end)
    end: int
    cue: Cue


@dataclass(frozen=True)
class Governor:
    """What stands before a naming and reaches it."""

    kind: Literal["deny", "hedge", "clause"]  # clause: denies what the clause behind it says ("no evidence that ...")
    cue: Cue
    open: bool = False  # the clause may or may not go on with it


class Predicate(NamedTuple):
    place: int
    said: Said
    cue: Cue | None
    alone: bool  # nothing in its clause that it could be said of: it goes on with the clause before
    goes: bool = False  # of one that has gone, in so many words


@dataclass
class Clause:
    names: list[int]  # places in the list of namings
    governors: list[Governor | None]  # one a naming
    held: list[bool]  # only its part or attribute is spoken of: "the tip of the tube"
    predicates: list[Predicate]


class Sentence:
    """Words in lower case, and the namings among them; places are those of tokens."""

    def __init__(self, text: str, words: list[Token], namings: list[Naming]) -> None:
        self.words = [token.text for token in words]
        self.tokens = words
        self.namings = namings
        self.spans = token_spans(words, namings)
        self.name_at = {start: number for number, (start, _) in enumerate(self.spans)}
        self.cue_at = self._cues(text)
        self.k = classes()
        self.clause_start = 0  # of the clause that is read
        self.shielded: set[int] = set()  # denied was something they have or undergo
        self.told_then: set[int] = set()  # told of an earlier film
        self.versus: dict[int, Cue] = {}  # weighed against the next

    def _cues(self, text: str) -> dict[int, tuple[int, Cue]]:
        """First token -> (one after its last, the cue), but for those inside a naming."""
        starts = {token.start: number for number, token in enumerate(self.tokens)}
        inside = {place for start, end in self.spans for place in range(start, end)}
        cues = {}
        for cue in find_cues(text):
            first = starts.get(cue.start)
            if first is None or first in inside:
                continue
            last = first
            while last + 1 < len(self.tokens) and self.tokens[last + 1].start < cue.end:
                last += 1
            cues[first] = (last + 1, cue)
        for place, token in enumerate(self.tokens[1:], start=1):  # "cannot" is one word and two tokens
            if token.text == "not" and token.start == self.tokens[place - 1].end and place not in inside:
                cues[place] = (place + 1, Cue("not", token.start, token.end))
        return cues

    @cached_property
    def name_ends(self) -> dict[int, int]:
        """Last token of a naming -> its place in the list."""
        return {end - 1: number for number, (_, end) in enumerate(self.spans)}

    def span(self, first: int, stop: int) -> Cue:
        start, end = self.tokens[first].start, self.tokens[stop - 1].end
        return Cue(" ".join(self.words[first:stop]), start, end)

    def behind(self, words: Cue) -> int:
        """The token behind a stretch."""
        return next(number for number, token in enumerate(self.tokens) if token.end == words.end) + 1

    def said(self, place: int, state: Said, cue: Cue | None, start: int, goes: bool = False) -> Predicate:
        return Predicate(place, state, cue, self.bare(start, place), goes)

    def bare(self, start: int, place: int) -> bool:
        """Whether the clause has no subject before its predicate."""
        loose = self.k["auxiliaries"] | self.k["joints_and"] | self.k["ends"] | {
            ",", "-", "(", "which", "that", "it", "they", "these", "this", "both", "all", "now", "not", "n't", "then",
            "if", "and",
            "currently", "previously", "there", "today", "here", "subsequently", "also", "since", "completely",
            "nearly", "almost", "still", "to", "at", "no", "longer",
        }  # fmt: skip
        return all(word in loose or word.endswith("ly") for word in self.words[max(start, place - AHEAD) : place])

    def start_of(self, i: int) -> int:
        place = i
        while (
            place > self.clause_start
            and i - place < AHEAD
            and self.words[place - 1] not in self.k["ends"]
            and self.words[place - 1] != ","
        ):
            if place - 1 in self.name_ends:
                return max(0, self.spans[self.name_ends[place - 1]][0])
            place -= 1
        return place

    def points(self, i: int) -> bool:
        """Whether a phrase is of something known, "the right effusion"; a device always is there."""
        return any(word in self.k["pointing"] or word in self.k["comparison"] for word in self.words[i : i + 1])

    def next_name(self, i: int, end: int) -> int | None:
        """The naming that the phrase at ``i`` comes to."""
        for place in range(i, min(i + 7, end)):
            if place in self.name_at:
                return self.name_at[place]
            if self.words[place] in (",", "or", "and", "is", "are", "which", "that") or place in self.cue_at:
                return None
        return None

    def is_noun_phrase(self, i: int) -> bool:
        """ "no increased markings", "no larger effusion": the comparative stands before a naming."""
        return i + 1 in self.name_at and "than" not in self.words[i : i + 5]

    def listed(self, i: int, end: int) -> bool:
        """Whether what follows a comma goes on with a list of what may be, and does not say what is."""
        ahead = self.words[i + 1 : min(i + 10, end)]
        if any(word in ("or", "and/or", "versus", "vs", "vs.") for word in ahead):
            return True
        words = self.k["affirms"] | self.k["openers"] | self.k["placed"]
        return not any(word in words for word in ahead[:1]) and not any(word in self.k["placed"] for word in ahead)

    def attributed(self, number: int, end: int) -> bool:
        """ "No tube malposition", "no effusion enlargement": what the naming would have or undergo is denied."""
        stop = self.spans[number][1]
        word = self.words[stop] if stop < end else ""
        if stop in self.name_at or stop in self.cue_at or word in self.k["carriers"] or word in self.k["exists"]:
            return False
        return (
            word in self.k["changes"]
            or word in classes()["undergone"]
            or (len(word) > 7 and word.endswith(_NOUNS_OF_STATE))
        )

    def tailed(self, number: int, end: int) -> bool:
        """ "The catheter tip is ...": said of a part of it."""
        stop = self.spans[number][1]
        return self.words[stop : stop + 1] != [] and stop < end and self.words[stop] in classes()["parts"]

    def answer(self, i: int, stop: int) -> bool:
        """ "Pneumothorax: no.", "pneumothorax - none": the whole of what is said of it."""
        if stop < len(self.words) and self.words[stop] not in (".", ";", ",", ")", "!", "|"):
            return False
        if i - 1 in self.name_ends:
            return True
        place = i - 1
        while place >= 0 and self.words[place] in (":", "-", "?", "=", ",", ".", "("):
            place -= 1
        return i - 1 > place >= 0 and (
            place in self.name_ends or any(p in self.name_ends for p in range(max(0, place - 3), place))
        )

    def on_prior(self, i: int, end: int, neg: int) -> bool:
        """ "Not seen on the prior film": new, and there."""
        ahead = self.words[i : min(i + 8, end)]
        year = ahead[1] if len(ahead) > 1 and ahead[0] in ("in", "on", "from") else ""
        if any(word in ("previously", "before", "earlier", "yesterday", "initially") for word in ahead[:3]) or (
            year[:4].isdigit() and len(year) == 4
        ):
            return True
        later = self.words[i : min(i + AHEAD, end)]
        if any(a in self.k["auxiliaries"] and b == "now" for a, b in pairwise(later)):
            return True  # "not seen in the first film, is now present"
        if not ahead or ahead[0] not in ("on", "in", "at", "from", "during"):
            return False
        if any(word in self.k["comparison"] for word in ahead[:5]):
            return True
        relative = any(word in ("which", "that") for word in self.words[max(0, neg - 3) : neg])
        past = any(word in ("was", "were") for word in self.words[max(0, neg - 2) : neg])
        now = any(word in ("current", "present", "this", "today", "today's", "these") for word in ahead)
        return relative and past and not now

    def same(self, one: int, other: int) -> bool:
        """Whether two namings share a condition."""
        return bool(set(self.namings[one].conditions) & set(self.namings[other].conditions))

    def excepting(self, i: int) -> bool:
        """Whether what follows is left out of what is denied."""
        pairs = (["apart", "from"], ["aside", "from"], ["except", "for"], ["other", "than"])
        return self.words[i : i + 2] in pairs or self.words[i : i + 1] in (["except"], ["save"], ["besides"])

    def excepted(self, i: int) -> bool:
        """ "Except at the base", "apart from a residual": a place, a part or another one is left out of what is
        denied."""
        ahead = self.words[i : i + 3]
        if self.excepting(i) and ahead[1:2] and ahead[1] in ("from", "for", "than"):
            if {"one", "ones"} & set(self.words[i + 2 : i + 6]):
                return True  # "no fracture other than an old one"
            rest = [w for w in self.words[i + 2 : i + 6] if w not in ("a", "some", "the")]
            return rest[:1] != [] and (rest[0] in self.k["left_over"] or rest[0] in ("at", "in", "on", "within"))
        return (
            ahead[:1] in (["except"], ["save"])
            and ahead[1:2] != []
            and ahead[1] in ("at", "in", "on", "within", "over", "near")
        )

    def on_lateral(self, i: int, end: int) -> bool:
        return self.words[i : i + 1] == ["on"] and any(
            w in ("lateral", "frontal") for w in self.words[i : min(i + 4, end)]
        )


def token_spans(words: list[Token], namings: list[Naming]) -> list[tuple[int, int]]:
    """First token and one after the last of each naming; both lists are in reading order."""
    spans, place = [], 0
    for naming in namings:
        while place < len(words) and words[place].end <= naming.start:
            place += 1
        stop = place
        while stop < len(words) and words[stop].start < naming.end:
            stop += 1
        spans.append((place, max(stop, place + 1)))
    return spans


def last_word(predicates: list[Predicate], ahead: int) -> tuple[Predicate | None, Predicate | None]:
    """Of what is said of a naming up to the next, what counts, and what follows it: "was there, but is no longer
    seen"."""
    for place, one in enumerate(predicates):
        following = predicates[place + 1] if place + 1 < len(predicates) else None
        passed = following is not None and following.place < ahead
        if (
            passed
            and following is not None
            and (one.said in ("exists", "changed") or (one.said, following.said) == ("present", "absent"))
        ):
            continue
        return one, following
    return None, None


def governed(governor: Governor | None, predicate: Predicate | None) -> Reading:
    """The reading of a naming behind what denies or doubts it, with what is said of it there."""
    if governor is None:
        return Reading("present", None)
    if governor.open:
        return Reading("uncertain", governor.cue)
    if governor.kind == "hedge":
        return Reading("uncertain", governor.cue)
    if governor.cue.text == "absence of" and predicate and predicate.said == "uncertain":
        return Reading("uncertain", predicate.cue)
    if governor.kind == "clause" and predicate and (predicate.said in ("changed", "present") or predicate.goes):
        return Reading("present", None)
    return Reading("absent", governor.cue)


def said_of(reading: Reading, predicate: Predicate) -> Reading:
    if predicate.said in ("absent", "uncertain"):
        in_question = reading.cue is not None and reading.cue.text in ("?", "any")
        if reading.state == "uncertain" and predicate.said == "absent" and not (predicate.goes or in_question):
            return reading
        return Reading(predicate.said, predicate.cue)
    if predicate.said == "present" and predicate.goes and reading.cue and reading.cue.text in ("?", "any"):
        return Reading("present", None)  # "Any effusion? Yes."
    return reading


def turn(reading: Reading, turned: Turned) -> Reading:
    if reading.state == "uncertain":
        return reading
    if turned.into == "doubtful":
        return Reading("uncertain", reading.cue or turned.cue)
    return Reading("absent", turned.cue) if reading.state == "present" else Reading("present", None)


def settled(naming: Naming, reading: Reading) -> Reading:
    """What a reading comes to for a naming that says more than that something is there."""
    if naming.kind == "normal":
        return Reading("normal", None) if reading.state in ("present", "normal") else Reading("uncertain", reading.cue)
    if naming.kind == "borderline":
        return Reading("uncertain", reading.cue)
    if naming.kind == "not normal":
        return Reading("present", None)
    if naming.kind == "gone":
        return Reading("present", None) if reading.state == "absent" else Reading("uncertain", reading.cue)
    return reading
