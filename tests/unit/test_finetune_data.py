"""From claims to batches: what is refused, what a batch compares, and how its texts are grouped."""

import numpy as np
import pytest

from nast_core.claims.claim import Claim, Contradiction
from nast_core.claims.examples import read_claims
from nast_core.errors import DataError
from nast_core.finetune.batches import Sampler, study_order
from nast_core.finetune.data import Truth, texts_of, training_data
from nast_core.finetune.encoding import groups
from nast_core.finetune.recipe import CAPTIONS
from tests.finetuning import example, write_phantom_claims

EDEMA, NO_EDEMA = Claim(finding="Edema", polarity="present"), Claim(finding="Edema", polarity="absent")


def enough(*more):
    """Two studies to train on, two to validate on, and ``more``."""
    studies = [("a", "train"), ("b", "train"), ("c", "validation"), ("d", "validation")]
    return [*more, *(example("edema.", "no edema.", study=study, split=split) for study, split in studies)]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    return training_data(
        read_claims(write_phantom_claims(tmp_path_factory.mktemp("claims") / "claims.jsonl")), most_validation=100
    )


def test_a_patient_of_validation_in_training_is_refused(tmp_path):
    lines = [
        example("edema.", study="s1", patient_id="p"),
        example("edema.", study="s2", patient_id="p", split="validation"),
    ]
    path = tmp_path / "claims.jsonl"
    path.write_text("".join(line.model_dump_json() + "\n" for line in lines))
    with pytest.raises(DataError, match="patient 'p' is in split 'validation' here and in 'train' on line 1"):
        read_claims(path)


def test_a_statement_both_true_and_false_of_a_study_is_refused():
    two = [example("There is edema.", "no edema"), example("no pneumothorax.", "there is  edema", study="s1")]
    with pytest.raises(DataError, match="'there is  edema' is given as true and as false of study s1"):
        training_data(enough(*two), most_validation=9)


def test_a_study_with_two_images_is_refused():
    two = [example("edema."), example("no fracture.", image="other.png")]
    with pytest.raises(DataError, match=r"study s1 has 2 images, other\.png and s1\.png"):
        training_data(enough(*two), most_validation=9)


def test_a_study_of_two_patients_is_refused():
    two = [example("edema.", patient_id="p1"), example("no fracture.", patient_id="p2")]
    with pytest.raises(DataError, match="study s1 belongs to 2 patients, p1 and p2"):
        training_data(two, most_validation=9)


@pytest.mark.parametrize("most_validation", [1, 99])
def test_a_study_in_both_splits_is_refused_however_few_validation_studies_are_kept(most_validation):
    lines = [example("edema.", study=f"t{i}") for i in range(20)]
    lines += [example("edema.", study=f"{'t' if i == 7 else 'v'}{i}", split="validation") for i in range(20)]
    with pytest.raises(DataError, match="1 studies have train and validation lines, first t7"):
        training_data(lines, most_validation=most_validation)


@pytest.mark.parametrize(("split", "left"), [("train", "validation"), ("validation", "train")])
def test_a_file_without_one_of_the_splits_is_refused(split, left):
    with pytest.raises(DataError, match=f"has 0 {left} studies"):
        training_data([example("edema.", study=s, split=split) for s in "abc"], most_validation=9)


def test_lines_without_an_image_or_too_long_for_the_model_are_set_aside_and_counted():
    lines = enough(example("edema.", image=None, study="x"), example("a long edema", "no edema", study="y"))
    data = training_data(lines, most_validation=9, fits=lambda text: "long" not in text)
    assert (data.imageless, data.unread) == (1, 1)
    assert [study.study_id for study in data.train] == ["a", "b"]


def test_test_lines_are_not_looked_at():
    data = training_data(enough(example("edema.", study="t", split="test")), most_validation=9)
    assert "t" not in {study.study_id for study in (*data.train, *data.validation)}


def test_captions_join_true_statements_one_a_finding_and_the_first_is_affirmative(phantoms):
    for study in phantoms.train:
        assert len(study.captions) == 4
        for caption in study.captions:
            said = caption.true.claims
            assert 1 <= len(said) <= 3
            assert len({claim.finding for claim in said}) == len(said)
            number = np.array([phantoms.train.index(study)])
            assert (phantoms.truth.of(said, number) == 1).all()
            assert caption.false is None or phantoms.truth.of_all(caption.false.claims, number) == 0
        spoken_of = len({e.claim.finding for e in study.examples})
        assert all(len(caption.true.claims) >= min(2, spoken_of) for caption in study.captions[1:])
        if any(e.cue is None for e in study.examples):
            assert study.captions[0].true.affirmative


