"""Scoring: by hand on a judge whose scores are written down, and against a plain loop on real tiny models."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from nast_core.benchmark.groups import (
    GROUPINGS,
    by_group,
    by_patient,
    denied_conditions,
    denying_cues,
    every_grouping,
    group_tests,
    grouped,
)
from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark, write_results
from nast_core.benchmark.scoring import score_items, summarise
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.encoding.images import encode_named
from nast_core.negation.forms import FORMS

OPTIONS = ((1, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 0))  # A, B, C, D
IMAGES = {"x": torch.tensor([1.0, 0.0]), "y": torch.tensor([0.0, 1.0])}


def item(number: int, answer: str, image: str, patient: str) -> Item:
    return Item(
        item_id=f"i{number}", patient_id=patient, study_id=f"s{number}", image=image, question="Which?",
        conditions=("Edema", "Fracture", "Pneumonia"), assignments=OPTIONS, cues=("no", "without", "absent"),
        negated=tuple(f"{number} negated {letter}" for letter in LETTERS),
        affirmative=tuple(f"{number} affirmative {letter}" for letter in LETTERS),
        answer=answer,
    )  # fmt: skip


ITEMS = [
    item(1, "B", "x", "p1"),
    item(2, "C", "y", "p1"),
    item(3, "A", "x", "p2"),
    item(4, "B", "lost.png", "p3"),
    item(5, "D", "x", "p4"),
]
SCORES = {  # of the options A to D with image x, and with image y
    "1 affirmative": ([1, 4, 2, 3], [0, 0, 0, 0]),  # B: right
    "1 negated": ([5, 4, 2, 3], [0, 9, 0, 0]),  # A: affirms an absent edema; with x and y together B would be right
    "2 affirmative": ([0, 0, 0, 0], [1, 2, 3, 4]),  # D: denies a present pneumonia
    "2 negated": ([0, 0, 0, 0], [1, 2, 7, 7]),  # C, which is right, and D alike: a tie
    "3 affirmative": ([9, 1, 1, 2], [0, 0, 0, 0]),  # A: right
    "3 negated": ([1, 2, 3, 4], [9, 0, 0, 0]),  # D: denies all three, affirms nothing absent; together A, right
    "4 affirmative": ([0, 9, 0, 0], [0, 0, 0, 0]),
    "4 negated": ([0, 9, 0, 0], [0, 0, 0, 0]),
    "5 affirmative": ([1, 2, 3, 4], [0, 0, 0, 0]),  # D: right
    "5 negated": ([1, 2, 3, 4], [0, 0, 5, 0]),  # D: right; together C, wrong
}


class Judge:
    """Stands in for a model: every text's score with every image is in SCORES."""

    def __init__(self):
        self.asked: list[str] = []

    def encode_texts(self, texts, *, progress=None):
        self.asked += texts
        return torch.tensor([[SCORES[t[:-2]][axis][LETTERS.index(t[-1])] for axis in (0, 1)] for t in texts]).float()

    def score_each(self, texts, images):
        return (texts * images).sum(-1)


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    return score_items(Judge(), ITEMS, IMAGES)


def row(scored: pd.DataFrame, item_id: str, form: str) -> pd.Series:
    (found,) = scored[(scored.item_id == item_id) & (scored.form == form)].to_dict("records")
    return found


def test_there_is_a_row_for_every_item_and_form_and_every_text_is_encoded_once():
    judge = Judge()
    scored = score_items(judge, [*ITEMS, ITEMS[0].model_copy(update={"item_id": "again"})], IMAGES)
    assert len(scored) == 12
    assert len(judge.asked) == len(set(judge.asked)) == 40


@pytest.mark.parametrize(
    ("item_id", "form", "choice", "correct", "distance", "affirmed"),
    [
        ("i1", "affirmative", "B", 1, 0, 0),
        ("i1", "negated", "A", 0, 1, 1),
        ("i2", "affirmative", "D", 0, 1, 0),
        ("i3", "affirmative", "A", 1, 0, 0),
        ("i3", "negated", "D", 0, 3, 0),
        ("i5", "negated", "D", 1, 0, 0),
    ],
)
def test_choice_correctness_distance_and_affirmed_absence_by_hand(
    scored, item_id, form, choice, correct, distance, affirmed
):
    found = row(scored, item_id, form)
    assert (found["choice"], found["correct"], found["distance"]) == (choice, correct, distance)
    assert found["affirmed_absent"] == affirmed
    assert not found["tie"]


