"""What a sentence says, for people: its findings in three states, and where in it that stands. Source: ours.

Each function may be handed a person's corrections (corrections.py), which go over the parser's reading, and the
vocabulary that is read by; without one, CheXpert's 13.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, NotRequired, TypedDict

from nast_core.negation.corrections import NONE, Correction, Corrections, State, as_matched, named
from nast_core.negation.parser import Mention, parse
from nast_core.vocabulary.cues import Cue, find_cues
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

Told = Literal["present", "absent", "uncertain"]


class Finding(TypedDict):
    """One finding of a line of text. ``cue``: the words that deny or doubt it;
    None where an absence is said affirmatively."""

    condition: str
    state: Told
    cue: str | None
    corrected: NotRequired[bool]  # only where a person says so, and the parser does not


class Mark(NamedTuple):
    """A stretch of a sentence to be drawn: the words of a finding, or the cue that decides its state."""

    start: int  # characters, [start, end)
    end: int
    kind: Literal["finding", "cue"]
    condition: str  # of several, joined by " and "
    state: Told


class Change(NamedTuple):
    """What a person corrected in a text, where that differs from what the parser reads."""

    condition: str
    parser: tuple[State, ...]  # in reading order; several where it names the condition in several states
    person: State

    @property
    def words_unknown(self) -> bool:
        """The parser took words for a finding that they do not name, or did not see those that name it."""
        return self.person == "not said" or self.parser == ("not said",)


def told(mention: Mention) -> Told:
    """The state of a mention; what is said to be normal is absent."""
    return "absent" if mention.state == "normal" else mention.state


def mentions_of(text: str, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> list[Mention]:
    """Mentions in reading order, as the parser would give them had it read the text as a person says.

    A finding said to be absent is denied by the negation cue nearest to it, and "normal" where the text has none. A
    finding that the parser did not see has no words: its place is the end of the text, [n, n).
    """
    vocabulary = given(vocabulary)
    by_parser, by_hand = parse(text, vocabulary), corrections.of(text, vocabulary)
    if not by_hand:
        return by_parser
    mentions: list[Mention] = []
    for mention in by_parser:
        wrong = [c for c in mention.conditions if by_hand.get(c, told(mention)) != told(mention)]
        mentions += [_turned(text, mention, c, by_hand[c], by_parser) for c in wrong if by_hand[c] != "not said"]
        if right := tuple(c for c in mention.conditions if c not in wrong):
            mentions.append(mention._replace(conditions=right))
    conditions = {condition for mention in by_parser for condition in mention.conditions}
    for condition, state in by_hand.items():
        if condition not in conditions and state != "not said":
            unseen = Mention((condition,), "present", len(text), len(text))
            mentions.append(_turned(text, unseen, condition, state, [*by_parser, *mentions]))
    return sorted(mentions, key=lambda mention: mention.start)


def changes(text: str, corrections: Corrections, vocabulary: Vocabulary | None = None) -> list[Change]:
    """What a person reads otherwise than the parser, in the order in which it was corrected."""
    rows = []
    vocabulary = given(vocabulary)
    by_hand = corrections.of(text, vocabulary)
    mentions = parse(text, vocabulary) if by_hand else []
    for condition, state in by_hand.items():
        states: tuple[State, ...] = tuple(told(m) for m in mentions if condition in m.conditions) or ("not said",)
        if set(states) != {state}:
            rows.append(Change(condition, tuple(dict.fromkeys(states)), state))
    return rows


def corrections_used(
    texts: Iterable[str], corrections: Corrections, vocabulary: Vocabulary | None = None
) -> tuple[Correction, ...]:
    """Of the corrections those that make a difference in ``texts``: what a record of them has to say."""
    return tuple(
        Correction(text=text, vocabulary=named(vocabulary), condition=change.condition, state=change.person)
        for text in dict.fromkeys(map(as_matched, texts))
        for change in changes(text, corrections, vocabulary)
    )


def findings(text: str, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> list[Finding]:
    """Every finding in reading order, one entry a condition."""
    conditions = {change.condition for change in changes(text, corrections, vocabulary)}
    result: list[Finding] = []
    for mention in mentions_of(text, corrections, vocabulary):
        for condition in mention.conditions:
            finding: Finding = {"condition": condition, "state": told(mention), "cue": mention.cue}
            result.append({**finding, "corrected": True} if condition in conditions else finding)
    return result


def line_of(text: str, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> Mapping[str, object]:
    """The object that ``nast negation read`` writes for a line of text."""
    return {"text": text, "findings": findings(text, corrections, vocabulary)}


def marked(sentence: str, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> list[Mark]:
    """Stretches of a sentence in reading order, none over another: what a reader has to see to trust the reading.

    A cue that several findings share stands once, with the first of them. Findings without words of their own have
    none.
    """
    read = mentions_of(sentence, corrections, vocabulary)
    marks = list(_marks(mention for mention in read if mention.start < mention.end))
    findings_at = [mark for mark in marks if mark.kind == "finding"]
    by_span: dict[tuple[int, int], Mark] = {}
    for mark in marks:
        covered = mark.kind == "cue" and any(f.start < mark.end and mark.start < f.end for f in findings_at)
        if not covered:
            by_span.setdefault((mark.start, mark.end), mark)
    places = sorted(by_span.values())
    return [mark for number, mark in enumerate(places) if not number or places[number - 1].end <= mark.start]


def _marks(read: Iterable[Mention]) -> Iterator[Mark]:
    for mention in read:
        condition, state = " and ".join(mention.conditions), told(mention)
        yield Mark(mention.start, mention.end, "finding", condition, state)
        if mention.cue:
            yield Mark(mention.cue_start, mention.cue_end, "cue", condition, state)


def _turned(text: str, mention: Mention, condition: str, state: State, others: list[Mention]) -> Mention:
    """A mention of one condition in another state; ``others`` hold the cues that are taken."""
    alone = Mention((condition,), "present", mention.start, mention.end)
    if state == "uncertain":
        return mention._replace(conditions=(condition,), state="uncertain")
    if state != "absent":
        return alone
    spans = [(m.cue_start, m.cue_end) for m in others if m.cue and m is not mention]
    cue = _nearest(find_cues(text), mention, spans)
    return (
        alone._replace(state="absent", cue=cue.text, cue_start=cue.start, cue_end=cue.end)
        if cue
        else alone._replace(state="normal")
    )


def _nearest(cues: list[Cue], mention: Mention, spans: list[tuple[int, int]]) -> Cue | None:
    """The cue that may deny a mention: a free one before one that denies others, which only words in the text may
    share."""

    def shared(cue: Cue) -> bool:
        return any(start < cue.end and cue.start < end for start, end in spans)

    able = [cue for cue in cues if mention.start < mention.end or not shared(cue)]
    return min(able, key=lambda cue: (shared(cue), max(mention.start - cue.end, cue.start - mention.end)), default=None)
