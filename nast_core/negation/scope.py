"""What denies or doubts each naming of a sentence: cues, how far they reach, and what they touch. Source: ours.

A clause is read once from left to right. A cue before a naming denies it, unless what is denied is only something it has
("no kinking of the tube") or undergoes ("no change in the effusion"); a predicate behind it denies it only if it says
whether it is there ("is not seen"), not how it is ("is not displaced"). What a word denies is told by the classes of
scope.yaml; a word in none of them is an attribute. After NegEx and ConText, which know no such thing.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from nast_core.negation.clauses import Named, clauses
from nast_core.negation.cues import Cue, find_cues
from nast_core.negation.lexicon import Naming
from nast_core.negation.words import Token, classes

_AHEAD = 12  # words in which a predicate has to come to its point
_DEGREES = frozenset("well fully completely entirely adequately optimally sufficiently ideally sharply".split())
_VERBAL = frozenset(
    ["not", "n't", "never", "no longer"]
)
_GOING = frozenset(["resolution of", "clearing of", "removal of"])
_GONE = frozenset(
    "absent lacking none excluded resolved cleared disappeared removed unlikely free".split() + ["ruled out"]
)
_NOUNS_OF_STATE = ("tion", "sion", "ment", "ity", "ance", "ication", "ications")
_ANSWERS = frozenset("negative neg nil".split())
_DONE = frozenset("kinking loosening loculation cavitation malposition breakage complication failure".split())
_NOUNS_OF_DOING = ("tion", "sion", "ment", "ing", "ance", "ence", "ity", "ness", "sis", "ure", "ling", "al")

State = Literal["present", "absent", "uncertain", "normal"]
Said = Literal["absent", "uncertain", "present", "changed", "exists"]


class Reading(NamedTuple):
    state: State
    cue: Cue | None


@dataclass(frozen=True)
class _Governor:
    """What stands before a naming and reaches it."""

    kind: Literal["deny", "hedge", "clause"]  # clause: denies what the clause behind it says ("no evidence that ...")
    cue: Cue
    open: bool = False  # the clause may or may not go on with it


class _Predicate(NamedTuple):
    place: int
    said: Said
    cue: Cue | None
    alone: bool  # nothing in its clause that it could be said of: it goes on with the clause before
    goes: bool = False  # of one that has gone, in so many words


@dataclass
class _Clause:
    names: list[int]  # places in the list of namings
    governors: list[_Governor | None]  # one a naming
    held: list[bool]  # only its part or attribute is spoken of: "the tip of the tube"
    predicates: list[_Predicate]


def read(text: str, words: list[Token], namings: list[Naming]) -> list[Reading]:
    """A reading of each naming. ``text`` in lower case, as ``words`` and ``namings`` have it."""
    return _Reader(text, words, namings).read()


class _Reader:
    def __init__(self, text: str, words: list[Token], namings: list[Naming]) -> None:
        self.words = [token.text for token in words]
        self.tokens = words
        self.namings = namings
        self.spans = _token_spans(words, namings)
        self.name_at = {start: number for number, (start, _) in enumerate(self.spans)}
        self.cue_at = self._cues(text)
        self.k = classes()
        self.shielded: set[int] = set()  # denied was something they have or undergo
        self.versus: dict[int, Cue] = {}  # weighed against the next

    def _cues(self, text: str) -> dict[int, tuple[int, Cue]]:
        """First token -> (one after its last, the cue), but for those inside a naming."""
        starts = {token.start: number for number, token in enumerate(self.tokens)}
        inside = {place for start, end in self.spans for place in range(start, end)}
        found = {}
        for cue in find_cues(text):
            first = starts.get(cue.start)
            if first is None or first in inside:
                continue
            last = first
            while last + 1 < len(self.tokens) and self.tokens[last + 1].start < cue.end:
                last += 1
            found[first] = (last + 1, cue)
        for place, token in enumerate(self.tokens[1:], start=1):  # "cannot" is one word and two tokens
            if token.text == "not" and token.start == self.tokens[place - 1].end and place not in inside:
                found[place] = (place + 1, Cue("not", token.start, token.end))
        return found

    def read(self) -> list[Reading]:
        named = [Named(start, end, naming.normal) for (start, end), naming in zip(self.spans, self.namings, strict=True)]
        starts = clauses(self.words, named)
        bounds = [*(start for start, _ in starts), len(self.words)]
        found: list[Reading | None] = [None] * len(self.namings)
        turned = self._turned()
        governor: _Governor | None = None
        last: _Clause | None = None
        for (start, opening), end in zip(starts, bounds[1:], strict=True):
            carried = replace(governor, open=True) if opening == "open" and governor else None
            if governor and governor.kind == "hedge" and self.words[start] in ("due", "secondary", "related", "attributable"):
                carried = governor  # "possibly related to an effusion"
            clause, governor = self._clause(start, end, carried)
            for number, reading in zip(clause.names, self._states(clause), strict=True):
                found[number] = reading
            if last and not clause.names:
                for predicate in clause.predicates:
                    if predicate.alone:
                        self._goes_on(last, predicate, found)
            if clause.names:
                last = clause
        readings = [reading or Reading("present", None) for reading in found]
        for number, cue in self.versus.items():
            same = number + 1 < len(readings) and set(self.namings[number].conditions) & set(self.namings[number + 1].conditions)
            if readings[number].state == "present" and not same:
                readings[number] = Reading("uncertain", cue)
        self._alternatives(readings)
        if turned is not None:
            readings = [_turn(r, turned) for r in readings]
        return [self._final(naming, reading) for naming, reading in zip(self.namings, readings, strict=True)]

    # -- one clause ---------------------------------------------------------------------------------------------

    def _clause(self, start: int, end: int, governor: _Governor | None) -> tuple[_Clause, _Governor | None]:
        clause = _Clause([], [], [], [])
        shield: str | None = None  # what is denied of the naming is not its being there: one phrase, or the whole list
        pointed = held = subject = False
        i = start
        while i < end:
            word = self.words[i]
            number = self.name_at.get(i)
            if number is not None:
                clause.names.append(number)
                shielded = governor is not None and governor.kind != "hedge" and (shield or self._attributed(number, end))
                clause.governors.append(None if shielded else governor)
                if shielded:
                    self.shielded.add(number)
                clause.held.append(held or self._tailed(number, end))
                i, subject = max(self.spans[number][1], i + 1), True
                continue
            before = self.words[i - 1] if i > start else ""
            if i in self.cue_at:
                stop, cue = self.cue_at[i]
                i, governor, shield = self._cue(i, min(stop, end), end, cue, clause, governor, shield)
                held = False
                continue
            if word == "-" and before == "(" and self.words[i + 1 : i + 2] == [")"] and i - 2 in self._name_ends:
                clause.predicates.append(_Predicate(i, "absent", self._span(i, i + 1), True, True))  # "effusion (-)"
            elif word in self.k["going"] and self.words[i + 1 : i + 2] == ["of"]:
                governor, shield = self._going(i, self._span(i, i + 2), governor, shield)
                i, held = i + 2, False
                continue
            elif word == "nothing" and self.words[i + 1 : i + 2] and self.words[i + 1].startswith(("suggest", "indicat", "point")):
                governor, shield = _Governor("deny", self._span(i, i + 2)), None
                i, held = i + 2, False
                continue
            elif self.k["excludes"].has(word) and governor and governor.kind == "deny":
                governor = _Governor("hedge", self._span(i, i + 1))  # "no evidence to exclude"
            elif word in _ANSWERS and self._answer(i, i + 1):
                clause.predicates.append(_Predicate(i, "absent", self._span(i, i + 1), True, True))
            elif word in self.k["going"] and clause.names and self.spans[clause.names[-1]][1] == i:
                clause.predicates.append(_Predicate(i, "absent", self._span(i, i + 1), False, True))  # "tube removal"
            elif (hedge := self._hedge(i, end, subject)) is not None:
                kind, doubt, stop = hedge
                if kind == "between" and clause.names:
                    self.versus[clause.names[-1]] = doubt
                if kind in ("behind", "both"):
                    clause.predicates.append(self._said(i, "uncertain", doubt, start))
                if kind != "behind" and not (governor and governor.kind == "deny"):
                    governor, shield = _Governor("hedge", doubt), None
                i, held = stop, False
                continue
            elif word in self.k["prepositions"] and before and not held:
                shield, pointed, holds = self._prepositional(i, end, governor, shield, pointed)
                held = holds
            elif word in self.k["beyond"] and governor and governor.kind != "hedge" and self._reaches(i):
                governor, shield = None, None
            elif word in (",", "and", "or", "nor", "/", "&", "and/or"):
                held = False
                if governor and governor.kind == "deny" and governor.cue.text in _GOING and self.words[i + 2 : i + 3] == ["of"]:
                    governor = None  # "removal of a tube and placement of another"
                if word == "," and governor and governor.kind == "hedge" and not self._listed(i, end):
                    governor = None  # "borderline heart size, tube in place"
                if shield and self.words[i + 1 : i + 2] and self.words[i + 1] in ("new", "other", "additional", "any", "evidence"):
                    shield = None
                if shield == "phrase" and not (pointed and self._points(i + 1)):
                    shield = None
            elif governor and governor.kind == "deny" and word in ("change", "changes") and self._next_name(i + 1, end) is not None:
                shield = "list"  # "no change right lower lobe opacity"
            elif word == "that" and governor and governor.kind == "deny":
                governor = replace(governor, kind="clause")
            elif any(self.k[name].has(word) for name in ("auxiliaries", "exists", "goes", "changed")):
                i, governor = self._predicate(i, end, clause, governor, subject)
                held = False
                continue
            i += 1
        return clause, governor if not shield else None

    def _said(self, place: int, said: Said, cue: Cue | None, start: int, goes: bool = False) -> _Predicate:
        return _Predicate(place, said, cue, self._bare(start, place), goes)

    def _bare(self, start: int, place: int) -> bool:
        """Whether the clause has no subject before its predicate."""
        loose = self.k["auxiliaries"] | self.k["joints_and"] | self.k["ends"] | {
            ",", "-", "(", "which", "that", "it", "they", "these", "this", "both", "all", "now", "not", "n't", "then", "if", "and",
            "currently", "previously", "subsequently", "also", "since", "completely", "nearly", "almost", "still", "to", "at", "no", "longer",
        }  # fmt: skip
        return all(word in loose or word.endswith("ly") for word in self.words[max(start, place - _AHEAD) : place])

    def _span(self, first: int, stop: int) -> Cue:
        start, end = self.tokens[first].start, self.tokens[stop - 1].end
        return Cue(" ".join(self.words[first:stop]), start, end)

    def _points(self, i: int) -> bool:
        """Whether a phrase is of something known, "the right effusion"; a device always is there."""
        return any(word in self.k["pointing"] or word in self.k["comparison"] for word in self.words[i : i + 1])

    def _prepositional(
        self, i: int, end: int, governor: _Governor | None, shield: str | None, pointed: bool
    ) -> tuple[str | None, bool, bool]:
        """Behind "H of": whether H shields what follows from a denial before it, and holds it as an attribute."""
        head = self.words[i - 1]
        of_name = (i - 1) in self._name_ends
        if head in self.k["carriers"] or head in ("no", ",", "and", "or") or head.isdigit():
            return shield, pointed, False
        ahead = self._next_name(i + 1, end)
        if ahead is None:
            return shield, pointed, False
        pointing = self._points(i + 1)
        device = "Support Devices" in self.namings[ahead].conditions
        if governor and governor.kind == "deny":
            if head == "changes" and self.words[i] in ("of", "from") and not pointing:
                return shield, pointed, False  # "no changes of edema": its signs
            if head in self.k["changes"] or self.k["changed"].has(head):
                return "list", True, True
            if self.words[i] == "to" and not pointing and not device:
                return shield, pointed, False  # "no blunting to suggest an effusion"
            if of_name and not device and not pointing:
                return shield, pointed, False
            if pointing or device or (not of_name and head.endswith(_NOUNS_OF_DOING)):
                return "phrase", pointing, True
            return shield, pointed, False
        verbal = head in self.k["auxiliaries"] or head in self.k["exists"] or of_name
        return shield, pointed, not verbal and self.words[i] == "of"

    @property
    def _name_ends(self) -> dict[int, int]:
        if not hasattr(self, "_ends"):
            self._ends = {end - 1: number for number, (_, end) in enumerate(self.spans)}
        return self._ends

    def _next_name(self, i: int, end: int) -> int | None:
        """The naming that the phrase at ``i`` comes to."""
        for place in range(i, min(i + 7, end)):
            if place in self.name_at:
                return self.name_at[place]
            if self.words[place] in (",", "or", "and", "is", "are", "which", "that") or place in self.cue_at:
                return None
        return None

    def _listed(self, i: int, end: int) -> bool:
        """Whether what follows a comma goes on with a list of what may be, and does not say what is."""
        ahead = self.words[i + 1 : min(i + 10, end)]
        if any(word in ("or", "and/or", "versus", "vs", "vs.") for word in ahead):
            return True
        said = self.k["affirms"] | self.k["openers"] | self.k["placed"]
        return not any(word in said for word in ahead[:1]) and not any(word in self.k["placed"] for word in ahead)

    def _reaches(self, i: int) -> bool:
        """Whether a word says where something is, and is no mere adjective ("no underlying fracture")."""
        after = self.words[i + 1] if i + 1 < len(self.words) else ""
        return self.words[i] == "beyond" or i - 1 in self._name_ends or after in self.k["pointing"] or after == "to"

    def _attributed(self, number: int, end: int) -> bool:
        """ "No tube malposition", "no effusion enlargement": what the naming would have or undergo is denied."""
        stop = self.spans[number][1]
        word = self.words[stop] if stop < end else ""
        if stop in self.name_at or stop in self.cue_at or word in self.k["carriers"] or word in self.k["exists"]:
            return False
        return word in self.k["changes"] or word in _DONE or (len(word) > 7 and word.endswith(_NOUNS_OF_STATE))

    def _tailed(self, number: int, end: int) -> bool:
        """ "The catheter tip is ...": said of a part of it."""
        stop = self.spans[number][1]
        return self.words[stop : stop + 1] != [] and stop < end and self.words[stop] in _TAILS

    # -- cues ---------------------------------------------------------------------------------------------------

    def _cue(
        self, i: int, stop: int, end: int, cue: Cue, clause: _Clause, governor: _Governor | None, shield: str | None
    ) -> tuple[int, _Governor | None, str | None]:
        """A cue at ``i``: where to read on, and what now governs what follows."""
        text, words = cue.text, self.words
        subject = bool(clause.names)
        start = i
        after = words[stop] if stop < end else ""
        if text in ("no", "none", "absent") and self._answer(i, stop):
            clause.predicates.append(_Predicate(i, "absent", cue, True, True))
            return stop, None, None
        if text == "without" and words[max(0, i - 2) : i] == ["with", "or"]:
            return stop, _Governor("hedge", self._span(i - 2, stop)), None
        if text == "no" and words[i - 1 : i] == ["be"] and any(w in self.k["modals"] for w in words[max(0, i - 4) : i]):
            return stop, _Governor("hedge", cue), None  # "there may be no effusion"
        if text == "no" and after == "the":  # a word left over
            return stop, governor, shield
        if text == "no":
            if after in ("doubt", "mistaking", "question") or (
                (after in self.k["changed"] and after not in ("new", "acute", "stable", "more", "other", "different", "altered", "clear", "similar") and not self._is_noun_phrase(stop))
                or (after in ("more", "different", "less", "greater", "worse", "better") and "than" in words[stop : stop + 3])
            ):
                clause.predicates.append(self._said(i, "present", None, self._start_of(i)))
                return stop + 1, None, None
            return stop, _Governor("deny", cue), None
        first = text.split()[0]
        if first in ("not", "never") or text in _VERBAL:
            return self._verbal(i, stop, end, cue, clause, governor)
        if text in _GOING:
            return (stop, *self._going(i, cue, governor, shield))
        if text in ("unlikely to be", "unlikely to represent"):
            return stop, _Governor("deny", cue), None
        if text in _GONE:
            attributive = self._attributive(i, stop, end, subject)
            if words[i - 1 : i] == ["less"] and text == "unlikely":
                attributive = False
            if text in ("unlikely",) and after == "to":
                return stop, _Governor("deny", cue), None
            if attributive:
                return stop, _Governor("deny", cue), None
            said = "present" if self._on_prior(stop, end, i) else self._gone(i, text)
            clause.predicates.append(self._said(i, said, cue if said != "present" else None, self._start_of(i), True))
            return stop, governor, shield
        if text in ("rules out", "excludes", "excluding", "rather than", "instead of") or text.startswith("argue"):
            return stop, _Governor("deny", cue), None
        if text == "neither" and self._paired_verbs(i, end):
            pair = words[i : i + self._paired_verbs(i, end)]
            said: Said = "uncertain" if any(self.k["excludes"].has(w) for w in pair) else "present"
            said = "absent" if any(w in self.k["exists"] for w in pair) else said
            clause.predicates.append(self._said(i, said, cue if said != "present" else None, self._start_of(i)))
            return min(end, i + self._paired_verbs(i, end)), None, None
        if text in ("neither", "nor"):
            return stop, _Governor("clause" if text == "neither" or (governor and governor.kind == "clause") else "deny", cue), None
        if text.startswith(("clear", "free", "devoid")) and words[i - 1 : i] and words[i - 1] in ("hardly", "barely", "scarcely", "rarely"):
            return stop, None, None
        return stop, _Governor("deny", cue), None

    def _is_noun_phrase(self, i: int) -> bool:
        """ "no increased markings", "no larger effusion": the comparative stands before a naming."""
        return i + 1 in self.name_at and "than" not in self.words[i : i + 5]

    def _start_of(self, i: int) -> int:
        place = i
        while place and i - place < _AHEAD and self.words[place - 1] not in self.k["ends"] and self.words[place - 1] != ",":
            if place - 1 in self._name_ends:
                return max(0, self.spans[self._name_ends[place - 1]][0])
            place -= 1
        return place

    def _answer(self, i: int, stop: int) -> bool:
        """ "Pneumothorax: no.", "pneumothorax - none": the whole of what is said of it."""
        if stop < len(self.words) and self.words[stop] not in (".", ";", ",", ")", "!", "|"):
            return False
        place = i - 1
        while place >= 0 and self.words[place] in (":", "-", "?", "=", ",", ".", "("):
            place -= 1
        return i - 1 > place >= 0 and (place in self._name_ends or any(p in self._name_ends for p in range(max(0, place - 3), place)))

    def _attributive(self, i: int, stop: int, end: int, subject: bool) -> bool:
        """ "Resolved pneumonia", "absent pleural effusion": before what it denies."""
        if subject or self.words[i - 1 : i] and self.words[i - 1] in self.k["auxiliaries"]:
            return False
        ahead = self._next_name(stop, end)
        return ahead is not None and self.spans[ahead][0] - stop <= 4

    def _gone(self, i: int, text: str) -> Said:
        before = self.words[max(0, i - 4) : i]
        if any(self.k["partly"].has(word) for word in before[-3:]) or before[-2:] == ["all", "but"]:
            return "present"
        modal = [word for word in before if word in ("may", "might", "could", "should", "will", "would", "to", "be", "can")]
        if text == "unlikely":
            return "absent"
        if any(word in ("may", "might", "could") for word in before):
            return "uncertain" if "have" in before or text in ("excluded", "ruled out") else "present"
        if any(word in ("should", "will", "would", "can", "to") for word in modal) and "be" in before and text in ("removed", "cleared"):
            return "present"
        if any(word in ("until", "once", "if", "when") for word in before):
            return "uncertain"
        return "absent"

    def _going(self, i: int, cue: Cue, governor: _Governor | None, shield: str | None) -> tuple[_Governor | None, str | None]:
        """ "Resolution of X": X has gone, but for one that is partial, denied or waited for."""
        before = self.words[max(0, i - 4) : i]
        part = any(self.k["partly"].has(word) for word in before[-3:])
        part |= any(word in ("incomplete", "partial") for word in self.words[i : i + 9])
        if part or (governor and governor.kind != "hedge"):
            return (governor, "list") if governor else (None, None)
        if any(word in self.k["wanted"] for word in before) or before[-1:] == ["to"]:
            return _Governor("hedge", cue), None
        return _Governor("deny", cue), None

    def _paired_verbs(self, i: int, end: int) -> int:
        """ "Neither confirmed nor excluded": words up to the end of the pair; 0 where it joins nouns."""
        for place in range(i + 1, min(i + 6, end)):
            if place in self.name_at:
                return 0
            if self.words[place] == "nor":
                head = self.words[place + 1] if place + 1 < end else ""
                return place + 2 - i if place + 1 not in self.name_at and (head.endswith("ed") or head in self.k["exists"] or self.k["excludes"].has(head) or self.k["changed"].has(head)) else 0
        return 0

    def _verbal(
        self, i: int, stop: int, end: int, cue: Cue, clause: _Clause, governor: _Governor | None
    ) -> tuple[int, _Governor | None, str | None]:
        """ "not", "no longer": which predicate is denied decides whether its subject, or what follows, is."""
        words, k = self.words, self.k
        neg = i + len(cue.text.split()) if cue.text in _VERBAL else i + 1
        subject = bool(clause.names)
        aux = next((w for w in reversed(words[max(0, i - 2) : i]) if w in k["auxiliaries"]), "")
        ahead = words[neg : min(neg + _AHEAD, end)]
        begin = self._start_of(i)

        def tell(said: Said, by: Cue | None = cue) -> None:
            clause.predicates.append(self._said(i, said, by if said != "present" else None, begin))

        if ahead[:1] and ahead[0] in ("only", "just", "merely", "simply", "necessarily"):
            return neg + 1, None, None
        place, degrees, before_now = neg, False, False
        while place < min(neg + _AHEAD, end) and place not in self.name_at and (
            words[place] in k["auxiliaries"] or words[place].endswith("ly") and words[place] not in k["hedges"] or words[place] in ("to", "yet", "well", "any", "so", "as", "all", "that", "longer", "necessarily", "at", "a", "an")
        ):
            degrees |= words[place] in _DEGREES
            before_now |= words[place] in k["comparison"]
            place += 1
        head = words[place] if place < end else ""
        reach = words[neg : min(neg + 7, end)]
        stopped = next((n for n, w in enumerate(reach) if neg + n in self.name_at or w in (",",)), len(reach))
        if any(k["excludes"].has(w) for w in reach[:stopped]):
            hedge = self._span(i, min(end, neg + 1 + next(n for n, w in enumerate(reach) if k["excludes"].has(w))))
            if subject or self._bare(begin, i):
                tell("uncertain", hedge)
            return hedge_stop(self, hedge), _Governor("hedge", hedge), None
        if head in k["doubles"] or (head == "clear" and words[place + 1 : place + 2] == ["of"]):
            tell("present")
            return place + 2, None, None
        if ahead[:1] and ahead[0] in ("definitely", "certainly", "clearly") and place in self.name_at:
            return place, _Governor("hedge", self._span(i, neg + 1)), None
        if head == "been" or place in self.name_at or not head:
            return place, _Governor("deny", cue), None
        if head in k["exists"] or head in ("there",):
            exists = place
            if head in ("feature", "evidence"):
                pass
            prior = before_now or self._on_prior(exists + 1, end, i)
            view = self._on_lateral(exists + 1, end)
            view = view or any(w in ("may", "might") for w in words[max(0, i - 2) : i])
            if subject:
                tell("present" if degrees or prior else "uncertain" if view else "absent")
                return exists + 1, None, None
            if clause.names == [] and self._bare(begin, i) and not self._next_name(exists + 1, end) and self._next_name(exists + 1, end) != 0:
                tell("present" if degrees or prior else "uncertain" if view else "absent")
            if prior or degrees:
                return exists + 1, None, None
            if self._next_name(exists + 1, end) is not None and not self._bare(begin, i) and aux in ("is", "are", "was", "were", ""):
                tell("present" if degrees or prior else "absent")
            return exists + 1, _Governor("deny", cue), None
        if head in k["arises"]:
            tell("absent")
            return place + 1, _Governor("deny", cue), None
        if head in k["changed"] or k["changed"].has(head) or head in k["goes"]:
            if self._is_noun_phrase(place) and not subject and aux not in ("is", "are", "was", "were"):
                return place, _Governor("deny", cue), None
            tell("present")
            return place + 1, None, None
        if head in k["undecided"] and not degrees:
            tell("uncertain", self._span(i, place + 1))
            return place + 1, _Governor("hedge", self._span(i, place + 1)), None
        if head in ("clear",):
            return place + 1, _Governor("hedge", self._span(i, place + 1)), None
        if head in k["thought"]:
            if subject and self._next_name(place + 1, end) is None:
                tell("absent")
            return place + 1, _Governor("deny", cue), None
        if head in k["links"]:
            return place + 1, _Governor("deny", cue), None
        acting = aux in ("does", "do", "did", "can", "could", "ca", "will", "would", "wo") or (aux in ("has", "have", "had"))
        between = words[place : place + 8]
        name = self._next_name(place, end)
        if name is None:
            if subject or self._bare(begin, i):
                tell("present")
            return place, _Governor("deny", cue) if not subject else None, None
        steps = words[place : self.spans[name][0]]
        if not acting and any(w in k["prepositions"] for w in steps) and not any(w in k["carriers"] for w in steps):
            tell("present")
            return place, None, None
        if not subject and not acting and words[neg : neg + 1] and words[neg] in k["pointing"]:
            return neg, _Governor("clause", cue), None
        if words[neg : neg + 1] and words[neg] in k["pointing"] and aux == "":
            return neg, _Governor("clause", cue), None
        return neg, _Governor("deny", cue), None

    def _on_prior(self, i: int, end: int, neg: int) -> bool:
        """ "Not seen on the prior film": new, and there."""
        ahead = self.words[i : min(i + 8, end)]
        year = ahead[1] if len(ahead) > 1 and ahead[0] in ("in", "on", "from") else ""
        if any(word in ("previously", "before", "earlier", "yesterday") for word in ahead[:3]) or year[:4].isdigit() and len(year) == 4:
            return True
        if not ahead or ahead[0] not in ("on", "in", "at", "from", "during"):
            return False
        if any(word in self.k["comparison"] for word in ahead[:5]):
            return True
        relative = any(word in ("which", "that") for word in self.words[max(0, neg - 3) : neg])
        past = any(word in ("was", "were") for word in self.words[max(0, neg - 2) : neg])
        now = any(word in ("current", "present", "this", "today", "today's", "these") for word in ahead)
        return relative and past and not now

    def _on_lateral(self, i: int, end: int) -> bool:
        return self.words[i : i + 1] == ["on"] and any(w in ("lateral", "frontal") for w in self.words[i : min(i + 4, end)])

    # -- predicates and hedges ------------------------------------------------------------------------------------

    def _predicate(
        self, i: int, end: int, clause: _Clause, governor: _Governor | None, subject: bool
    ) -> tuple[int, _Governor | None]:
        """Verbs without a cue: what is "possible", "may be present", "has changed"."""
        words, k = self.words, self.k
        place, modal, have = i, None, False
        while place < min(i + _AHEAD, end) and place not in self.name_at and place not in self.cue_at and (
            words[place] in k["auxiliaries"] or words[place].endswith("ly") and words[place] not in k["hedges"] or words[place] in ("to", "also", "well", "still", "now", "only", "all", "both", "then", "again", "as")
        ):
            modal = words[place] if words[place] in k["modals"] else modal
            have |= words[place] == "have"
            place += 1
        head = words[place] if place < end and place not in self.name_at else ""
        begin = self._start_of(i)
        if head == "less" and words[place + 1 : place + 2] == ["likely"]:
            return place, governor
        if modal and place in self.cue_at:
            return place, governor  # the cue tells
        if place in self.cue_at:
            return place, governor
        if modal in ("may", "might", "could", "can"):
            hedge = self._span(i, max(i + 1, min(place + 1, end) if head else place))
            if head in k["exists"] or head in k["arises"] or (head in k["goes"] and have):
                if subject or self._bare(begin, i):
                    clause.predicates.append(self._said(i, "uncertain", hedge, begin))
                return place + 1, governor
            if k["excludes"].has(head):
                return place + 1, governor
            if modal == "can" and not head.endswith(("present", "indicate", "mimic", "reflect")):
                return max(place, i + 1), governor
            if head in k["goes"] or k["changed"].has(head):
                return place + 1, governor
            if governor and governor.kind == "deny" and not subject:
                return place, governor
            return max(place, i + 1), _Governor("hedge", hedge)
        linking = place > i
        if head == "taken" and words[place + 1 : place + 2] == ["out"]:
            clause.predicates.append(self._said(place, self._gone(place, head), self._span(place, place + 2), begin, True))
            return place + 2, governor
        if head in k["doubted"] and linking:
            if not subject and self._next_name(place + 1, end) is not None and not (governor and governor.kind == "deny"):
                return place + 1, _Governor("hedge", self._span(place, place + 1))  # "there is suspected ..."
            if head in ("likely", "probable", "considered") and self._next_name(place + 1, end) is not None:
                return place + 1, governor if governor and governor.kind == "deny" else _Governor("hedge", self._span(place, place + 1))
            if head == "considered" and place + 1 in self.cue_at:
                return place + 1, governor
            clause.predicates.append(self._said(place, "uncertain", self._span(place, place + 1), begin))
            return place + 1, governor
        if words[i] in ("appears", "appear", "seems", "seem", "felt", "thought") and words[i + 1 : i + 2] == ["to"] and head in ("represent", "reflect", "be") and not governor:
            return place, _Governor("hedge", self._span(i, place))
        if head in k["goes"] and place not in self.cue_at:
            if subject or self._bare(begin, i):
                said = self._gone(place, head)
                clause.predicates.append(self._said(place, said, self._span(place, place + 1), begin, True))
            return place + 1, governor
        if head in k["exists"]:
            clause.predicates.append(self._said(i, "exists", None, begin))
            return place + 1, governor
        if head and (k["changed"].has(head)) and (linking or words[i] == head):
            if linking or subject:
                clause.predicates.append(self._said(i, "changed", None, begin))
            return place + 1, governor
        return max(place, i + 1), governor

    def _hedge(self, i: int, end: int, subject: bool) -> tuple[str, Cue, int] | None:
        """Words of doubt without a verb: whether they reach before or behind them, or both, and where to read on."""
        words, k = self.words, self.k
        word = words[i]
        after = words[i + 1] if i + 1 < end else ""
        last = i + 1 >= end or after in (".", ",", ";", ")")
        if word == "if" and after in ("present", "any", "at", "real"):
            return "behind", self._span(i, i + 2), i + 2
        if word in ("versus", "vs", "vs."):
            return "between", self._span(i, i + 1), i + 1
        if word == "?" and i - 1 in self._name_ends:
            return "behind", self._span(i, i + 1), i + 1
        if word == "?":
            return ("before", self._span(i, i + 1), i + 1) if i + 1 < end else None
        if (word, after) in (("rule", "out"), ("ruling", "out")) or word == "r/o":
            return "before", self._span(i, min(end, i + 2)), i + 2
        if word == "exclusion" and after == "of":
            return "before", self._span(i, i + 2), i + 2
        if word in ("difficult", "hard", "impossible", "unable", "inability") and any(k["excludes"].has(w) for w in words[i : i + 4]):
            stop = i + 1 + next(n for n, w in enumerate(words[i : i + 4]) if k["excludes"].has(w))
            return "both", self._span(i, stop), stop
        if word == "may" and words[i + 1 : i + 4] == ["or", "may", "not"]:
            return "before", self._span(i, i + 4), i + 4
        if word in ("suggestion", "possibility", "likelihood", "probability") and after in ("of", "for"):
            return "before", self._span(i, i + 2), i + 2
        if word == "if" and words[i - 1 : i] and words[i - 1] in ("uncertain", "unclear", "unknown", "unsure"):
            return "before", self._span(i - 1, i + 1), i + 1
        if word == "history" and after == "of" or word == "hx":
            return "before", self._span(i, i + 1), i + 2
        if word == "less" and after == "likely":
            than = "than" in words[i + 2 : i + 4] or i + 2 >= end or self.words[i + 2] == "."
            return "both" if than and subject else "before", self._span(i, i + 2), i + 2
        if word in k["hedges_for"] and any(w in ("for", "of", "about") for w in words[i + 1 : i + 3]):
            of_known = words[i + 1 : i + 2] == ["of"] and words[i + 2 : i + 3] and words[i + 2] in k["pointing"]
            return None if of_known else ("before", self._span(i, min(end, i + 2)), i + 2)
        if word in k["hedges"]:
            if word in ("question", "consider", "borderline", "potential", "early", "apparent", "differential") or not last or not subject:
                return "before", self._span(i, i + 1), i + 1
            return "behind", self._span(i, i + 1), i + 1
        if word == "if" and self._next_name(i + 1, end) is not None:
            return "before", self._span(i, i + 1), i + 1
        return None

    # -- states -------------------------------------------------------------------------------------------------

    def _states(self, clause: _Clause) -> list[Reading]:
        found, place = [], 0
        predicates = sorted(clause.predicates, key=lambda p: p.place)
        for number, governor, held in zip(clause.names, clause.governors, clause.held, strict=True):
            end = self.spans[number][1]
            while place < len(predicates) and predicates[place].place < end - 1:
                place += 1
            ahead = self.spans[number + 1][0] if number + 1 < len(self.spans) else len(self.words)
            predicate, following = _last_word(predicates[place : place + 4], ahead)
            reading = self._governed(governor, predicate)
            if predicate and not (governor and governor.kind != "hedge") and not held:
                reading = _said_of(reading, predicate)
                if following and following.said == "uncertain" and predicate.said in ("absent", "present"):
                    reading = _said_of(reading, following)
            elif predicate and held and predicate.goes and predicate.said == "absent" and not governor:
                reading = _said_of(reading, predicate)
            found.append(reading)
        return found

    def _governed(self, governor: _Governor | None, predicate: _Predicate | None) -> Reading:
        if governor is None:
            return Reading("present", None)
        if governor.open:
            return Reading("uncertain", governor.cue)
        if governor.kind == "hedge":
            return Reading("uncertain", governor.cue)
        if governor.cue.text == "absence of" and predicate and predicate.said == "uncertain":
            return Reading("uncertain", predicate.cue)
        if governor.kind == "clause" and predicate and predicate.said in ("changed", "present"):
            return Reading("present", None)
        return Reading("absent", governor.cue)

    def _goes_on(self, clause: _Clause, predicate: _Predicate, found: list[Reading | None]) -> None:
        """A predicate without a subject, said of the clause before: "improved, but is not resolved"."""
        for number, governor, held in zip(clause.names, clause.governors, clause.held, strict=True):
            reading = found[number]
            if reading is None or held:
                continue
            if governor and governor.kind == "clause":
                found[number] = self._governed(governor, predicate)
            elif not governor or governor.kind == "hedge":
                found[number] = _said_of(reading, predicate)

    def _alternatives(self, readings: list[Reading]) -> None:
        """ "Atelectasis or infiltrate": one of the two, so neither is sure."""
        for number in range(len(readings) - 2, -1, -1):
            end, start = self.spans[number][1], self.spans[number + 1][0]
            between = self.words[end:start]
            if len(between) > 5 or self.namings[number].kind != "found" or self.namings[number + 1].kind != "found":
                continue
            if set(self.namings[number].conditions) & set(self.namings[number + 1].conditions):
                continue
            if self.shielded & {number, number + 1}:
                continue
            this, that = readings[number], readings[number + 1]
            joint = next((w for w in between if w in ("or", "and/or", "/")), None)
            if "/" in between and "and" in between:
                joint = "or"
            if joint and this.state == that.state == "present":
                place = end + between.index(joint) if joint in between else end
                cue = self._span(place, place + 1)
                readings[number], readings[number + 1] = Reading("uncertain", cue), Reading("uncertain", cue)
            elif between == [","] and that.state == "uncertain" and that.cue and that.cue.text in ("or", "and/or") and this.state == "present":
                readings[number] = that

    def _turned(self) -> str | None:
        """ "It would be wrong to say that there is no X": a denial behind it says the opposite. "uncertain": "does not mean"."""
        words = self.words
        for i, word in enumerate(words):
            if word not in self.k["wrong"] and word not in ("mean", "imply"):
                continue
            if not {"that", "there"} & set(words[i : i + 5]):
                continue
            denied = any(w in ("not", "n't") for w in words[max(0, i - 4) : i])
            if word in ("mean", "imply"):
                return "uncertain" if denied else None
            if denied and word in ("say", "said", "claim"):
                return "uncertain"
            if denied and word in ("case", "true", "correct"):
                return "present"
            if word not in ("case", "true", "correct", "say", "said", "claim"):
                return "present"
        return None

    def _final(self, naming: Naming, reading: Reading) -> Reading:
        if naming.kind == "normal":
            return Reading("normal", None) if reading.state in ("present", "normal") else Reading("uncertain", reading.cue)
        if naming.kind == "borderline":
            return Reading("uncertain", reading.cue)
        if naming.kind == "not normal":
            return Reading("present", None)
        return reading


def hedge_stop(reader: _Reader, hedge: Cue) -> int:
    return next(n for n, token in enumerate(reader.tokens) if token.end == hedge.end) + 1


_TAILS = frozenset("tip tips end hole sideport side-port course position positioning placement size extent margin margins border borders".split())


def _last_word(predicates: list[_Predicate], ahead: int) -> tuple[_Predicate | None, _Predicate | None]:
    """Of what is said of a naming up to the next, what counts, and what follows it: "was there, but is no longer seen"."""
    for place, one in enumerate(predicates):
        following = predicates[place + 1] if place + 1 < len(predicates) else None
        passed = following is not None and following.place < ahead
        if passed and following is not None and (one.said in ("exists", "changed") or (one.said, following.said) == ("present", "absent")):
            continue
        return one, following
    return None, None


def _said_of(reading: Reading, predicate: _Predicate) -> Reading:
    if predicate.said in ("absent", "uncertain"):
        if reading.state == "uncertain" and predicate.said == "absent" and not predicate.goes:
            return reading
        return Reading(predicate.said, predicate.cue)
    return reading


def _turn(reading: Reading, turned: str) -> Reading:
    if reading.state != "absent":
        return reading
    return Reading("present", None) if turned == "present" else Reading("uncertain", reading.cue)


def _token_spans(words: list[Token], namings: list[Naming]) -> list[tuple[int, int]]:
    """First token and one after the last of each naming; both lists are in reading order."""
    found, place = [], 0
    for naming in namings:
        while place < len(words) and words[place].end <= naming.start:
            place += 1
        stop = place
        while stop < len(words) and words[stop].start < naming.end:
            stop += 1
        found.append((place, max(stop, place + 1)))
    return found
