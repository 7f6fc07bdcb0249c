"""Predicates: which of them, denied or not, say whether their subject is there, and which only how it is.
Source: ours."""

from nast_core.negation.doubt import Doubts
from nast_core.negation.sentence import AHEAD, Clause, Governor, Said
from nast_core.negation.words import classes
from nast_core.vocabulary.cues import Cue

VERBAL = frozenset(["not", "n't", "never", "no longer"])


class Verbs(Doubts):
    """ "Is not seen" denies its subject; "is not displaced" does not; "has almost resolved" leaves it there."""

    def predicate(
        self, i: int, end: int, clause: Clause, governor: Governor | None, subject: bool
    ) -> tuple[int, Governor | None]:
        """Verbs without a cue: what is "possible", "may be present", "has changed"."""
        words, k = self.words, self.k
        place, modal, have = i, None, False
        while (
            place < min(i + AHEAD, end)
            and place not in self.name_at
            and place not in self.cue_at
            and (
                words[place] in k["auxiliaries"]
                or (words[place].endswith("ly") and words[place] not in k["hedges"])
                or words[place] in ("to", "also", "well", "still", "now", "only", "all", "both", "then", "again", "as")
            )
        ):
            modal = words[place] if words[place] in k["modals"] else modal
            have |= words[place] == "have"
            place += 1
        head = words[place] if place < end and place not in self.name_at else ""
        begin = self.start_of(i)
        if head == "less" and words[place + 1 : place + 2] == ["likely"]:
            return place, governor
        if head and self.weighed(place, end):
            return place, governor
        if modal and place in self.cue_at:
            return place, governor  # the cue tells
        if place in self.cue_at:
            return place, governor
        if modal in ("may", "might", "could", "can") and head in k["unseen"] and subject:
            clause.predicates.append(self.said(i, "uncertain", self.span(i, place + 1), begin))
            return place + 1, governor  # "could be missed"
        if modal in ("may", "might", "could", "can"):
            hedge = self.span(i, max(i + 1, min(place + 1, end) if head else place))
            if head in k["exists"] or head in k["arises"] or (head in k["goes"] and have):
                if subject or self.bare(begin, i):
                    clause.predicates.append(self.said(i, "uncertain", hedge, begin))
                return place + 1, governor
            if k["excludes"].has(head):
                return place + 1, governor
            if modal == "can" and not head.endswith(("present", "indicate", "mimic", "reflect")):
                return max(place, i + 1), governor
            if head in k["goes"] or k["changed"].has(head):
                return place + 1, governor
            if governor and governor.kind == "deny" and not subject:
                return place, governor
            return max(place, i + 1), Governor("hedge", hedge)
        linking = place > i
        if head == "out" and linking and subject and self.taken_out(place):
            clause.predicates.append(self.said(place, "absent", self.span(place, place + 1), begin, True))
            return place + 1, governor
        if head == "taken" and words[place + 1 : place + 2] == ["out"]:
            clause.predicates.append(self.said(place, self.gone(place, head), self.span(place, place + 2), begin, True))
            return place + 2, governor
        if head in k["doubted"] and linking:
            if (
                not subject
                and self.next_name(place + 1, end) is not None
                and not (governor and governor.kind == "deny")
            ):
                return place + 1, Governor("hedge", self.span(place, place + 1))  # "there is suspected ..."
            if head in ("likely", "probable", "considered") and self.next_name(place + 1, end) is not None:
                return place + 1, governor if governor and governor.kind == "deny" else Governor(
                    "hedge", self.span(place, place + 1)
                )
            if head == "considered" and place + 1 in self.cue_at:
                return place + 1, governor
            clause.predicates.append(self.said(place, "uncertain", self.span(place, place + 1), begin))
            return place + 1, governor
        if (
            words[i] in ("appears", "appear", "seems", "seem", "felt", "thought")
            and words[i + 1 : i + 2] == ["to"]
            and head in ("represent", "reflect", "be")
            and not governor
        ):
            return place, Governor("hedge", self.span(i, place))
        if linking and words[place : place + 2] in (["replaced", "by"], ["given", "way"]):
            other = self.next_name(place + 2, len(words))
            if other is None or not clause.names or not self.same(clause.names[-1], other):
                clause.predicates.append(self.said(place, "absent", self.span(place, place + 2), begin, True))
            return place + 2, governor  # "severe edema has given way to mild edema" has not gone
        if head in k["goes"] and place not in self.cue_at:
            if subject or self.bare(begin, i):
                state = self.gone(place, head)
                clause.predicates.append(self.said(place, state, self.span(place, place + 1), begin, True))
            return place + 1, governor
        if head in k["exists"]:
            clause.predicates.append(self.said(i, "exists", None, begin))
            return place + 1, governor
        undergone = (
            governor and governor.kind == "clause" and linking and subject and head.endswith(("ed", "ing", "en"))
        )
        undergone = undergone and not any(head in k[name] for name in ("arises", "undecided", "thought", "links"))
        if head and (k["changed"].has(head) or undergone) and (linking or words[i] == head):
            if linking or subject:
                clause.predicates.append(self.said(i, "changed", None, begin))
            return place + 1, governor
        return max(place, i + 1), governor

    def verbal(
        self, i: int, stop: int, end: int, cue: Cue, clause: Clause, governor: Governor | None
    ) -> tuple[int, Governor | None, str | None]:
        """ "not", "no longer": which predicate is denied decides whether its subject, or what follows, is."""
        words, k = self.words, self.k
        neg = i + len(cue.text.split()) if cue.text in VERBAL else i + 1
        subject = bool(clause.names)
        aux = next((w for w in reversed(words[max(0, i - 2) : i]) if w in k["auxiliaries"]), "")
        ahead = words[neg : min(neg + AHEAD, end)]
        begin = self.start_of(i)

        def tell(state: Said, by: Cue | None = cue) -> None:
            clause.predicates.append(self.said(i, state, by if state != "present" else None, begin))

        if ahead[:1] and ahead[0] in ("only", "just", "merely", "simply"):
            return neg + 1, None, None
        if ahead[:1] == ["all"] and not subject and self.next_name(neg, end) is not None:
            return neg + 1, Governor("clause", cue), None  # "not all lines have been removed"
        if (
            ahead[:1]
            and ahead[0] in ("enough", "sufficient", "much", "many")
            and self.next_name(neg + 1, end) is not None
        ):
            return neg + 1, None, None  # "not much fluid"
        if ahead[:1] == ["necessarily"]:
            return neg + 1, Governor("hedge", self.span(i, neg + 1)), None
        place, degrees, before_now = neg, False, False
        while (
            place < min(neg + AHEAD, end)
            and place not in self.name_at
            and (
                words[place] in k["auxiliaries"]
                or (words[place].endswith("ly") and words[place] not in k["hedges"])
                or words[place]
                in ("to", "yet", "well", "any", "so", "as", "all", "that", "longer", "necessarily", "at", "a", "an")
            )
        ):
            degrees |= words[place] in classes()["degrees"]
            before_now |= words[place] in k["comparison"]
            place += 1
        head = words[place] if place < end else ""
        reach = words[neg : min(neg + 7, end)]
        stopped = next((n for n, w in enumerate(reach) if neg + n in self.name_at or w in (",",)), len(reach))
        if any(k["excludes"].has(w) for w in reach[:stopped]):
            hedge = self.span(i, min(end, neg + 1 + next(n for n, w in enumerate(reach) if k["excludes"].has(w))))
            active = aux in ("does", "do", "did") and self.next_name(self.behind(hedge), end) is not None
            if (subject or self.bare(begin, i)) and not active:
                tell("uncertain", hedge)
            return self.behind(hedge), Governor("hedge", hedge), None
        if words[neg : neg + 2] in (["that", "of"], ["those", "of"]):
            return neg + 2, Governor("deny", cue), None  # "the appearance is not that of edema"
        film = words[place + 1 : place + 4] if head == "on" else []
        if subject and set(film) & k["images"] and not set(film) & k["comparison"]:
            tell("absent")
            return place + 1, None, None  # "pneumothorax: not on this film"
        if (
            cue.text == "no longer"
            and head in ("in", "within")
            and words[place + 1 : place + 2] in (["place"], ["situ"])
        ):
            tell("absent")
            return place + 2, None, None
        if subject and cue.text in ("not", "n't") and words[place : place + 2] == ["in", "place"]:
            tell("uncertain")
            return place + 2, None, None  # elsewhere, or gone
        if subject and head in k["pointing"] and words[place + 1 : place + 2] and words[place + 1] in k["foremost"]:
            tell("uncertain", self.span(i, place + 2))
            return place + 2, None, None  # "is not my first thought"
        if head in k["doubles"] or (head == "clear" and words[place + 1 : place + 2] == ["of"]):
            tell("present")
            return place + 2, None, None
        if ahead[:1] and ahead[0] in ("definitely", "certainly", "clearly") and place in self.name_at:
            return place, Governor("hedge", self.span(i, neg + 1)), None
        if head == "been" or place in self.name_at or not head:
            return place, Governor("deny", cue), None
        if head in k["exists"] or head in ("there",):
            exists = place
            if subject and self.undergoing(exists + 1, end):
                tell("present")
                return exists + 2, None, None  # "has not been seen to enlarge"
            prior = before_now or self.on_prior(exists + 1, end, i)
            view = self.on_lateral(exists + 1, end)
            view = view or any(w in ("may", "might") for w in words[max(0, i - 2) : i])
            if subject:
                tell("present" if degrees or prior else "uncertain" if view else "absent")
                return exists + 1, None, None
            if (
                clause.names == []
                and self.bare(begin, i)
                and not self.next_name(exists + 1, end)
                and self.next_name(exists + 1, end) != 0
            ):
                tell("present" if degrees or prior else "uncertain" if view else "absent")
            if prior or degrees:
                return exists + 1, None, None
            if (
                self.next_name(exists + 1, end) is not None
                and not self.bare(begin, i)
                and aux in ("is", "are", "was", "were", "")
            ):
                tell("present" if degrees or prior else "absent")
            return exists + 1, Governor("deny", cue), None
        if head in k["arises"]:
            tell("absent")
            return place + 1, Governor("deny", cue), None
        if head in k["changed"] or k["changed"].has(head) or head in k["goes"]:
            if self.is_noun_phrase(place) and not subject and aux not in ("is", "are", "was", "were"):
                return place, Governor("deny", cue), None
            tell("present")
            return place + 1, None, None
        if head in k["undecided"] and not degrees:
            tell("uncertain", self.span(i, place + 1))
            return place + 1, Governor("hedge", self.span(i, place + 1)), None
        if head in ("clear",):
            return place + 1, Governor("hedge", self.span(i, place + 1)), None
        if head in k["thought"]:
            if subject and self.next_name(place + 1, end) is None:
                tell("absent")
            return place + 1, Governor("deny", cue), None
        if head in k["links"]:
            return place + 1, Governor("deny", cue), None
        if head == "in" and not subject and self.next_name(place + 1, end) is not None and not self.points(place + 1):
            return place + 1, Governor("deny", cue), None  # "the patient is not in failure"
        acting = aux in ("does", "do", "did", "can", "could", "ca", "will", "would", "wo") or (
            aux in ("has", "have", "had")
        )
        name = self.next_name(place, end)
        if name is None:
            if subject or self.bare(begin, i):
                tell("present")
            return place, Governor("deny", cue) if not subject else None, None
        steps = words[place : self.spans[name][0]]
        if not acting and any(w in k["prepositions"] for w in steps) and not any(w in k["carriers"] for w in steps):
            tell("present")
            return place, None, None
        if not subject and not acting and words[neg : neg + 1] and words[neg] in k["pointing"]:
            return neg, Governor("clause", cue), None
        if words[neg : neg + 1] and words[neg] in k["pointing"] and aux == "":
            return neg, Governor("clause", cue), None
        return neg, Governor("deny", cue), None

    def undergoing(self, i: int, end: int) -> bool:
        """ "To have grown": what a finding can only do that is there."""
        if self.words[i : i + 1] != ["to"]:
            return False
        rest = [
            w for w in self.words[i + 1 : min(end, i + 5)] if w not in self.k["auxiliaries"] and not w.endswith("ly")
        ]
        return rest[:1] != [] and (self.k["changed"].has(rest[0]) or rest[0] in self.k["goes"])

    def paired_verbs(self, i: int, end: int) -> int:
        """ "Neither confirmed nor excluded": words up to the end of the pair; 0 where it joins nouns."""
        for place in range(i + 1, min(i + 6, end)):
            if place in self.name_at:
                return 0
            if self.words[place] == "nor":
                head = self.words[place + 1] if place + 1 < end else ""
                return (
                    place + 2 - i
                    if place + 1 not in self.name_at
                    and (
                        head.endswith("ed")
                        or head in self.k["exists"]
                        or self.k["excludes"].has(head)
                        or self.k["changed"].has(head)
                    )
                    else 0
                )
        return 0

    def taken_out(self, i: int) -> bool:
        """ "The tube is out", "ETT out": of a device, and the whole of what is said."""
        ahead = self.words[i + 1 : i + 2]
        names = [self.name_ends[place] for place in range(max(0, i - AHEAD), i) if place in self.name_ends]
        return (
            bool(names)
            and self.namings[names[-1]].device
            and ahead in ([], ["."], [","], [";"], ["and"], ["but"], ["now"], [")"])
            and (
                i - 1 in self.name_ends
                or self.words[i - 1] in self.k["auxiliaries"]
                or self.words[i - 1].endswith("ly")
            )
        )

    def attributive(self, i: int, stop: int, end: int, subject: bool) -> bool:
        """ "Resolved pneumonia", "absent pleural effusion": before what it denies."""
        if subject or (self.words[i - 1 : i] and self.words[i - 1] in self.k["auxiliaries"]):
            return False
        stop += self.words[stop : stop + 1] in (["is"], ["are"])  # "absent are effusion and edema"
        ahead = self.next_name(stop, end)
        return ahead is not None and self.spans[ahead][0] - stop <= 4

    def gone(self, i: int, text: str) -> Said:
        since = next((place for place in range(i - 1, max(-1, i - 5), -1) if place in self.name_ends), i - 5) + 1
        before = self.words[
            max(0, since) : i
        ]  # what stands before the subject, "moderate edema", is not said of its going
        if any(self.k["partly"].has(word) for word in before[-3:]) or before[-2:] == ["all", "but"] or self.share(i):
            return "present"
        if {"not", "n't"} & set(before) and "only" not in before:
            return "present"  # "largely, but not wholly, cleared"
        if text in ("withdrawn", "pulled") and any(w == "back" or w.isdigit() for w in self.words[i + 1 : i + 4]):
            return "present"  # by so much
        if any(word in ("essentially", "virtually", "practically") for word in before[-3:]):
            return "uncertain"
        if any(
            word in ("part", "partially", "partly", "mostly", "largely", "extent", "incompletely")
            for word in self.words[i + 1 : i + 5]
        ):
            return "present"
        modal = [
            word for word in before if word in ("may", "might", "could", "should", "will", "would", "to", "be", "can")
        ]
        if text in ("unlikely", "improbable"):
            return "absent"
        if any(word in ("may", "might", "could") for word in before):
            return "uncertain" if "have" in before or text in ("excluded", "ruled out") else "present"
        if (
            any(word in ("should", "will", "would", "can", "to") for word in modal)
            and "be" in before
            and text in ("removed", "cleared")
        ):
            return "present"
        if any(word in ("until", "once", "if", "when") for word in before):
            return "uncertain"
        return "absent"

    def going(
        self, i: int, cue: Cue, governor: Governor | None, shield: str | None
    ) -> tuple[Governor | None, str | None]:
        """ "Resolution of X": X has gone, but for one that is partial, denied or waited for."""
        before = self.words[max(0, i - 4) : i]
        part = any(self.k["partly"].has(word) for word in before[-3:])
        part |= any(word in ("incomplete", "partial") for word in self.words[i : i + 9])
        if part or (governor and governor.kind != "hedge"):
            return (governor, "list") if governor else (None, None)
        if any(word in self.k["wanted"] for word in before) or before[-1:] == ["to"]:
            return Governor("hedge", cue), None
        return Governor("deny", cue), None