def test_a_caption_is_shortened_until_the_model_can_read_it(tmp_path):
    lines = read_claims(write_phantom_claims(tmp_path / "claims.jsonl"))
    data = training_data(lines, most_validation=100, fits=lambda text: len(text) < 90)
    said = [
        text for study in data.train for caption in study.captions for text in (caption.true, caption.false) if text
    ]
    assert max(len(text.text) for text in said) < 90
    assert {len(caption.true.claims) for study in data.train for caption in study.captions} == {
        1,
        2,
        3,
    }  # two or three, less where they do not fit


def test_truth_is_looked_up_by_claim_and_study():
    facts = [(EDEMA,), (NO_EDEMA,), (Claim(finding="Fracture", polarity="present"),)]
    truth = Truth([EDEMA, NO_EDEMA], facts)
    assert truth.of([EDEMA, NO_EDEMA, None], np.array([2, 0, 1])).tolist() == [[-1, 1, 0], [-1, 0, 1], [-1, -1, -1]]


def test_several_claims_hold_together_where_each_does_and_fail_where_one_is_known_to():
    fracture = Claim(finding="Fracture", polarity="present")
    truth = Truth([EDEMA, NO_EDEMA, fracture], [(EDEMA, fracture), (NO_EDEMA,), (EDEMA,)])
    assert truth.of_all([EDEMA, fracture], np.array([0, 1, 2])).tolist() == [1, 0, -1]
    assert truth.of_all([EDEMA, None], np.array([0, 1])).tolist() == [-1, 0]


def test_which_of_two_texts_a_study_bears_out_is_told_by_where_they_differ():
    left = Claim(finding="Edema", polarity="present", laterality="left")
    facts = [(left.model_copy(update={"only": True}),), (NO_EDEMA,), (Claim(finding="Fracture", polarity="present"),)]
    broken = Claim(finding="Fracture", polarity="present")
    truth = Truth([EDEMA, NO_EDEMA, broken], facts)
    all_three = np.arange(3)
    assert truth.better([EDEMA], [NO_EDEMA], all_three).tolist() == [1, -1, 0]
    assert truth.better([NO_EDEMA, broken], [EDEMA, broken], all_three).tolist() == [-1, 1, 0]  # whatever else is said
    assert truth.better([EDEMA], [None], all_three).tolist() == [0, 0, 0]
    assert truth.better([None], [None], all_three).tolist() == [0, 0, 0]


def test_a_batch_names_every_text_once_and_compares_what_it_should():
    lines = enough()
    for number, (study, cue) in enumerate([("e", None), ("f", "no")]):
        says, claim, its_cue = ("edema.", EDEMA, None) if cue else ("no edema.", NO_EDEMA, "no")
        false = Contradiction(text=says, kind="polarity", claim=claim, cue=its_cue)
        text = "no edema." if cue else "edema."
        polarity = "absent" if cue else "present"
        lines.insert(number, example(text, study=study, cue=cue, polarity=polarity, contradictions=(false,)))
    data = training_data(lines, most_validation=9)
    first = [study.study_id for study in data.train].index("e")
    batch = Sampler(data.train, np.array([first, first + 1]), data.truth, 2, 2, captions=1, claims=1, seed=0).batch(0)
    assert len(set(batch.texts)) == len(batch.texts)
    edema, none = batch.texts.index("edema."), batch.texts.index("no edema.")
    column = {data.train[number].study_id: place for place, number in enumerate(batch.studies)}
    told = {tuple(row) for row in batch.ranked.tolist() if set(row) == {edema, none}}  # the other rows rank captions
    assert told == {(edema, none), (none, edema)}
    by_e, by_f = column["e"], column["f"]
    for pair, better in zip(batch.ranked.tolist(), batch.better.tolist(), strict=True):
        if pair == [edema, none]:
            assert (better[by_e], better[by_f]) == (1, -1)
        elif pair == [none, edema]:
            assert (better[by_e], better[by_f]) == (-1, 1)
    holds = batch.holds
    assert (holds[edema][column["e"]], holds[edema][column["f"]]) == (1, 0)
    assert (holds[none][column["e"]], holds[none][column["f"]]) == (0, 1)
    assert edema in batch.kept
    assert none not in batch.kept
    assert (batch.fits == np.eye(2, dtype=bool)).all()