def test_a_tie_for_the_largest_score_is_wrong_even_when_the_right_option_shares_it(scored):
    found = row(scored, "i2", "negated")
    assert found["tie"]
    assert found["correct"] == 0


def test_an_item_without_its_image_is_unscored_and_never_wrong(scored):
    for form in ("affirmative", "negated"):
        found = row(scored, "i4", form)
        assert pd.isna(found["choice"])
        assert all(
            np.isnan(found[name]) for name in ("correct", "blind_correct", "distance", "score_A", "affirmed_absent")
        )
        assert not found["tie"]


def test_blind_choices_use_the_mean_image_by_hand(scored):
    # the mean of x and y weighs both columns of SCORES alike
    blind = {name: row(scored, *name.split())["blind_correct"] for name in ("i1 negated", "i3 negated", "i5 negated")}
    assert blind == {"i1 negated": 1, "i3 negated": 1, "i5 negated": 0}


def test_negations_and_unseen_cues_are_those_of_the_right_option(scored):
    found = {i: row(scored, i, "negated") for i in ("i1", "i2", "i3", "i5")}
    assert [found[i]["negations"] for i in found] == [1, 2, 0, 3]
    assert [found[i]["unseen_cue"] for i in found] == [False, False, False, True]  # only "absent" is held out


def test_the_summary_by_hand(scored):
    summary = summarise(scored)
    assert (summary["acc_affirmative"]["value"], summary["acc_affirmative"]["n"]) == (3 / 4, 4)
    assert (summary["acc_negated"]["value"], summary["acc_negated"]["n"]) == (1 / 4, 4)
    assert summary["gap_points"]["value"] == pytest.approx(50)
    assert summary["mcnemar"] == {"only_first": 2, "only_second": 0, "p_value": pytest.approx(2 / 4)}
    assert (summary["ties"], summary["unscored"], summary["items"]) == (1, 1, 5)
    # blind, negated: 1 right, 2 and 5 wrong, 3 right; affirmative: as with the own image, all scores lie in one column
    assert summary["blind_negated"]["value"] == pytest.approx(2 / 4)
    assert summary["blind_affirmative"]["value"] == pytest.approx(3 / 4)
    # wrong negated answers: 1 affirms, 2 (a tie) and 3 do not; wrong affirmative answers: 2 does not
    assert summary["affirmation_bias"]["negated"]["value"] == pytest.approx(1 / 3)
    assert summary["affirmation_bias"]["affirmative"]["value"] == 0
    assert summary["affirmation_bias"]["affirmative"]["n"] == 1


def test_the_affirmation_bias_of_no_wrong_answer_is_not_a_number(scored):
    summary = summarise(scored[scored.item_id == "i5"])
    assert summary["affirmation_bias"] == summary["distance"] == {"affirmative": None, "negated": None}


def test_seen_and_unseen_cues_are_always_apart_in_the_summary(scored):
    # scored, with a denial: 1 and 2 by seen cues, 5 by "absent"; 1 is right affirmatively alone, 2 never, 5 both ways
    cues = summarise(scored)["cues"]
    assert (cues["seen"]["acc_affirmative"]["value"], cues["seen"]["acc_negated"]["value"]) == (1 / 2, 0)
    assert (cues["seen"]["gap_points"]["value"], cues["seen"]["gap_points"]["n"]) == (50, 2)
    assert cues["seen"]["mcnemar"] == {"only_first": 1, "only_second": 0, "p_value": 1}
    assert (cues["unseen"]["acc_negated"]["value"], cues["unseen"]["acc_negated"]["n"]) == (1, 1)
    assert summarise(scored[scored.item_id == "i1"])["cues"]["unseen"]["acc_negated"]["n"] == 0


