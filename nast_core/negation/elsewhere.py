"""What is said of another side, of another film, or of some of several: it does not count for this finding, now.
Source: ours."""

from nast_core.negation.sentence import Clause, Reading, Sentence
from nast_core.vocabulary.cues import Cue

_ARTICLES = frozenset(["the", "a", "her", "his", "any", "that"])
_FAR = 24  # words behind a finding in which it is told when that was
_NEAR = 6  # words in which a phrase has to come to its point


class Elsewhere(Sentence):
    """ "A right but no left effusion", "the prior film showed none", "two of three nodules have gone"."""

    frame: int | None = None  # where a clause before this one, which names nothing, begins

    def other_side(self, i: int, stop: int) -> bool:
        """ "Right but no left effusion": a denial that takes one side from a finding said of the other."""
        place = i - 1
        while place >= self.clause_start - 2 and place >= 0 and self.words[place] in (",", "but", "and", "though"):
            place -= 1
        if not 0 <= place < i - 1 or not self._side(place) or not self._sided(stop):
            return False
        before = range(max(0, place - _NEAR), place)
        return not any(p in self.cue_at or p in self.name_ends for p in before)

    def none_there(self, i: int, stop: int) -> bool:
        """ "Effusion on the right, none on the left": none on the other side than that it was said of."""
        if not self.words[stop : stop + 1] or self.words[stop] not in self.k["prepositions"]:
            return False
        side = next((p for p in range(stop, min(stop + 4, len(self.words))) if self._side(p)), None)
        if side is None or (self.words[side + 1 : side + 2] and self.words[side + 1] in self.k["images"] | {"lateral"}):
            return False
        others = [self.words[p] for p in range(max(0, i - 2 * _NEAR), i) if self._side(p)]
        return others != [] and self.words[side] not in others

    def stays(self, start: int, end: int) -> bool:
        """A clause that names nothing: " ... but a small one on the left", "... ; the right remains"."""
        words, k = self.words[start:end], self.k
        content = [w for w in words if w not in (",", "but", "and", "though", "although", ";")]
        sides = any(self._side(p) for p in range(start, end))
        if content[:1] == ["not"] and content[1:2] and content[1] in k["prepositions"] | k["pointing"]:
            return sides  # "gone on the right, but not on the left"
        if any(p in self.cue_at for p in range(start, end)) or any(w in k["comparison"] and w != "old" for w in words):
            return False
        doubtful = k["hedges"] | k["doubted"] | k["modals"] | k["goes"] | {"if", "would", "should"}
        if any(word in doubtful or k["excludes"].has(word) for word in words):
            return False
        side = next((n for n, word in enumerate(content) if word in k["prepositions"]), 0)
        if sides and side and all(w in k["affirms"] or w in k["openers"] or w in k["carriers"] for w in content[:side]):
            return True  # "none on the right, a small amount on the left"
        if content[:1] and content[0] in k["prepositions"] and sides and content[-1:] and content[-1] in k["affirms"]:
            return True  # "none on the left, and on the right it is small"
        if content[:1] in (["others"], ["another"]) or content[:2] in (
            ["the", "others"],
            ["the", "rest"],
            ["the", "remainder"],
        ):
            return True
        for place in range(start, min(end, start + 2 * _NEAR)):
            ahead = self.words[place + 1] if place + 1 < end else ""
            if self.words[place] in ("one", "ones") and ahead not in ("of", "or", "and", "to"):
                there = ahead in k["prepositions"] or ahead in k["placed"] or not ahead[:1].isalnum()
                return self.words[place - 1] != "the" and (there or self.words[place - 1] in k["affirms"])
            last = place + 2 >= end or not self.words[place + 2][:1].isalnum()
            if self._side(place) and (ahead in k["placed"] or (ahead in k["auxiliaries"] and last)):
                return True
            if (self.words[place], ahead) in (("there", "is"), ("there", "are")) and last:
                return True  # "and now there is"
        return False

    def not_so(self, start: int, end: int) -> bool:
        """A clause that names nothing: "the left lung is clear, the right is not"."""
        words = [w for w in self.words[start:end] if w not in (",", "but", "and", "the", ";", "while", "whereas", ".")]
        return len(words) == 3 and words[0] in self.k["sides"] and words[2] in ("not", "n't")

    def share(self, i: int) -> bool:
        """Whether what is said at ``i`` is said of some of several, or of all but one: "two of the nodules have
        gone"."""
        ended = [place for place in range(max(0, i - 2 * _NEAR), i) if place in self.name_ends]
        if not ended:
            return False
        first = self.spans[self.name_ends[ended[-1]]][0]
        for place in range(max(0, first - _NEAR), first):
            word, ahead = self.words[place], self.words[place + 1]
            if word in ("all", "everything") and "but" in self.words[place + 1 : first]:
                return True
            if word in ("most", "some", "many") and ahead != "of":
                return True
            if ahead == "of" and (word in self.k["shares"] or word.isdigit()):
                return True
        return False

    def then(self, start: int, end: int) -> tuple[Cue, int] | None:
        """Of a clause that tells of an earlier film: the words that say so, and the token behind which it tells no
        more."""
        k, words = self.k, self.words[start:end]
        main = words[: words.index("which")] if "which" in words else words
        if any(word in k["today"] for word in main):
            return None
        place = start
        joining = k["ends"] | {",", "and", "but", "(", "that"}
        while place < end and self.words[place] in joining and self.words[place + 1 : place + 2] != ["last"]:
            place += 1
        till = next((p for p in range(place, end) if self.words[p] in ("before", "until")), end)
        had = next((p for p in range(place, till - 1) if self.words[p : p + 2] == ["had", "been"]), None)
        if had is not None and any(p in self.cue_at or p in self.name_at for p in range(had + 2, till)):
            return self.span(had, had + 2), till
        if not any(word in k["past"] | k["shows"] for word in words):
            return None
        stop = self._film(place, till)
        if stop is None and self.words[start] == "," and self.frame is not None:
            place, stop = self.frame, self._film(self.frame, start + 1)  # "on the prior film, there was none"
        return (self.span(place, stop), till) if stop else None

    def on_this_film(self, clause: Clause, readings: list[Reading], start: int, end: int) -> list[Reading]:
        """What is read of a clause's namings, but for what an earlier film showed, or did not: that says nothing of
        this one."""
        earlier = self.then(start, end) if clause.names else None
        result = list(readings)
        for n, (number, governor) in enumerate(zip(clause.names, clause.governors, strict=True)):
            begin, stop = self.spans[number]
            if earlier is not None and begin < earlier[1]:
                behind = range(stop, min(end, stop + _FAR))
                now = next((p for p in behind if self.words[p] == "now"), None)
                if now is None:
                    result[n] = Reading("uncertain", earlier[0])
                    self.told_then.add(number)
                elif not any(p in self.cue_at or self.k["goes"].has(self.words[p]) for p in range(now, behind.stop)):
                    result[n] = Reading("present", None)  # "there was none, which is now marked"
            elif result[n].state == "absent" and governor and governor.kind != "hedge" and self.last_time(number, end):
                result[n] = Reading("uncertain", governor.cue)
        return result

    def there_after_all(self, clause: Clause, readings: list[Reading | None]) -> None:
        """ "No opacity, except at the base", "has gone on the left;
        the right remains": what was denied last is there."""
        reading = readings[clause.names[-1]]
        if reading is not None and (reading.state == "absent" or clause.names[-1] in self.told_then):
            readings[clause.names[-1]] = Reading("present", None)

    def last_time(self, number: int, end: int) -> bool:
        """ "No consolidation was present last week", "there was no effusion on the prior film"."""
        begin, stop = self.spans[number]
        ahead = self.words[stop : min(end, stop + 2)]
        if ahead[:1] == ["before"] and ahead[1:] and ahead[1].isalpha() and ahead[1] not in ("or", "and"):
            return True
        if not any(
            word in ("was", "were")
            for word in self.words[max(self.clause_start, begin - _NEAR) : min(end, stop + _FAR)]
        ):
            return False
        place = stop
        while place < end and (self.words[place] in self.k["auxiliaries"] or self.words[place] in self.k["exists"]):
            place += 1
        ahead = [w for w in self.words[place : min(end, place + 6)] if w not in _ARTICLES]
        if not ahead or "comparison" in ahead:
            return False
        if ahead[0] in ("on", "in", "at"):
            dated = ahead[1:2] + ([ahead[3]] if ahead[2:3] in (["from"], ["of"]) and ahead[3:] else [])
            return any(word in self.k["comparison"] or word == "time" or _year(word) for word in dated)
        return ahead[0] in ("last", "yesterday", "previously", "earlier", "initially", "then")

    def _film(self, place: int, end: int) -> int | None:
        """Behind the words that set an earlier film or time at the head of a clause; None where there are none."""
        k, first = self.k, self.words[place] if place < end else ""
        ahead = self.words[place + 1 : place + 3]
        if first in ("previously", "initially", "formerly", "originally", "yesterday", "earlier"):
            after = [word for word in ahead if word != ","]
            goes_on = after[:1] and (
                after[0] in k["auxiliaries"] or after[0] in ("there", "the", "a", "an", "no", "it")
            )
            return place + 1 if goes_on else None
        if first in ("before", "prior", "when", "at", "on"):
            ahead = self.words[place + 1 : place + 3]
            if (
                first == "before"
                or (first == "prior" and ahead[:1] == ["to"])
                or any(word in k["past_times"] for word in ahead)
            ):
                return min(place + 3, end)
        if first == "as" and ahead[:1] == ["of"] and ahead[1:] and ahead[1] in k["comparison"]:
            return place + 3
        if "ago" in self.words[place : min(end, place + 4)]:
            return self.words.index("ago", place) + 1
        old = None
        for p in range(place, min(end, place + _NEAR + 2)):
            word = self.words[p]
            if p in self.name_at or p in self.cue_at or word in k["ends"]:
                return None
            if word in k["images"] and p - place <= 1 and old is None:
                dated = [w for w in self.words[p + 1 : p + 4] if w in k["comparison"]]
                if (
                    dated
                    and self.words[p + 1] in ("of", "from", "in")
                    and any(w in k["past"] for w in self.words[p:end])
                ):
                    return self.words.index(dated[0], p) + 1  # "the study of last month showed"
            if word in k["comparison"]:
                old = p if old is None else old
            elif word in k["images"] and old is not None and p - old <= 3:
                at_head = first in ("on", "in", "at", "during") or old - place <= 1
                verb = first in ("on", "in", "at", "during") or any(
                    w in k["past"] | k["shows"] for w in self.words[p + 1 : p + 3]
                )
                return p + 1 if at_head and verb else None
        return None

    def _side(self, place: int) -> bool:
        return self.words[place] in self.k["sides"] or self.words[place].endswith("-sided")

    def _sided(self, i: int) -> bool:
        """Whether a side is named before the finding, or before the phrase ends."""
        for place in range(i, min(i + 4, len(self.words))):
            if place in self.name_at or self.words[place] in (",", ".", ";"):
                return False
            if self._side(place):
                return True
        return False


def _year(word: str) -> bool:
    return len(word) == 4 and word.isdigit()
