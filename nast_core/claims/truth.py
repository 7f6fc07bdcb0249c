"""Whether a claim holds of a study: True, False, or None where the study does not say.

Facts are claims too. What a report leaves unsaid stays open: a left effusion on record says nothing of the right
side, unless the fact says ``only``. Phantoms are known in full. Source: ours.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from nast_core.claims.anatomy import Anatomy, anatomy
from nast_core.claims.claim import Claim, Example
from nast_core.data.phantom import CONDITIONS, Finding, Phantom, phantom_of
from nast_core.vocabulary.model import Vocabulary

Facts = Iterable[Claim] | Mapping[str, int] | Phantom


def holds(claim: Claim, facts: Facts, vocabulary: Vocabulary | None = None) -> bool | None:
    """Whether ``claim`` is true of a study whose ``facts`` are given; None where they do not decide it.

    ``facts``: claims on record, a label table's row (condition -> 1 present, 0 absent, others ignored), or a phantom.
    """
    known = [fact for fact in claims_of(facts) if fact.finding == claim.finding]
    return _holds(claim, known, anatomy(vocabulary)[claim.finding])


def claims_of(facts: Facts) -> tuple[Claim, ...]:
    if isinstance(facts, Phantom):
        return phantom_claims(facts)
    if isinstance(facts, Mapping):
        polarities = {1: "present", 0: "absent"}
        return tuple(
            Claim.model_validate({"finding": finding, "polarity": polarities[value]})
            for finding, value in facts.items()
            if value in polarities
        )
    return tuple(facts)


def phantom_claims(phantom: Phantom) -> tuple[Claim, ...]:
    """Everything that is true of a phantom, a claim a condition; a finding is nowhere but where it was drawn."""
    return tuple(
        _claim(finding) if (finding := phantom.finding(c)) else Claim(finding=c, polarity="absent") for c in CONDITIONS
    )


def _claim(finding: Finding) -> Claim:
    can = anatomy()[finding.condition]
    return Claim(
        finding=finding.condition,
        polarity="present",
        laterality=finding.side if can.sided else None,
        zone=finding.zone if can.zones else None,
        severity=finding.severity if can.grades else None,
        only=True,
    )


def facts_by_study(examples: Iterable[Example]) -> dict[str, tuple[Claim, ...]]:
    """Study -> what is known of it: all of a phantom; of another study, the true claims that the file holds."""
    by_study: dict[str, dict[Claim, None]] = {}
    for example in examples:
        claims = by_study.setdefault(example.study_id, {})
        phantom = phantom_of(example.image) if example.image else None
        for claim in phantom_claims(phantom) if phantom else (example.claim.meaning,):
            claims[claim] = None
    return {study: tuple(claims) for study, claims in by_study.items()}


def truth_table(
    claims: Sequence[Claim], facts: Sequence[Sequence[Claim]], vocabulary: Vocabulary | None = None
) -> Int[np.ndarray, "claim study"]:
    """1 where a claim holds of a study, 0 where it does not, -1 where that is unknown. Equal claims, and equal facts
    about a finding, are looked at once."""
    distinct = {claim: row for row, claim in enumerate(dict.fromkeys(claim.meaning for claim in claims))}
    about: dict[str, dict[tuple[Claim, ...], list[int]]] = {}
    for column, known in enumerate(facts):
        for finding in {fact.finding for fact in known}:
            key = tuple(fact.meaning for fact in known if fact.finding == finding)
            about.setdefault(finding, {}).setdefault(key, []).append(column)
    table, can = np.full((len(distinct), len(facts)), -1, np.int8), anatomy(vocabulary)
    for claim, row in distinct.items():
        for known, columns in about.get(claim.finding, {}).items():
            verdict = _holds(claim, known, can[claim.finding])
            table[row, columns] = -1 if verdict is None else int(verdict)
    return table[[distinct[claim.meaning] for claim in claims]]


def _holds(claim: Claim, facts: Sequence[Claim], can: Anatomy) -> bool | None:
    if claim.polarity == "absent":
        opposite = _holds(claim.model_copy(update={"polarity": "present", "only": False}), facts, can)
        return None if opposite is None else not opposite
    verdicts = [_by_presence(claim, f, can) if f.polarity == "present" else _by_absence(claim, f) for f in facts]
    return True if True in verdicts else False if False in verdicts else None


def _by_absence(claim: Claim, denied: Claim) -> bool | None:
    """A claim is false where all that it says to be present was denied; else the denial does not touch it."""
    return False if _implies(claim, denied) else None


def _by_presence(claim: Claim, fact: Claim, can: Anatomy) -> bool | None:
    if (claim.only and _beyond(claim, fact)) or (fact.only and _beyond(fact, claim)):
        return False  # "on the right, not the left" of one that is on the left
    if _implies(fact, claim) and (fact.only or not claim.only):
        return True
    graded_otherwise = claim.severity and fact.severity and claim.severity != fact.severity
    return False if graded_otherwise and _same_place(claim, fact, can) else None


def _implies(special: Claim, general: Claim) -> bool:
    """Whether every study that has the first has the second."""
    side = general.laterality in (None, special.laterality) or (
        special.laterality == "bilateral" and general.laterality is not None
    )
    return side and general.zone in (None, special.zone) and general.severity in (None, special.severity)


def _beyond(bounds: Claim, other: Claim) -> bool:
    """Whether the second lies, in part at least, outside the place or the grade of the first."""
    side = bounds.laterality and other.laterality and bounds.laterality not in ("bilateral", other.laterality)
    zone = bounds.zone and other.zone and bounds.zone != other.zone
    grade = bounds.severity and other.severity and bounds.severity != other.severity
    return bool(side or zone or grade)


def _same_place(claim: Claim, fact: Claim, can: Anatomy) -> bool:
    """Whether the two must speak of one and the same finding, so that it cannot have two severities."""
    if not can.sided:
        return True
    one_side = claim.laterality is not None and (claim.laterality == fact.laterality or fact.laterality == "bilateral")
    one_zone = not can.zones or (claim.zone is not None and claim.zone == fact.zone)
    return one_side and one_zone
