"""True statements and their contradictions: worked by hand, and read back from 300 phantoms by another reader."""

import re

import numpy as np
import pytest

from nast_core.benchmark.grammar import grammar
from nast_core.claims.anatomy import anatomy
from nast_core.claims.build import build_examples
from nast_core.claims.claim import Claim
from nast_core.claims.extract import extract
from nast_core.claims.manner import Manner
from nast_core.claims.phantom import phantom_studies
from nast_core.claims.statements import location_pair, polarity_pair, severity_pair
from nast_core.claims.truth import phantom_claims
from nast_core.claims.wording import Voice, Wording, contrast, state
from nast_core.data.phantom import sample_phantom
from nast_core.encoding.images import phantom_of
from nast_core.negation.parser import parse
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.vocabulary.cues import find_cues
from nast_core.vocabulary.model import Noun
from tests.unit.test_claims_truth import plainly

pytestmark = pytest.mark.slow  # hundreds of phantoms

EFFUSION = Claim(finding="Pleural Effusion", polarity="present")
NOUN = Noun("a", "pleural effusion", "is")


def denial(cue: str):
    return next(absence for absence in grammar().clauses_of_absence if absence.cue == cue)


def worded(**changes) -> Wording:
    plain = {
        "noun": NOUN, "frame": "{}.", "present": "there {is} {phrase}", "denial": denial("no"), "normal": None,
        "behind": True, "contrast": None, "plain": False,
    }  # fmt: skip
    return Wording(**plain | changes)


def told(**attributes) -> Claim:
    return EFFUSION.model_copy(update=attributes)


@pytest.mark.parametrize(
    ("claim", "changes", "text", "cue"),
    [
        (told(), {}, "There is a pleural effusion.", None),
        (told(polarity="absent"), {}, "No pleural effusion.", "no"),
        (told(laterality="left"), {}, "There is a pleural effusion on the left.", None),
        (told(laterality="left"), {"behind": False}, "There is a left pleural effusion.", None),
        (told(laterality="bilateral"), {}, "There is a pleural effusion on both sides.", None),
        (told(severity="mild", laterality="right"), {}, "There is a small pleural effusion on the right.", None),
        (
            told(polarity="absent", laterality="left"), {"denial": denial("absent")},
            "Pleural effusion on the left is absent.", "absent",
        ),
        (told(polarity="absent"), {"normal": "dry pleural spaces"}, "Dry pleural spaces.", None),
        # an equivalent of no effusion at all says too much where only the left side is denied
        (told(polarity="absent", laterality="left"), {"normal": "dry pleural spaces"}, "No pleural effusion on the "
            "left.", "no"),
        (told(), {"frame": "impression: {}.", "present": "{noun} {is} seen"}, "Impression: pleural effusion is "
            "seen.", None),
    ],
)  # fmt: skip
def test_a_claim_in_words_by_hand(claim, changes, text, cue):
    said = state(claim, worded(**changes))
    assert (said.text, said.cue, said.claim) == (text, cue, claim)


@pytest.mark.parametrize(
    ("claim", "against", "changes", "text", "cue"),
    [
        (
            told(laterality="right"), told(laterality="left"),
            {"contrast": ("not", "{phrase} {here}, not {there}")},
            "A pleural effusion on the right, not on the left.", "not",
        ),
        (
            told(laterality="right"), told(laterality="left"), {},
            "A pleural effusion on the right; no pleural effusion on the left.", "no",
        ),
        (
            told(laterality="right"), told(laterality="left"), {"behind": False, "denial": denial("not seen")},
            "A right pleural effusion; left pleural effusion is not seen.", "not seen",
        ),
        (
            told(severity="mild"), told(severity="severe"),
            {"contrast": ("not", "{here}, not {there}, {noun}")},
            "A small, not large, pleural effusion.", "not",
        ),
        (
            told(severity="mild"), told(severity="severe"), {},
            "A small pleural effusion; no large pleural effusion.", "no",
        ),
        (
            Claim(finding="Lung Opacity", polarity="present", laterality="left", zone="upper"),
            Claim(finding="Lung Opacity", polarity="present", laterality="left", zone="lower"),
            {"noun": Noun("an", "opacity", "is"), "contrast": ("rather than", "{phrase} {here} rather than {there}")},
            "An opacity in the left upper zone rather than in the left lower zone.", "rather than",
        ),
        (
            Claim(finding="Enlarged Cardiomediastinum", polarity="present", severity="mild"),
            Claim(finding="Enlarged Cardiomediastinum", polarity="present", severity="severe"),
            {"noun": Noun("an", "enlarged mediastinum", "is"), "contrast": ("rather than", "{here} rather than "
                "{there} {noun}")},
            "A mildly rather than markedly enlarged mediastinum.", "rather than",
        ),
    ],
)  # fmt: skip
def test_a_contrast_in_words_by_hand(claim, against, changes, text, cue):
    said = contrast(claim, against, worded(**changes))
    assert (said.text, said.cue, said.claim) == (text, cue, claim)


