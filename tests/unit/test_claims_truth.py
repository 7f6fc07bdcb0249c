"""Whether a claim holds of a study: by hand, and against a plain reading of 300 phantoms' own truth."""

import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from nast_core.claims.anatomy import anatomy
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.truth import facts_by_study, holds, phantom_claims, truth_table
from nast_core.data.phantom import CONDITIONS, Phantom, sample_phantom
from nast_core.vocabulary.shipped import chest
from tests.words import CHEXPERT_CONDITIONS


def present(finding="Pleural Effusion", **attributes) -> Claim:
    return Claim(finding=finding, polarity="present", **attributes)


def absent(finding="Pleural Effusion", **attributes) -> Claim:
    return Claim(finding=finding, polarity="absent", **attributes)


LEFT, RIGHT, BOTH = ({"laterality": side} for side in ("left", "right", "bilateral"))
SMALL, LARGE = {"severity": "mild"}, {"severity": "severe"}


@pytest.mark.parametrize(
    ("claim", "facts", "expected"),
    [
        # polarity
        (present(), [present()], True),
        (present(), [absent()], False),
        (absent(), [present()], False),
        (absent(), [absent()], True),
        (present(), [], None),
        (present(), [absent("Edema")], None),  # another finding says nothing
        # sides
        (present(**LEFT), [present(**LEFT)], True),
        (present(**LEFT), [present(**BOTH)], True),
        (present(**BOTH), [present(**LEFT)], None),  # the report may have left the right side out
        (present(**RIGHT), [present(**LEFT)], None),
        (present(**RIGHT), [present(**LEFT, only=True)], False),
        (present(**BOTH), [present(**LEFT, only=True)], False),
        (present(**LEFT), [present()], None),
        (present(), [present(**LEFT)], True),
        (present(**LEFT), [absent()], False),
        (present(**LEFT), [absent(**LEFT)], False),
        (present(**LEFT), [absent(**RIGHT)], None),
        (present(), [absent(**RIGHT)], None),
        (present(**BOTH), [absent(**RIGHT)], False),
        (absent(**LEFT), [absent()], True),
        (absent(**LEFT), [present(**RIGHT)], None),
        (absent(**LEFT), [present(**RIGHT, only=True)], True),
        (absent(), [absent(**LEFT)], None),
        # "on the right, not on the left"
        (present(**RIGHT, only=True), [present(**LEFT)], False),
        (present(**RIGHT, only=True), [present(**RIGHT)], None),
        (present(**RIGHT, only=True), [present(**RIGHT, only=True)], True),
        (present(**RIGHT, only=True), [present(**BOTH)], False),
        (present(**RIGHT, only=True), [present(**LEFT), present(**RIGHT)], False),
        (present(**RIGHT), [present(**LEFT), present(**RIGHT)], True),
        # severity
        (present(**SMALL), [present(**SMALL)], True),
        (present(**LARGE), [present(**SMALL)], None),  # of the other side, for all that is said
        (present(**LEFT, **LARGE), [present(**LEFT, **SMALL)], False),
        (present(**LEFT, **LARGE), [present(**BOTH, **SMALL)], False),
        (present(**RIGHT, **LARGE), [present(**LEFT, **SMALL)], None),
        (present(**LARGE), [present(**LEFT, **SMALL, only=True)], False),
        (present(**LARGE), [absent(**LARGE)], False),
        (present(**SMALL), [absent(**LARGE)], None),
        (present(), [absent(**LARGE)], None),  # "no large effusion" leaves a small one open
        (absent(**LARGE), [present(**LEFT, **SMALL, only=True)], True),
        (present(**LARGE, only=True), [present(**SMALL)], False),  # "large, not small"
        # what has one place has one grade
        (present("Cardiomegaly", **LARGE), [present("Cardiomegaly", **SMALL)], False),
        (present("Cardiomegaly", **LARGE), [present("Cardiomegaly")], None),
        # zones
        (present("Lung Opacity", zone="upper"), [present("Lung Opacity", zone="lower")], None),
        (present("Lung Opacity", zone="upper"), [present("Lung Opacity", zone="lower", only=True)], False),
        (present("Lung Opacity", zone="upper", **LEFT), [present("Lung Opacity", zone="upper", **LEFT)], True),
        (present("Lung Opacity", zone="upper", **LARGE), [present("Lung Opacity", zone="upper", **SMALL)], None),
    ],
)
def test_what_holds_by_hand(claim, facts, expected):
    assert holds(claim, facts) is expected


