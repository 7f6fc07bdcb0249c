"""From what is true of a study: true statements, each with one that is false in exactly one attribute. Source: ours.

Nothing is assumed false. "On the right, not on the left" is false of what is on the left, whatever else there is. That
alone "on the right" is said, as a contradiction, only where ``holds`` finds that the facts exclude it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from nast_core.claims.anatomy import SEVERITIES, anatomy
from nast_core.claims.claim import Claim, Contradiction, Kind, Laterality, Zone
from nast_core.claims.truth import holds
from nast_core.claims.wording import Statement, Voice, choose_wording, contrast, state

_OTHER_SIDE: dict[str, Laterality] = {"left": "right", "right": "left"}
_HEIGHTS: tuple[Zone, ...] = ("upper", "mid", "lower")

Pair = tuple[Statement, Contradiction]


def polarity_pair(claim: Claim, voice: Voice) -> Pair:
    """A true claim in words, and its denial; or, of a claim of absence, what it denies."""
    wording = choose_wording(claim, "polarity", voice)
    opposite = claim.model_copy(update={"polarity": "absent" if claim.polarity == "present" else "present"})
    return state(claim, wording), _contradiction(state(opposite, wording), "polarity")


def location_pair(claim: Claim, facts: Sequence[Claim], voice: Voice) -> Pair | None:
    """Where it is against where it is not: "on the left, not on the right", "on the right, not on the left".

    None where no other place is false. Where the facts leave other places open, the true statement denies none.
    """
    here = claim.model_copy(update={"severity": None, "only": False})
    return _pair(here, _other_places(here, voice), "location", facts, voice)


def severity_pair(claim: Claim, facts: Sequence[Claim], voice: Voice) -> Pair | None:
    """Which grade it has against one it has not: "small, not large", "large, not small". None without a grade."""
    here = claim.model_copy(update={"laterality": None, "zone": None, "only": False})
    return _pair(here, _other_grades(here, voice), "severity", facts, voice)


def _pair(here: Claim, others: Iterable[Claim], kind: Kind, facts: Sequence[Claim], voice: Voice) -> Pair | None:
    false = [
        other for other in others if not holds(other, facts, voice.vocabulary)
    ]  # of what is in both places, neither is denied
    if not false:
        return None
    there = false[int(voice.rng.integers(len(false)))]
    wording = choose_wording(here, kind, voice, may_be_plain=holds(there, facts, voice.vocabulary) is False)
    if wording.plain:
        return state(here, wording), _contradiction(state(there, wording), kind)
    nowhere_else = holds(_only(here), facts, voice.vocabulary)
    if (
        wording.contrast and wording.contrast[0] is None and not nowhere_else
    ):  # "only" would stand in the false one alone
        wording = replace(wording, contrast=None)
    true = contrast(_only(here), there, wording) if nowhere_else else state(here, wording)
    return true, _contradiction(contrast(_only(there), here, wording), kind)


def _only(claim: Claim) -> Claim:
    return claim.model_copy(update={"only": True})


def _contradiction(statement: Statement, kind: Kind) -> Contradiction:
    return Contradiction(text=statement.text, kind=kind, cue=statement.cue, claim=statement.claim.meaning)


def _other_places(claim: Claim, voice: Voice) -> Iterator[Claim]:
    """The claim at the other side, or at another height; in reports only from end to end, for lobes overlap in a
    frontal view. Both sides have no other side."""
    can = anatomy(voice.vocabulary)[claim.finding]
    if claim.laterality in _OTHER_SIDE and can.sided:
        yield claim.model_copy(update={"laterality": _OTHER_SIDE[claim.laterality]})
    if claim.zone:
        for zone in can.zones:
            if _apart(_HEIGHTS, zone, claim.zone) > (0 if voice.drawn else 1):
                yield claim.model_copy(update={"zone": zone})


def _other_grades(claim: Claim, voice: Voice) -> Iterator[Claim]:
    """The claim in other grades; in reports only from end to end, for mild shades into moderate there."""
    if not claim.severity or not anatomy(voice.vocabulary)[claim.finding].grades:
        return
    for grade in SEVERITIES:
        if _apart(SEVERITIES, grade, claim.severity) > (0 if voice.drawn else 1):
            yield claim.model_copy(update={"severity": grade})


def _apart(order: Sequence[str], first: str, second: str) -> int:
    return abs(order.index(first) - order.index(second))