def test_distances_of_wrong_answers_by_hand(scored):
    # negated: 1 has one condition wrong, 3 has all three, 2 ties with the right option: none
    distance = summarise(scored)["distance"]["negated"]
    assert [distance[far]["value"] for far in "123"] == [1 / 3, 0, 1 / 3]
    assert distance["1"]["n"] == 3


def test_groups_by_wording_and_number_of_negations_by_hand():
    assert grouped(ITEMS, GROUPINGS["wording"]) == {"none": ["i3"], "seen": ["i1", "i2", "i4"], "unseen": ["i5"]}
    assert grouped(ITEMS, GROUPINGS["negations"]) == {"0": ["i3"], "1": ["i1", "i4"], "2": ["i2"], "3": ["i5"]}


def test_every_grouping_has_accuracies_gap_and_a_corrected_test(scored):
    found = every_grouping(scored, ITEMS)
    assert list(found) == ["condition", "cue", "wording", "negations"]
    edema = found["condition"]["Edema"]  # 1: affirmatively alone, 2: never, 4: not scored, 5: both ways
    assert (edema["acc_affirmative"]["value"], edema["acc_negated"]["value"]) == (2 / 3, 1 / 3)
    assert edema["gap_points"]["value"] == pytest.approx(100 / 3)
    assert edema["gap_points"]["n"] == 3
    assert edema["mcnemar"] == {"only_first": 1, "only_second": 0, "p_value": 1, "p_holm": 1}


def test_tests_of_groups_are_corrected_for_their_number():
    def answers(group, lost):  # right affirmatively in every item, and wrong in ``lost`` of eight with a negation
        rows = [(f"{group}{i}", form, float(form == "affirmative" or i >= lost)) for i in range(8) for form in FORMS]
        return pd.DataFrame(rows, columns=["item_id", "form", "correct"]).assign(patient_id=group)

    groups = {name: [f"{name}{i}" for i in range(8)] for name in "abc"}
    found = group_tests(pd.concat([answers("a", 8), answers("b", 6), answers("c", 0)]), groups).set_index("group")
    assert found.p_value.tolist() == [2 / 2**8, 2 / 2**6, 1]
    assert found.p_holm.tolist() == [3 * 2 / 2**8, 2 * 2 / 2**6, 1]
    assert found.only_first.tolist() == [8, 6, 0]


def test_a_patient_has_accuracies_and_no_interval(scored):
    found = by_patient(scored).set_index("patient_id")
    assert list(found.index) == ["p1", "p2", "p4"]  # p3's image is lost
    assert found.loc["p1", ["affirmative", "negated", "gap", "n"]].tolist() == [0.5, 0, 50, 2]


def test_groups_by_condition_and_cue_are_those_that_the_right_option_denies():
    assert grouped(ITEMS, denied_conditions) == {
        "Edema": ["i1", "i2", "i4", "i5"],
        "Fracture": ["i2", "i5"],
        "Pneumonia": ["i5"],
    }
    assert grouped(ITEMS, denying_cues) == {"absent": ["i5"], "no": ["i1", "i2", "i4", "i5"], "without": ["i2", "i5"]}


def test_accuracy_by_group_by_hand_and_nan_for_a_group_of_nothing(scored):
    table = by_group(scored, {"Edema": ["i1", "i2", "i4", "i5"], "nothing": []}).set_index(["group", "form"])
    assert table.loc[("Edema", "negated"), ["value", "n"]].tolist() == pytest.approx([1 / 3, 3])
    assert table.loc[("Edema", "affirmative"), "value"] == pytest.approx(2 / 3)
    assert np.isnan(table.loc[("nothing", "negated"), "value"])
    assert table.loc[("nothing", "negated"), "n"] == 0


@pytest.mark.slow
def test_a_real_model_scores_like_a_plain_loop_over_options(model64):
    items = phantom_items(6, seed=3)
    result = run_benchmark(model64, items)
    scale = float(model64.model.logit_scale.exp())
    for one in items:
        picture = Image.fromarray(render(sample_phantom(int(one.study_id)), model64.image_size))
        (image,) = model64.encode_images([picture])
        for form in ("affirmative", "negated"):
            found = row(result.scored, one.item_id, form)
            scores = []
            for text in getattr(one, form):
                (vector,) = model64.encode_texts([text])
                scores.append(scale * sum(float(a) * float(b) for a, b in zip(vector, image, strict=True)))
            assert [found[f"score_{letter}"] for letter in LETTERS] == pytest.approx(scores, abs=1e-9)
            assert found["choice"] == LETTERS[scores.index(max(scores))]
            assert found["correct"] == (found["choice"] == one.answer)