def test_a_row_of_a_label_table_is_facts_too_and_its_uncertain_labels_are_none():
    row = {"Edema": 1, "Fracture": 0, "Pneumonia": -1, "Consolidation": ""}
    assert holds(present("Edema"), row) is True
    assert holds(absent("Edema"), row) is False
    assert holds(present("Fracture", **LEFT), row) is False
    assert holds(present("Pneumonia"), row) is None
    assert holds(present("Consolidation"), row) is None
    assert holds(present("Atelectasis"), row) is None


def plainly(claim: Claim, phantom: Phantom) -> bool:
    """The same question asked of the drawing itself, as cells of side and zone that a finding fills."""
    drawn = phantom.finding(claim.finding)
    can = anatomy()[claim.finding]

    def cells(side, zone) -> set:
        sides = {"left", "right"} if side in (None, "bilateral") else {side}
        zones = {"upper", "mid", "lower"} if zone is None else {zone}
        return set(itertools.product(sides, zones))

    there = False
    if drawn is not None:
        filled = cells(drawn.side if can.sided else None, drawn.zone if can.zones else None)
        asked = cells(claim.laterality, claim.zone)
        within = {side for side, _ in filled & asked} == (
            {"left", "right"} if claim.laterality == "bilateral" else {side for side, _ in filled & asked}
        )
        there = bool(filled & asked) and within and claim.severity in (None, drawn.severity)
        if claim.only and (claim.laterality or claim.zone):
            there = there and filled <= asked
    return there if claim.polarity == "present" else not there


def every_claim(finding: str):
    can = anatomy()[finding]
    sides = (None, "left", "right", "bilateral") if can.sided else (None,)
    severities = (None, "mild", "severe") if can.grades else (None,)
    for side, zone, severity in itertools.product(sides, (None, *can.zones), severities):
        for polarity, only in (("present", False), ("present", True), ("absent", False)):
            yield Claim(finding=finding, polarity=polarity, laterality=side, zone=zone, severity=severity, only=only)


def test_every_claim_about_three_hundred_phantoms_holds_exactly_where_the_drawing_says_so():
    people = [sample_phantom(seed) for seed in range(300)]
    claims = [claim for finding in CONDITIONS for claim in every_claim(finding)]
    table = truth_table(claims, [phantom_claims(person) for person in people])
    expected = np.array([[plainly(claim, person) for person in people] for claim in claims])
    assert (table == expected).all()
    assert {0, 1} == set(table.ravel().tolist())  # of a phantom everything is known


def test_the_table_equals_asking_one_by_one_and_keeps_what_is_unknown():
    facts = [(present(**LEFT),), (absent(),), (present(**RIGHT, only=True), absent("Edema")), ()]
    claims = [present(**LEFT), absent(**LEFT), present("Edema"), present(**LEFT, sentence="said again", span=(0, 4))]
    answers = {True: 1, False: 0, None: -1}
    assert truth_table(claims, facts).tolist() == [[answers[holds(c, f)] for f in facts] for c in claims]
    assert truth_table(claims, facts)[0].tolist() == [1, 0, 0, -1]


def line(study: str, claim: Claim, image: str | None = None) -> Example:
    wrong = Contradiction(text="false", kind="polarity")
    return Example(study_id=study, patient_id=study, image=image, claim=claim, text="true", contradictions=(wrong,))


def test_a_study_knows_the_true_claims_of_its_lines_and_a_phantom_knows_everything():
    person = sample_phantom(3)  # a small pneumothorax on the right, a large heart, no fracture
    facts = facts_by_study(
        [
            line("a", present(**LEFT, sentence="Left effusion.", span=(5, 13))),
            line("a", absent("Edema")),
            line("a", present(**LEFT)),
            line("p", present("Pneumothorax"), image="phantom:3"),
        ]
    )
    assert facts["a"] == (present(**LEFT), absent("Edema"))
    assert facts["p"] == phantom_claims(person)
    assert holds(absent("Fracture"), facts["p"]) is True
    assert holds(present("Pneumothorax", **RIGHT, only=True), person) is True


def test_a_claim_about_something_that_is_no_condition_is_refused():
    with pytest.raises(ValidationError, match="none of the CheXpert conditions"):
        Claim.model_validate({"finding": "Granuloma", "polarity": "present"}, context={"vocabulary": chest()})
    assert set(anatomy()) == set(CHEXPERT_CONDITIONS)