def pairs(make, *arguments, **voice):
    """Many pairs of one kind: every choice of wording comes up."""
    rng = np.random.default_rng(0)
    return [make(*arguments, Voice(rng=rng, **voice)) for _ in range(200)]


def words_of(text: str) -> list[str]:
    return sorted(re.findall(r"\w+", text.lower()))


def test_a_left_effusion_is_contradicted_on_the_right_and_denied_on_the_left():
    left = told(laterality="left", severity="mild", only=True)
    for true, false in pairs(location_pair, left, [left], split="test", drawn=True):
        assert (true.claim.laterality, false.claim.laterality, false.kind) == ("left", "right", "location")
        assert true.claim.severity is false.claim.severity is None  # one attribute, and no other, is at stake
        assert true.cue is None or words_of(true.text) == words_of(false.text)  # no word tells which of them is true
        assert (true.cue is None) == (false.cue is None)


def test_where_the_report_leaves_the_other_side_open_only_the_contradiction_denies_something():
    left = told(laterality="left")
    for true, false in pairs(location_pair, left, [left], split="test", drawn=False):
        assert true.claim == left
        assert true.cue is None
        assert false.cue is not None  # plain "an effusion on the right" might be true
        assert false.claim == told(laterality="right", only=True)


@pytest.mark.parametrize(
    "facts",
    [
        [told(laterality="bilateral", only=True)],
        [told(laterality="bilateral")],
        [told()],
        [Claim(finding="Cardiomegaly", polarity="present", severity="mild", only=True)],
        [Claim(finding="Edema", polarity="present", laterality="left", only=True)],
        [Claim(finding="Support Devices", polarity="present", only=True)],
    ],
)
def test_no_side_is_flipped_of_what_is_on_both_sides_or_has_none(facts):
    assert location_pair(facts[0], facts, Voice("test", np.random.default_rng(0), drawn=True)) is None


def test_a_finding_on_record_on_both_sides_in_two_claims_is_not_flipped_either():
    facts = [told(laterality="left"), told(laterality="right")]
    assert {pair for fact in facts for pair in pairs(location_pair, fact, facts, split="test", drawn=False)} == {None}


def test_severity_is_contradicted_in_reports_from_end_to_end_only():
    small, moderate = (told(laterality="left", severity=grade) for grade in ("mild", "moderate"))
    found = {false.claim.severity for _, false in pairs(severity_pair, small, [small], split="test", drawn=False)}
    assert found == {"severe"}
    assert severity_pair(moderate, [moderate], Voice("test", np.random.default_rng(0), drawn=False)) is None
    drawn = told(severity="mild", only=True)
    found = {false.claim.severity for _, false in pairs(severity_pair, drawn, [drawn], split="test", drawn=True)}
    assert found == {"moderate", "severe"}


def test_a_fracture_has_no_grades_to_contradict():
    fact = Claim(finding="Fracture", polarity="present", laterality="left", severity="mild", only=True)
    assert severity_pair(fact, [fact], Voice("test", np.random.default_rng(0), drawn=True)) is None


def test_polarity_turns_presence_into_denial_and_back():
    for true, false in pairs(polarity_pair, told(laterality="left"), split="test", drawn=True):
        assert true.cue is None
        assert false.claim == told(laterality="left", polarity="absent")
    for true, false in pairs(polarity_pair, told(polarity="absent"), split="test", drawn=True):
        assert false.claim == told()
        assert false.cue is None
        assert (true.cue is None) == (true.text.split(": ")[-1].split("view. ")[-1].lower().rstrip(".") in NORMAL)


NORMAL = {text.lower() for can in anatomy().values() for text in can.normal(drawn=True)}


