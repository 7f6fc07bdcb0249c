"""What denies or doubts each naming of a sentence: cues, how far they reach, and what they touch. Source: ours.

A clause is read once from left to right. A cue before a naming denies it, unless what is denied is only something it
has ("no kinking of the tube") or undergoes ("no change in the effusion"); a predicate behind it denies it only if it
says whether it is there ("is not seen"), not how it is ("is not displaced"). What a word denies is told by the classes
of scope.yaml; a word in none of them is an attribute. After NegEx and ConText, which know no such thing.
"""

from dataclasses import replace

from nast_core.negation.clauses import Named, clauses
from nast_core.negation.lexicon import Naming
from nast_core.negation.sentence import (
    AHEAD,
    Clause,
    Governor,
    Predicate,
    Reading,
    Said,
    Turned,
    governed,
    last_word,
    said_of,
    settled,
    turn,
)
from nast_core.negation.verbs import VERBAL, Verbs
from nast_core.negation.words import Token
from nast_core.vocabulary.cues import Cue

GOING = frozenset(["resolution of", "clearing of", "removal of"])
_GONE = frozenset(
    ["absent", "lacking", "none", "excluded", "resolved", "cleared", "disappeared", "removed", "free", "ruled out"]
) | {"unlikely", "improbable"}
_NIL = frozenset(["nil", "zero", "ø", "∅"])
_ANSWERS = frozenset(["negative", "neg", "nil"])
_NOUNS_OF_DOING = ("tion", "sion", "ment", "ing", "ance", "ence", "ity", "ness", "sis", "ure", "ling", "al")


def read(text: str, words: list[Token], namings: list[Naming]) -> list[Reading]:
    """A reading of each naming. ``text`` in lower case, as ``words`` and ``namings`` have it."""
    return _Reader(text, words, namings).read()


