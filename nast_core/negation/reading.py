"""What a sentence says, for people: its findings in three states, and where in it that stands. Source: ours."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypedDict

from nast_core.negation.parser import Mention, parse

Told = Literal["present", "absent", "uncertain"]


class Finding(TypedDict):
    """One finding of a line of text. ``cue``: the words that deny or doubt it; None where an absence is said affirmatively."""

    condition: str
    state: Told
    cue: str | None


class Mark(NamedTuple):
    """A stretch of a sentence to be drawn: the words of a finding, or the cue that decides its state."""

    start: int  # characters, [start, end)
    end: int
    kind: Literal["finding", "cue"]
    condition: str  # of several, joined by " and "
    state: Told


def told(mention: Mention) -> Told:
    """The state of a mention; what is said to be normal is absent."""
    return "absent" if mention.state == "normal" else mention.state


def findings(text: str) -> list[Finding]:
    """Every finding in reading order, one entry a condition."""
    return [
        {"condition": condition, "state": told(mention), "cue": mention.cue}
        for mention in parse(text)
        for condition in mention.conditions
    ]


def marked(sentence: str) -> list[Mark]:
    """Stretches of a sentence in reading order, none over another: what a reader has to see to trust the reading.

    A cue that several findings share stands once, with the first of them.
    """
    found = list(_marks(parse(sentence)))
    findings_at = [mark for mark in found if mark.kind == "finding"]
    kept: dict[tuple[int, int], Mark] = {}
    for mark in found:
        covered = mark.kind == "cue" and any(f.start < mark.end and mark.start < f.end for f in findings_at)
        if not covered:
            kept.setdefault((mark.start, mark.end), mark)
    places = sorted(kept.values())
    return [mark for number, mark in enumerate(places) if not number or places[number - 1].end <= mark.start]


def _marks(mentions: list[Mention]) -> Iterator[Mark]:
    for mention in mentions:
        condition, state = " and ".join(mention.conditions), told(mention)
        yield Mark(mention.start, mention.end, "finding", condition, state)
        if mention.cue:
            yield Mark(mention.cue_start, mention.cue_end, "cue", condition, state)