def test_batches_depend_on_seed_and_step_alone(phantoms):
    def texts(seed: int, step: int) -> tuple[str, ...]:
        numbers = np.arange(len(phantoms.train))
        return (
            Sampler(phantoms.train, numbers, phantoms.truth, 6, 12, captions=1, claims=2, seed=seed).batch(step).texts
        )

    assert texts(0, 3) == texts(0, 3)
    assert texts(0, 3) != texts(1, 3)
    assert texts(0, 3) != texts(0, 4)


def test_a_batch_compares_its_studies_with_others_that_it_does_not_speak_of(phantoms):
    numbers = np.arange(len(phantoms.train))
    batch = Sampler(phantoms.train, numbers, phantoms.truth, 4, 10, captions=2, claims=1, seed=0).batch(0)
    assert len(batch.captions) == 4
    assert len(batch.studies) == len(set(batch.studies)) == 10
    assert batch.fits.shape == (4, 10)
    assert batch.holds.shape == (len(batch.texts), 10)


def test_every_caption_of_a_study_is_compared_with_itself_contradicted(phantoms):
    for count in (1, 3):
        sampler = Sampler(phantoms.train, np.arange(len(phantoms.train)), phantoms.truth, 4, 10, count, 1, seed=0)
        batch = sampler.batch(0)
        told = {(batch.texts[true], batch.texts[false]) for true, false in batch.ranked}
        for number, named in zip(batch.studies, batch.captions, strict=False):
            study = phantoms.train[number]
            own = {(caption.true.text, caption.false.text) for caption in study.captions if caption.false}
            assert batch.texts[named] in {caption.true.text for caption in study.captions}
            assert count - (CAPTIONS - len(own)) <= len(own & told) <= count


def test_the_first_steps_have_no_captions_but_as_many_statements_more(phantoms):
    numbers = np.arange(len(phantoms.train))
    sampler = Sampler(phantoms.train, numbers, phantoms.truth, 4, 10, captions=1, claims=1, seed=0, alone=2)
    for step, captioned in ((0, False), (1, False), (2, True)):
        batch = sampler.batch(step)
        own = [phantoms.train[number] for number in batch.studies[:4]]
        assert len(batch.captions) == len(batch.fits) == 4 * captioned
        single = {text for study in own for e in study.examples for text in texts_of(e)}
        assert (set(batch.texts) <= single) == (not captioned)
        assert (
            0 < len({int(true) for true, _ in batch.ranked} - set(batch.captions.tolist())) <= (4 if captioned else 8)
        )


def test_every_study_is_spoken_of_once_an_epoch_in_an_order_that_changes():
    first = np.concatenate([study_order(6, 2, seed=0, step=step) for step in range(3)])
    second = np.concatenate([study_order(6, 2, seed=0, step=step) for step in range(3, 6)])
    assert sorted(first) == sorted(second) == list(range(6))
    assert list(first) != list(second)


def plain_cost(lengths: list[int], cuts: list[tuple[int, int]]) -> int:
    return sum((stop - start) * max(lengths[start:stop]) + 128 for start, stop in cuts)


def test_texts_are_cut_into_groups_that_cost_least():
    assert groups([5, 5, 6, 6]) == [(0, 4)]  # padding 2 tokens is cheaper than a call
    assert groups([5] * 100 + [20] * 100) == [(0, 100), (100, 200)]
    lengths = sorted(np.random.default_rng(0).integers(4, 40, 60).tolist())
    found = groups(lengths)
    assert [start for start, _ in found[1:]] == [stop for _, stop in found[:-1]]
    assert (found[0][0], found[-1][1]) == (0, 60)
    edges = [i for i in range(1, 60) if lengths[i] != lengths[i - 1]]
    others = [[(0, 60)], *([(0, a), (a, 60)] for a in edges)]
    others += [[(0, a), (a, b), (b, 60)] for a in edges for b in edges if a < b]
    assert plain_cost(lengths, found) <= min(plain_cost(lengths, other) for other in others)


def test_where_padding_counts_only_equal_lengths_meet():
    assert groups([4, 4, 5, 9, 9, 9], pads=False) == [(0, 2), (2, 3), (3, 6)]
    assert groups([]) == []


def test_a_group_holds_at_most_512_texts():
    assert groups([7] * 1100) == [(0, 512), (512, 1024), (1024, 1100)]