class _Reader(Verbs):
    """One sentence, clause by clause."""

    turning: Turned | None = None

    def read(self) -> list[Reading]:
        names = [
            Named(start, end, naming.normal, naming.device)
            for (start, end), naming in zip(self.spans, self.namings, strict=True)
        ]
        starts = clauses(self.words, names)
        bounds = [*(start for start, _ in starts), len(self.words)]
        states: list[Reading | None] = [None] * len(self.namings)
        turned = self.turning = self.turned()
        governor: Governor | None = None
        last: Clause | None = None
        for (start, opening), end in zip(starts, bounds[1:], strict=True):
            carried = replace(governor, open=True) if opening == "open" and governor else None
            if (
                governor
                and governor.kind == "hedge"
                and self.words[start] in ("due", "secondary", "related", "attributable")
            ):
                carried = governor  # "possibly related to an effusion"
            clause, governor = self._clause(start, end, carried)
            for number, reading in zip(
                clause.names, self.on_this_film(clause, self._states(clause), start, end), strict=True
            ):
                states[number] = reading
            self.frame = None if clause.names else start
            if last and not clause.names and (self.excepted(start) or self.stays(start, end)):
                self.there_after_all(last, states)
            excepted = last and last.governors[-1] and clause.names and self.excepting(start)
            if last and excepted and self.same(last.names[-1], clause.names[0]):
                self.there_after_all(last, states)  # "no devices apart from a port"
            if last and not clause.names and self.namings[last.names[-1]].normal and self.not_so(start, end):
                states[last.names[-1]] = Reading("uncertain", None)
            if last and not clause.names:
                for predicate in clause.predicates:
                    if predicate.alone:
                        self._goes_on(last, predicate, states)
            if clause.names:
                last = clause
        readings = [reading or Reading("present", None) for reading in states]
        for number, cue in self.versus.items():
            same = number + 1 < len(readings) and self.same(number, number + 1)
            if readings[number].state == "present" and not same:
                readings[number] = Reading("uncertain", cue)
        self.alternatives(readings)
        final = [settled(naming, reading) for naming, reading in zip(self.namings, readings, strict=True)]
        if turned is None:
            return final
        behind = [turned.start <= start < turned.end for start, _ in self.spans]
        return [turn(reading, turned) if told else reading for reading, told in zip(final, behind, strict=True)]

    def _clause(self, start: int, end: int, governor: Governor | None) -> tuple[Clause, Governor | None]:
        clause = Clause([], [], [], [])
        shield: str | None = None  # what is denied of the naming is not its being there: one phrase, or the whole list
        pointed = held = subject = False
        i = self.clause_start = start
        while i < end:
            word = self.words[i]
            number = self.name_at.get(i)
            if number is not None:
                clause.names.append(number)
                shielded = (
                    governor is not None and governor.kind != "hedge" and (shield or self.attributed(number, end))
                )
                clause.governors.append(None if shielded else governor)
                if shielded:
                    self.shielded.add(number)
                clause.held.append(held or self.tailed(number, end))
                i, subject = max(self.spans[number][1], i + 1), True
                continue
            before = self.words[i - 1] if i > start else ""
            if i in self.cue_at:
                stop, cue = self.cue_at[i]
                i, governor, shield = self._cue(i, min(stop, end), end, cue, clause, governor, shield)
                held = False
                continue
            if word == "-" and before == "(" and self.words[i + 1 : i + 2] == [")"] and i - 2 in self.name_ends:
                clause.predicates.append(Predicate(i, "absent", self.span(i, i + 1), True, True))  # "effusion (-)"
            elif word in self.k["going"] and self.words[i + 1 : i + 2] == ["of"]:
                governor, shield = self.going(i, self.span(i, i + 2), governor, shield)
                i, held = i + 2, False
                continue
            elif word in self.k["goes"] and i == start and self.attributive(i, i + 1, end, subject):
                if self.gone(i, word) == "absent":
                    governor, shield = Governor("deny", self.span(i, i + 1)), None  # "gone is the effusion"
            elif (
                word == "nothing"
                and self.words[i + 1 : i + 2]
                and self.words[i + 1].startswith(("suggest", "indicat", "point", "that", "which", "like"))
            ):
                governor, shield = Governor("deny", self.span(i, i + 2)), None
                i, held = i + 2, False
                continue
            elif self.k["excludes"].has(word) and governor and governor.kind == "deny":
                governor = Governor("hedge", self.span(i, i + 1))  # "no evidence to exclude"
            elif (
                word in ("+", "-")
                and i - 1 in self.name_ends
                and self.words[i + 1 : i + 2] in ([], ["."], [","], [";"], ["/"])
            ):
                mark = self.span(i, i + 1) if word == "-" else None
                clause.predicates.append(
                    Predicate(i, "absent" if mark else "present", mark, True, True)
                )  # "L effusion -."
            elif word == "out" and before and self.taken_out(i):
                clause.predicates.append(Predicate(i, "absent", self.span(i, i + 1), True, True))  # "ETT out"
            elif word == "yes" and self.answer(i, i + 1):
                clause.predicates.append(Predicate(i, "present", None, True, True))
            elif word in _ANSWERS and self.answer(i, i + 1):
                clause.predicates.append(Predicate(i, "absent", self.span(i, i + 1), True, True))
            elif word in self.k["going"] and clause.names and self.spans[clause.names[-1]][1] == i:
                clause.predicates.append(Predicate(i, "absent", self.span(i, i + 1), False, True))  # "tube removal"
            elif (hedge := self.hedge(i, end, subject, governor is not None)) is not None:
                kind, doubt, stop = hedge
                if kind == "between" and clause.names:
                    self.versus[clause.names[-1]] = doubt
                if kind in ("behind", "both"):
                    clause.predicates.append(self.said(i, "uncertain", doubt, start))
                if kind != "behind" and not (governor and governor.kind == "deny"):
                    governor, shield = Governor("hedge", doubt), None
                i, held = stop, False
                continue
            elif word in self.k["prepositions"] and before and not held:
                shield, pointed, holds = self._prepositional(i, end, governor, shield, pointed)
                held = holds
            elif governor and governor.kind != "hedge" and self._reaches(i):
                governor, shield = None, None
            elif word == "with" and before in self.k["goes_with"] and self.points(i + 1):
                shield, pointed, held = "phrase", True, True  # "no shift associated with the effusion"
            elif word in (",", "and", "or", "nor", "/", "&", "and/or"):
                held = False
                if (
                    governor
                    and governor.kind == "deny"
                    and governor.cue.text in GOING
                    and self.words[i + 2 : i + 3] == ["of"]
                ):
                    governor = None  # "removal of a tube and placement of another"
                apart = governor is not None and governor.cue.text in ("unlike", "in contrast to")
                if word == "," and governor and governor.kind == "hedge" and (apart or not self.listed(i, end)):
                    governor = None  # "borderline heart size, tube in place"
                if (
                    shield
                    and self.words[i + 1 : i + 2]
                    and self.words[i + 1] in ("new", "other", "additional", "any", "evidence")
                ):
                    shield = None
                if shield == "phrase" and not (pointed and self.points(i + 1)):
                    shield = None
            elif (
                governor
                and governor.kind == "deny"
                and word in ("change", "changes")
                and self.next_name(i + 1, end) is not None
                and self.words[i + 1] not in self.k["beyond"]
            ):
                shield = "list"  # "no change right lower lobe opacity"
            elif (
                governor
                and governor.kind == "deny"
                and (word == "that" or (word in self.k["pointing"] and before in self.k["carriers"]))
            ):
                governor = replace(governor, kind="clause")
            elif governor and governor.kind == "clause" and i - 1 in self.name_ends and word in self.k["verbs"]:
                clause.predicates.append(self.said(i, "changed", None, start))  # "neither tube shows a kink"
            elif any(self.k[name].has(word) for name in ("auxiliaries", "exists", "goes", "changed")):
                i, governor = self.predicate(i, end, clause, governor, subject)
                held = False
                continue
            i += 1
        return clause, governor if not shield else None

    def _prepositional(
        self, i: int, end: int, governor: Governor | None, shield: str | None, pointed: bool
    ) -> tuple[str | None, bool, bool]:
        """Behind "H of": whether H shields what follows from a denial before it, and holds it as an attribute."""
        head = self.words[i - 1]
        of_name = (i - 1) in self.name_ends
        if self.words[i] in ("within", "inside", "throughout") and self.points(i + 1) and governor and not of_name:
            return (
                ("phrase", True, True) if governor.kind == "deny" else (shield, pointed, False)
            )  # "no level within the effusion"
        if head in self.k["carriers"] or head in self.k["links"] or head in ("no", ",", "and", "or") or head.isdigit():
            return shield, pointed, False
        ahead = self.next_name(i + 1, end)
        if ahead is None:
            of_change = governor and governor.kind == "deny" and head in self.k["changes"] and head != "changes"
            of_it = of_change and self.words[i] in ("in", "of") and self.points(i + 1)
            return ("list", True, False) if of_it else (shield, pointed, False)
        pointing = self.points(i + 1)
        device = self.namings[ahead].device
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

    def _reaches(self, i: int) -> bool:
        """Whether a word says where something is, and is no mere adjective ("no underlying fracture")."""
        word, after = self.words[i], self.words[i + 1] if i + 1 < len(self.words) else ""
        if word not in self.k["beyond"]:  # "no collapse accompanying the mass"
            doing = word.endswith("ing") and word not in self.k["hedges"] and not self.k["means"].has(word)
            return doing and i - 1 in self.name_ends and after in self.k["pointing"]
        return word == "beyond" or i - 1 in self.name_ends or after in self.k["pointing"] or after == "to"

    def _cue(
        self, i: int, stop: int, end: int, cue: Cue, clause: Clause, governor: Governor | None, shield: str | None
    ) -> tuple[int, Governor | None, str | None]:
        """A cue at ``i``: where to read on, and what now governs what follows."""
        text, words = cue.text, self.words
        subject = bool(clause.names)
        after = words[stop] if stop < end else ""
        if self.turning and self.turning.start - 4 <= i < self.turning.start:
            return stop, None, None  # "it is not true that"
        if self.other_side(i, stop) or (subject and self.none_there(i, stop)):
            return stop, None, None
        if text in ("no", "none", "absent", *_NIL) and self.answer(i, stop):
            clause.predicates.append(Predicate(i, "absent", cue, True, True))
            return stop, None, None
        if text == "without" and words[max(0, i - 2) : i] == ["with", "or"]:
            return stop, Governor("hedge", self.span(i - 2, stop)), None
        if text == "no" and words[i - 1 : i] == ["be"] and any(w in self.k["modals"] for w in words[max(0, i - 4) : i]):
            return stop, Governor("hedge", cue), None  # "there may be no effusion"
        if ["or", "against"] in (words[p : p + 2] for p in range(stop, stop + 4)):
            return words.index("against", stop) + 1, Governor("hedge", cue), None  # "no evidence for or against"
        if text == "no" and after == "the":  # a word left over
            return stop, governor, shield
        if text == "no" and words[self.clause_start : self.clause_start + 1] == ["only"] and not subject:
            return stop, Governor("hedge", cue), None  # "only the right lung shows no opacity"
        if text == "no" and words[i - 1 : i] == ["to"] and i > 1 and self.k["partly"].has(words[i - 2]):
            return stop, Governor("hedge", cue), None  # "minimal to no edema"
        if text == "no":
            if subject and any(word in self.k["answering"] for word in words[stop : stop + 3]):
                clause.predicates.append(self.said(i, "uncertain", cue, self.start_of(i)))
                return stop + 1, None, None  # "the nodule has no radiographic correlate"
            if (
                self.not_doubted(stop, end)
                or (
                    (
                        after in self.k["changed"]
                        and after
                        not in ("new", "acute", "stable", "more", "other", "different", "altered", "clear", "similar")
                        and not self.is_noun_phrase(stop)
                    )
                    or words[stop + 1 : stop + 2] == ["than"]  # "no fewer than"
                    or (after in ("more", "different", "less", "greater") and "than" in words[stop : stop + 3])
                )
            ):
                clause.predicates.append(self.said(i, "present", None, self.start_of(i)))
                return self.not_doubted(stop, end) or stop + 1, None, None
            return stop, Governor("deny", cue), None
        first = text.split()[0]
        if first in ("not", "never") or text in VERBAL:
            return self.verbal(i, stop, end, cue, clause, governor)
        if text in GOING:
            return (stop, *self.going(i, cue, governor, shield))
        if text in ("unlikely to be", "unlikely to represent"):
            return stop, Governor("deny", cue), None
        plain = self.k["exists"] | self.k["prepositions"] | self.k["joints_or"] | self.k["joints_and"] | self.k["ends"]
        if text == "none" and after.isalpha() and after not in plain | self.k["today"] | self.k["auxiliaries"]:
            return stop, None, None  # "nodules, none calcified"
        if text in _GONE:
            attributive = self.attributive(i, stop, end, subject)
            if text == "absent" and words[i - 2 : i] in (["there", "is"], ["there", "are"]):
                attributive = not subject  # "there is absent severe edema"
            if words[i - 1 : i] == ["less"] and text == "unlikely":
                attributive = False
            if text in ("unlikely",) and after == "to":
                return stop, Governor("deny", cue), None
            if attributive:  # "resolved pneumonia", but not "nearly resolved pneumonia"
                state = self.gone(i, text)
                kinds: dict[Said, Governor | None] = {
                    "absent": Governor("deny", cue),
                    "uncertain": Governor("hedge", cue),
                }
                return stop, kinds.get(state), None
            outside = text == "excluded" and after == "from"  # from the picture
            state = "present" if outside or self.on_prior(stop, end, i) else self.gone(i, text)
            clause.predicates.append(self.said(i, state, cue if state != "present" else None, self.start_of(i), True))
            return stop, governor, shield
        if text == "everything but" and any(self.k["goes"].has(word) for word in words[stop : min(end, stop + AHEAD)]):
            return stop, None, None  # "everything but the tube has been removed"
        if text in ("rules out", "excludes", "excluding", "rather than", "instead of") or text.startswith("argue"):
            return stop, Governor("deny", cue), None
        if text == "neither" and self.paired_verbs(i, end):
            pair = words[i : i + self.paired_verbs(i, end)]
            open_to = any(self.k["excludes"].has(w) or w in self.k["undecided"] for w in pair)
            weighed: Said = "uncertain" if open_to else "present"
            weighed = "absent" if any(w in self.k["exists"] for w in pair) else weighed
            if not subject and weighed == "uncertain":
                return (
                    min(end, i + len(pair)),
                    Governor("hedge", cue),
                    None,
                )  # "neither proven nor refuted is a fracture"
            clause.predicates.append(self.said(i, weighed, cue if weighed != "present" else None, self.start_of(i)))
            return min(end, i + self.paired_verbs(i, end)), None, None
        if text in ("neither", "nor"):
            in_pair = text == "neither" or (governor is not None and governor.kind == "clause")
            return stop, Governor("clause" if in_pair else "deny", cue), None
        if text == "none of" and after in self.k["pointing"]:
            return stop, Governor("clause", cue), None  # "none of the nodules has grown"
        if (
            text.startswith(("clear", "free", "devoid"))
            and words[i - 1 : i]
            and words[i - 1] in ("hardly", "barely", "scarcely", "rarely")
        ):
            return stop, None, None
        return stop, Governor("deny", cue), None

    def _states(self, clause: Clause) -> list[Reading]:
        readings, place = [], 0
        predicates = sorted(clause.predicates, key=lambda p: p.place)
        for number, governor, held in zip(clause.names, clause.governors, clause.held, strict=True):
            end = self.spans[number][1]
            while place < len(predicates) and predicates[place].place < end - 1:
                place += 1
            ahead = self.spans[number + 1][0] if number + 1 < len(self.spans) else len(self.words)
            predicate, following = last_word(predicates[place : place + 4], ahead)
            reading = governed(governor, predicate)
            if predicate and not (governor and governor.kind != "hedge") and not held:
                reading = said_of(reading, predicate)
                if following and following.said == "uncertain" and predicate.said in ("absent", "present"):
                    reading = said_of(reading, following)
            elif predicate and held and predicate.goes and predicate.said == "absent" and not governor:
                reading = said_of(reading, predicate)
            readings.append(reading)
        return readings

    def _goes_on(self, clause: Clause, predicate: Predicate, readings: list[Reading | None]) -> None:
        """A predicate without a subject, said of the clause before: "improved, but is not resolved"."""
        for number, governor, held in zip(clause.names, clause.governors, clause.held, strict=True):
            reading = readings[number]
            answered = number != clause.names[-1] and any(
                self.spans[number][1] <= p.place < self.spans[number + 1][0] for p in clause.predicates
            )  # "right effusion +, left effusion -"
            if reading is None or held or answered:
                continue
            if governor and governor.kind == "clause":
                readings[number] = governed(governor, predicate)
            elif not governor or governor.kind == "hedge":
                readings[number] = said_of(reading, predicate)
