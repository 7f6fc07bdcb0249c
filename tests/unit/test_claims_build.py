"""Building a claims file: splits, cues, balance, the file itself, and what is refused."""

import json
from collections import Counter

import pytest

from nast_core.claims.build import Study, build_examples
from nast_core.claims.card import card_path, claims_card
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.examples import read_claims, write_claims
from nast_core.claims.guessing import guesses
from nast_core.claims.phantom import phantom_studies
from nast_core.claims.sources import read_source
from nast_core.claims.study import Source
from nast_core.data.phantom import SPLITS
from nast_core.errors import DataError
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.vocabulary.cues import find_cues

pytestmark = pytest.mark.slow  # whole builds


@pytest.fixture(scope="module")
def built():
    return build_examples(phantom_studies(400, seed=3), seed=3)


def test_without_a_split_phantoms_come_from_all_three_and_keep_their_own(built):
    studies = Counter(split for split, _ in {(e.split, e.study_id) for e in built.examples})
    assert studies["train"] > 250
    assert min(studies["validation"], studies["test"]) > 20
    for example in built.examples:
        assert int(example.study_id) in SPLITS[example.split]


def test_no_patient_is_in_two_splits(built):
    assert max(Counter(patient for patient, _ in {(e.patient_id, e.split) for e in built.examples}).values()) == 1


def test_held_out_cues_are_in_no_text_of_a_training_line_and_in_others_of_the_rest(built):
    seen = {"train": set(), "validation": set(), "test": set()}
    for example in built.examples:
        for text in (example.text, *(c.text for c in example.contradictions)):
            seen[example.split] |= {cue.text for cue in find_cues(text)}
    assert not seen["train"] & HELD_OUT_CUES
    assert len(seen["train"]) > 20
    assert seen["validation"] >= HELD_OUT_CUES
    assert seen["test"] >= HELD_OUT_CUES


def test_equal_seeds_give_equal_lines_and_another_seed_gives_others(built):
    again = build_examples(phantom_studies(400, seed=3), seed=3)
    assert again.examples == built.examples
    assert build_examples(phantom_studies(400, seed=4), seed=4).examples != built.examples


def test_of_each_split_and_finding_as_much_is_true_one_way_round_as_the_other(built):
    ways = Counter()
    for example in built.examples:
        for contradiction in example.contradictions:
            said = [
                (c.polarity, c.laterality or "", c.zone or "", c.severity or "")
                for c in (example.claim, contradiction.claim)
            ]
            ways[(example.split, example.claim.finding, contradiction.kind, *said)] += 1
    for (split, finding, kind, true, false), count in ways.items():
        assert ways[split, finding, kind, false, true] == count


def test_a_pair_of_place_or_grade_has_a_denial_in_both_texts_or_in_neither(built):
    for example in built.examples:
        for contradiction in example.contradictions:
            assert contradiction.kind == "polarity" or (example.cue is None) == (contradiction.cue is None)


def test_wording_alone_does_not_tell_which_statement_is_true():
    built = build_examples(phantom_studies(500, split="train", seed=1), seed=1)
    for kind, found in guesses(built.examples).items():
        assert found.n > 300
        assert found.low < 0.53, kind


def test_wording_that_gives_it_away_is_found_out():
    """Reports call effusions small and deny pneumothoraces: unbalanced, words rank most pairs rightly."""
    small = Claim(finding="Pleural Effusion", polarity="present", laterality="left", severity="mild", only=True)
    facts = small, Claim(finding="Pneumothorax", polarity="absent")
    studies = [Study(str(i), str(i), facts) for i in range(400)]
    found = guesses(build_examples(studies, balanced=False).examples)
    assert found["polarity"].value > 0.75
    assert found["severity"].value > 0.9
    assert not build_examples(studies).examples  # nothing is ever true the other way round


def test_every_line_names_a_claim_of_its_source_sentence():
    fact = Claim(finding="Edema", polarity="absent", sentence="There is no edema.", span=(12, 17))
    (example,) = build_examples([Study("s", "p", (fact,))], balanced=False).examples
    assert (example.claim.sentence, example.claim.span) == ("There is no edema.", (12, 17))
    assert example.contradictions[0].claim.sentence == ""


def test_a_file_written_is_the_file_read(built, tmp_path):
    write_claims(built.examples, tmp_path / "claims.jsonl")
    assert read_claims(tmp_path / "claims.jsonl") == built.examples
    first = json.loads((tmp_path / "claims.jsonl").read_text("utf-8").splitlines()[0])
    assert first["split"] == built.examples[0].split  # said in full, for readers that know no defaults


GOOD = Example(
    study_id="s", patient_id="p", claim=Claim(finding="Edema", polarity="present"), text="Edema.",
    contradictions=(Contradiction(text="No edema.", kind="polarity", cue="no"),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no claims"),
        (b"\n  \n", "has no claims"),
        (b"{\n", "line 1: not a claim (not JSON"),
        (b'{"study_id": "s"}', "line 1: not a claim (patient_id"),
        (GOOD.model_dump_json().replace("Edema\"", "Oedema\"").encode(), "none of the CheXpert conditions"),
        (GOOD.model_dump_json().replace('"polarity","cue"', '"mood","cue"').encode(), "line 1: not a claim "
            "(contradictions.0.kind"),
        ((GOOD.model_dump_json() + "\n" + GOOD.model_copy(update={"split": "test"}).model_dump_json()).encode(),
        "line 2: the patient 'p' is in split "
            "'test' here and in 'train' on line 1"),
        ("é".encode("latin-1"), "cannot be read as UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_claims_file_is_refused_with_its_line(tmp_path, content, said):
    path = tmp_path / "claims.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_claims(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_or_source_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="nast claims build"):
        read_claims(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="there is no source 'openli': known are phantom, openi, padchest"):
        read_source("openli")
    (tmp_path / "notes.pdf").write_text("hello")
    with pytest.raises(DataError, match="no source of claims"):
        read_source(str(tmp_path / "notes.pdf"))


def test_the_card_counts_what_is_in_the_file_and_what_was_left_out(built, tmp_path):
    source = Source("phantoms", [], "MIT", Counter({"reports without a claim": 7}), {"bad.xml": "not XML"})
    card = claims_card(source, built, {}, seed=3, balanced=True)
    train = sum(e.split == "train" and e.contradictions[0].kind == "polarity" for e in built.examples)
    assert f"| train | {train:,} |" in card
    assert "Licence: MIT." in card
    assert "- reports without a claim: 7" in card
    assert "- bad.xml: not XML" in card
    assert "Seed 3; balanced" in card
    assert card_path(tmp_path / "c.jsonl") == tmp_path / "c.card.md"
