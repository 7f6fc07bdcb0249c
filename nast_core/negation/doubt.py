"""Words of doubt: "possible", "versus", "cannot be excluded", "it would be wrong to say that". Source: ours."""

from typing import Literal

from nast_core.negation.elsewhere import Elsewhere
from nast_core.negation.sentence import AHEAD, Reading, Turned
from nast_core.vocabulary.cues import Cue


class Doubts(Elsewhere):
    """What leaves open whether a finding is there."""

    def hedge(self, i: int, end: int, subject: bool, denied: bool) -> tuple[str, Cue, int] | None:
        """Words of doubt without a verb: whether they reach before or behind them, or both, and where to read on."""
        words, k = self.words, self.k
        word = words[i]
        after = words[i + 1] if i + 1 < end else ""
        follows = words[i + 1] if i + 1 < len(words) else "."
        last = follows in (".", ",", ";", ")", "and", "but", "although", "though", "however", "given")
        if (word, after) == ("if", "any") and self.next_name(i + 2, end) is not None:
            return "before", self.span(i, i + 2), i + 2  # "little if any effusion"
        if word == "unlike" or words[i : i + 3] == ["in", "contrast", "to"]:
            stop = i + 1 if word == "unlike" else i + 3
            return "before", self.span(i, stop), stop
        if (word, after) in (("if", "there"), ("should", "there"), ("were", "there")):
            stop = i + 3 if words[i + 2 : i + 3] in (["is"], ["are"], ["were"], ["be"]) else i + 2
            return "before", self.span(i, i + 2), min(end, stop)
        if word == "if" and after in ("present", "any", "at", "real"):
            return "behind", self.span(i, i + 2), i + 2
        if word in ("versus", "vs", "vs."):
            return "between", self.span(i, i + 1), i + 1
        if words[i : i + 4] == ["out", "of", "the", "question"]:
            return "behind", self.span(i, i + 4), i + 4  # "not out of the question"
        if word == "?" and i - 1 in self.name_ends:
            return "behind", self.span(i, i + 1), i + 1
        if word == "?":
            return ("before", self.span(i, i + 1), i + 1) if i + 1 < end else None
        if (word, after) in (("rule", "out"), ("ruling", "out")) or word == "r/o":
            stop = min(end, i + 1 if word == "r/o" else i + 2)
            return "before", self.span(i, stop), stop
        if word == "exclusion" and after == "of":
            return "before", self.span(i, i + 2), i + 2
        if word == "any" and not denied:
            return "before", self.span(i, i + 1), i + 1  # "obscures any consolidation", "little if any"
        if self.k["excludes"].has(word) and words[i - 1 : i] == ["to"]:
            return "before", self.span(i - 1, i + 1), i + 1
        if word in ("difficult", "hard", "impossible", "unable", "inability") and any(
            k["excludes"].has(w) for w in words[i : i + 4]
        ):
            stop = i + 1 + next(n for n, w in enumerate(words[i : i + 4]) if k["excludes"].has(w))
            return "both", self.span(i, stop), stop
        perceived = after == "to" and any(w in k["perceive"] for w in words[i + 2 : i + 3])
        if word in k["unsure"] and perceived and {"would", "could", "may", "might"} & set(words[max(0, i - 3) : i]):
            return "both", self.span(i, i + 3), i + 3  # "would be hard to see"
        if word == "may" and words[i + 1 : i + 4] == ["or", "may", "not"]:
            return "before", self.span(i, i + 4), i + 4
        if word in ("suggestion", "possibility", "likelihood", "probability") and after in ("of", "for"):
            return "before", self.span(i, i + 2), i + 2
        if word == "if" and words[i - 1 : i] and words[i - 1] in ("uncertain", "unclear", "unknown", "unsure"):
            return "before", self.span(i - 1, i + 1), i + 1
        if (word == "history" and after == "of") or word == "hx":
            return "before", self.span(i, i + 1), i + 1 if word == "hx" else i + 2
        if (word, after) == ("more", "likely") and "than" in words[i + 2 : i + 4] and subject:
            return "both", self.span(i, i + 2), i + 2
        if self.weighed(i, end) and not denied:
            return "before", self.span(i, i + 2), i + 2
        if word == "less" and after == "likely":
            than = "than" in words[i + 2 : i + 4] or i + 2 >= end or self.words[i + 2] == "."
            return "both" if than and subject else "before", self.span(i, i + 2), i + 2
        if word in k["hedges_for"] and any(w in ("for", "of", "about") for w in words[i + 1 : i + 3]):
            of_known = words[i + 1 : i + 2] == ["of"] and words[i + 2 : i + 3] and words[i + 2] in k["pointing"]
            return None if of_known else ("before", self.span(i, min(end, i + 2)), i + 2)
        if word in ("hardly", "barely", "scarcely") and (after in k["exists"] or after in k["arises"]):
            return None  # faint, and there
        if word in k["hedges"]:
            if (
                word in ("question", "consider", "borderline", "potential", "early", "apparent")
                or not last
                or not subject
            ):
                return "before", self.span(i, i + 1), i + 1
            return "behind", self.span(i, i + 1), i + 1
        if word == "if" and self.next_name(i + 1, end) is not None:
            return "before", self.span(i, i + 1), i + 1
        return None

    def weighed(self, i: int, end: int) -> bool:
        """ "More in keeping with A than with B"."""
        linked = self.words[i + 1 : i + 2] != [] and (self.words[i + 1] in self.k["links"] or self.words[i + 1] == "in")
        return linked and self.words[i] in ("more", "less") and "than" in self.words[i + 2 : min(end, i + AHEAD)]

    def not_doubted(self, i: int, end: int) -> int:
        """Behind "no": where to read on after "doubt", "reason to question", "absence of", which deny no finding;
        or 0."""
        for place in range(i, min(i + 4, end)):
            if place in self.name_at or self.words[place] in self.k["ends"]:
                return 0
            if self.words[place] in self.k["doubting"]:
                of = self.words[place + 1 : place + 2]
                return place + 2 if of in (["of"], ["that"]) else place + 1
        return 0

    def turned(self) -> Turned | None:
        """ "It would be wrong to say that there is no X": what stands behind it says the opposite, or nothing ("does
        not mean")."""
        words = self.words
        for i, word in enumerate(words):
            sure = word in self.k["sure"] and {"that", "there", "if", "whether"} & set(words[i + 1 : i + 3])
            if sure and any(w in self.k["unsure"] for w in words[max(0, i - 4) : i]):
                return self._turned(i, "doubtful")  # "it is hard to be sure that there is no X"
            if word not in self.k["wrong"] and word not in ("mean", "imply"):
                continue
            saying = word in ("say", "said", "claim") or words[i + 1 : i + 2] == ["to"]
            if not {"that", "there"} & set(words[i + 1 : i + 5 if saying else i + 2]):
                continue
            denied = any(w in ("not", "n't") for w in words[max(0, i - 4) : i])
            if word in ("mean", "imply"):
                return self._turned(i, "doubtful") if denied else None
            if denied and word in ("say", "said", "claim"):
                return self._turned(i, "doubtful")
            if denied and word in ("case", "true", "correct"):
                return self._turned(i, "opposite")
            if word not in ("case", "true", "correct", "say", "said", "claim"):
                return self._turned(i, "opposite")
        return None

    def _turned(self, i: int, into: Literal["opposite", "doubtful"]) -> Turned:
        """From the word at ``i`` to where something else is said."""
        end = next(
            (p for p in range(i, len(self.words)) if self.words[p] in self.k["ends"] - {"given"}), len(self.words)
        )
        return Turned(into, i + 1, end, self.span(i, i + 1))

    def alternatives(self, readings: list[Reading]) -> None:
        """ "Atelectasis or infiltrate": one of the two, so neither is sure."""
        for number in range(len(readings) - 2, -1, -1):
            end, start = self.spans[number][1], self.spans[number + 1][0]
            between = self.words[end:start]
            if len(between) > 5 or self.namings[number].kind != "found" or self.namings[number + 1].kind != "found":
                continue
            if self.same(number, number + 1):
                continue
            if self.shielded & {number, number + 1}:
                continue
            this, that = readings[number], readings[number + 1]
            joint = next((w for w in between if w in ("or", "and/or", "/")), None)
            if "/" in between and "and" in between:
                joint = "or"
            if {"with", "+", "-"} & set(between):
                continue
            if joint and this.state == that.state == "present":
                place = end + between.index(joint) if joint in between else end
                cue = self.span(place, place + 1)
                readings[number], readings[number + 1] = Reading("uncertain", cue), Reading("uncertain", cue)
            elif (
                between == [","]
                and that.state == "uncertain"
                and that.cue
                and that.cue.text in ("or", "and/or")
                and this.state == "present"
            ):
                readings[number] = that