def test_training_statements_never_hold_a_held_out_cue_and_the_others_meet_seen_and_unseen_ones_alike():
    claim = told(polarity="absent")
    train = {true.cue for true, _ in pairs(polarity_pair, claim, split="train", drawn=True)}
    assert not train & HELD_OUT_CUES
    assert len(train) > 20
    test = [true.cue for true, _ in pairs(polarity_pair, claim, split="test", drawn=True) if true.cue]
    assert set(test) >= HELD_OUT_CUES
    assert np.mean([cue in HELD_OUT_CUES for cue in test]) == pytest.approx(0.5, abs=0.12)


def test_a_voice_denies_by_its_own_cues_alone_seen_and_unseen_ones():
    claim, own = told(polarity="absent"), {"no", "without", "absent"}
    train = {true.cue for true, _ in pairs(polarity_pair, claim, split="train", drawn=True, manner=Manner(cues=own))}
    assert train == {None, "no", "without"}  # without a cue where absence is said affirmatively
    test = {true.cue for true, _ in pairs(polarity_pair, claim, split="test", drawn=True, manner=Manner(cues=own))}
    assert test == {None, *own}


def test_reports_are_told_in_words_that_fit_every_instance():
    fracture = Claim(finding="Fracture", polarity="present")
    for true, false in pairs(polarity_pair, fracture, split="train", drawn=False):
        assert "rib" not in true.text + false.text  # the label does not say which bone
    assert any("rib" in true.text for true, _ in pairs(polarity_pair, fracture, split="train", drawn=True))


@pytest.fixture(scope="module")
def of_phantoms():
    """Every example of 300 phantoms, none set aside, with the phantom."""
    built = build_examples(phantom_studies(300, split="validation"), balanced=False)
    return [(example, phantom_of(example.image)) for example in built.examples]


def test_no_contradiction_is_true_of_its_phantom_and_every_statement_is(of_phantoms):
    assert len(of_phantoms) > 2000
    assert {c.kind for example, _ in of_phantoms for c in example.contradictions} == {
        "polarity",
        "location",
        "severity",
    }
    for example, phantom in of_phantoms:
        assert plainly(example.claim, phantom), example
        for contradiction in example.contradictions:
            assert not plainly(contradiction.claim, phantom), example


def test_a_contradiction_differs_from_its_statement_in_the_attribute_of_its_kind_alone(of_phantoms):
    for example, _ in of_phantoms:
        for contradiction in example.contradictions:
            ours, theirs = example.claim.model_dump(), contradiction.claim.model_dump()
            changed = {name for name in ours if ours[name] != theirs[name] and name != "only"}
            assert changed in {
                "polarity": [{"polarity"}], "location": [{"laterality"}, {"zone"}], "severity": [{"severity"}],
            }[contradiction.kind]  # fmt: skip


def test_the_cue_on_record_is_the_only_one_in_the_text(of_phantoms):
    for example, _ in of_phantoms:
        for said in (example, *example.contradictions):
            assert [cue.text for cue in find_cues(said.text)] == ([said.cue] if said.cue else []), said.text


def test_a_reader_of_reports_who_knows_the_texts_alone_finds_them_true_and_false_of_the_phantom(of_phantoms):
    """The reader of free text did not write these sentences; what it reads in them is asked of the drawing."""
    read = wrong = 0
    for example, phantom in of_phantoms[::3]:
        for said, truth in ((example, True), *((c, False) for c in example.contradictions)):
            claims = [claim for claim in extract(said.text).claims if claim.finding == example.claim.finding]
            if claims:
                read += 1
                wrong += all(plainly(claim, phantom) for claim in claims) != truth
    assert read > 1000
    assert wrong / read < 0.01


def test_the_parser_that_checks_the_benchmark_reads_the_polarity_that_was_written(of_phantoms):
    disagreed = [
        (said.text, mention.state)
        for example, _ in of_phantoms[::5]
        for said, claim in ((example, example.claim), *((c, c.claim) for c in example.contradictions))
        if example.contradictions[0].kind == "polarity"
        for mention in parse(said.text)
        if claim.finding in mention.conditions and (mention.state == "present") != (claim.polarity == "present")
    ]
    assert not disagreed


def test_a_small_pneumothorax_of_a_known_phantom_makes_the_statements_it_should():
    person = sample_phantom(3)
    (fact,) = (claim for claim in phantom_claims(person) if claim.finding == "Pneumothorax")
    assert (fact.laterality, fact.severity, fact.only) == ("right", "mild", True)
    true, false = location_pair(fact, phantom_claims(person), Voice("train", np.random.default_rng(1), drawn=True))
    assert "right" in true.text
    assert false.claim.laterality == "left"
