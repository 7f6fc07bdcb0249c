"""What is said of another side, of another film, or of some of several: it does not count for this finding, now. Source: ours."""

from nast_core.negation.cues import Cue
from nast_core.negation.sentence import Sentence

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
        if not self.words[stop : stop + 1] or self.words[stop] not in self.k["prepositions"] or not self._sided(stop):
            return False
        return any(self._side(place) for place in range(max(0, i - 2 * _NEAR), i))

    def stays(self, start: int, end: int) -> bool:
        """A clause that names nothing: " ... but a small one on the left", "... ; the right remains"."""
        words, k = self.words[start:end], self.k
        if any(p in self.cue_at for p in range(start, end)):
            return False
        if any(word in k["hedges"] or word in k["doubted"] or word in k["modals"] or k["goes"].has(word) or word == "if" for word in words):
            return False
        for place in range(start, min(end, start + 2 * _NEAR)):
            ahead = self.words[place + 1] if place + 1 < end else ""
            if self.words[place] in ("one", "ones") and ahead not in ("of", "or", "and", "to"):
                there = ahead in k["prepositions"] or ahead in k["placed"] or not ahead[:1].isalnum()
                return self.words[place - 1] != "the" and there
            last = place + 2 >= end or not self.words[place + 2][:1].isalnum()
            if self._side(place) and (ahead in k["placed"] or (ahead in k["auxiliaries"] and last)):
                return True
            if (self.words[place], ahead) in (("there", "is"), ("there", "are")) and last:
                return True  # "and now there is"
        return False

    def share(self, i: int) -> bool:
        """Whether what is said at ``i`` is said of some of several, or of all but one: "two of the nodules have gone"."""
        ended = [place for place in range(max(0, i - 2 * _NEAR), i) if place in self.name_ends]
        if not ended:
            return False
        first = self.spans[self.name_ends[ended[-1]]][0]
        for place in range(max(0, first - _NEAR), first - 1):
            word, ahead = self.words[place], self.words[place + 1]
            if word in ("all", "everything") and ahead == "but":
                return True
            if ahead == "of" and (word in self.k["shares"] or word.isdigit()):
                return True
        return False

    def then(self, start: int, end: int) -> tuple[Cue, int] | None:
        """Of a clause that tells of an earlier film: the words that say so, and the token behind which it tells no more."""
        k, words = self.k, self.words[start:end]
        if any(word in k["today"] for word in words):
            return None
        place = start
        while place < end and (self.words[place] in k["ends"] or self.words[place] in (",", "and", "but", "(", "that")):
            place += 1
        till = next((p for p in range(place, end) if self.words[p] in ("before", "until")), end)
        had = next((p for p in range(place, till - 1) if self.words[p : p + 2] == ["had", "been"]), None)
        if had is not None and any(p in self.cue_at or p in self.name_at for p in range(had + 2, till)):
            return self.span(had, had + 2), till
        if not any(word in k["past"] for word in words):
            return None
        stop = self._film(place, till)
        if stop is None and self.words[start] == "," and self.frame is not None:
            place, stop = self.frame, self._film(self.frame, start + 1)  # "on the prior film, there was none"
        return (self.span(place, stop), till) if stop else None

    def last_time(self, number: int, end: int) -> bool:
        """ "No consolidation was present last week", "there was no effusion on the prior film"."""
        begin, stop = self.spans[number]
        ahead = self.words[stop : min(end, stop + 2)]
        if ahead[:1] == ["before"] and ahead[1:] and ahead[1].isalpha() and ahead[1] not in ("or", "and"):
            return True
        if not any(word in ("was", "were") for word in self.words[max(self.clause_start, begin - _NEAR) : end]):
            return False
        place = stop
        while place < end and (self.words[place] in self.k["auxiliaries"] or self.words[place] in self.k["exists"]):
            place += 1
        ahead = [w for w in self.words[place : min(end, place + 4)] if w not in ("the", "a", "her", "his", "any", "that")]
        if not ahead or "comparison" in ahead:
            return False
        if ahead[0] in ("on", "in", "at"):
            return len(ahead) > 1 and (ahead[1] in self.k["comparison"] or _year(ahead[1]))
        return ahead[0] in ("last", "yesterday", "previously", "earlier", "initially", "then")

    def _film(self, place: int, end: int) -> int | None:
        """Behind the words that set an earlier film or time at the head of a clause; None where there are none."""
        k, first = self.k, self.words[place] if place < end else ""
        ahead = self.words[place + 1 : place + 3]
        if first in ("previously", "initially", "formerly", "originally", "yesterday", "earlier"):
            after = [word for word in ahead if word != ","]
            told = after[:1] and (after[0] in k["auxiliaries"] or after[0] in ("there", "the", "a", "an", "no", "it"))
            return place + 1 if told else None
        if "ago" in self.words[place : min(end, place + 4)]:
            return self.words.index("ago", place) + 1
        old = None
        for p in range(place, min(end, place + _NEAR + 2)):
            word = self.words[p]
            if p in self.name_at or p in self.cue_at or word in k["ends"]:
                return None
            if word in k["comparison"]:
                old = p if old is None else old
            elif word in k["images"] and old is not None and p - old <= 3:
                at_head = first in ("on", "in", "at", "during") or old - place <= 1
                verb = first in ("on", "in", "at", "during") or any(w in k["past"] for w in self.words[p + 1 : p + 3])
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