def plain_rows(model, items, images):
    """One item, form and option after another."""
    mean = F.normalize(torch.stack([images[name] for name in dict.fromkeys(i.image for i in items)]).mean(0), dim=-1)
    for one in items:
        for form in ("affirmative", "negated"):
            vectors = [model.encode_texts([text])[0] for text in getattr(one, form)]
            scores, blind = (
                [float(model.score(v[None], image[None])[0, 0]) for v in vectors] for image in (images[one.image], mean)
            )
            best, guess = scores.index(max(scores)), blind.index(max(blind))
            said, true = one.assignments[best], one.assignments[one.answer_index]
            yield {
                "item_id": one.item_id,
                "form": form,
                "choice": LETTERS[best],
                "correct": float(best == one.answer_index and scores.count(max(scores)) == 1),
                "blind_correct": float(guess == one.answer_index and blind.count(max(blind)) == 1),
                "distance": float(sum(a != b for a, b in zip(said, true, strict=True))),
                "affirmed_absent": float(any(a and not b for a, b in zip(said, true, strict=True))),
                **{f"score_{letter}": score for letter, score in zip(LETTERS, scores, strict=True)},
            }


@pytest.mark.slow
def test_scoring_all_items_at_once_equals_a_plain_loop_in_float64(model64, monkeypatch):
    monkeypatch.setattr("nast_core.benchmark.scoring._ITEMS_AT_ONCE", 7)  # several blocks, and an odd one
    items = phantom_items(40, seed=4)
    images, _ = encode_named(model64, [one.image for one in items])
    found = score_items(model64, items, images)
    expected = pd.DataFrame(plain_rows(model64, items, images))
    scores = [f"score_{letter}" for letter in LETTERS]
    rest = [name for name in expected if name not in scores]
    pd.testing.assert_frame_equal(found[rest], expected[rest], check_dtype=False)
    assert np.abs(found[scores].to_numpy() - expected[scores].to_numpy()).max() < 1e-12
    assert found.correct.nunique() == found.blind_correct.nunique() == 2  # or the loop would tell little


def test_options_of_equal_vectors_tie_in_every_place():
    torch.manual_seed(0)
    same, image = torch.randn(97), torch.randn(97)

    class Mute(Judge):
        def encode_texts(self, texts, *, progress=None):
            return same.expand(len(texts), -1)

    found = score_items(Mute(), ITEMS[:1], {"x": image})
    assert found.tie.all()
    assert not found.correct.any()


def test_an_image_that_cannot_be_read_is_listed_and_its_items_are_unscored(tiny, tmp_path):
    Image.new("L", (40, 40), 90).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    names = ("good.png", "bad.png", "lost.png", "good.png")
    items = [one.model_copy(update={"image": name}) for one, name in zip(phantom_items(4), names, strict=True)]
    result = run_benchmark(tiny, items, tmp_path)
    assert set(result.failed) == {"bad.png", "lost.png"}
    assert (result.summary["unscored"], result.summary["acc_negated"]["n"]) == (2, 2)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def test_results_are_written_whole_as_strict_json_even_when_nothing_was_scored(tiny, tmp_path):
    items = [one.model_copy(update={"image": f"{one.item_id}.png"}) for one in phantom_items(3)]
    write_results(run_benchmark(tiny, items, tmp_path), tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "items.parquet",
        "summary.json",
        "unreadable.json",
    ]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(), parse_constant=refuse_constant)
    assert summary["acc_negated"] == {"value": None, "low": None, "high": None, "n": 0}
    assert summary["unscored"] == 3
    assert len(pd.read_parquet(tmp_path / "out" / "items.parquet")) == 6
    assert len(json.loads((tmp_path / "out" / "unreadable.json").read_text())) == 3
