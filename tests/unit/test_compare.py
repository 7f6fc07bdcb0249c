"""Comparing two models: paired changes worked out by hand, and real models against a plain reading of their parts."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.commands.compare import app
from nast_core.compare import two_models
from nast_core.compare.tables import moved_layers, write_comparison
from nast_core.encoding.images import encode_named
from nast_core.errors import BenchmarkError, DataError, ImageError, PairError
from nast_core.interpret.ablation import ablate, head_means
from nast_core.negation.pairs import PolarityPair, template_pairs

pytestmark = pytest.mark.slow  # two models whole


def scored(*rows: tuple[str, str, str, float, tuple[float, ...]]) -> pd.DataFrame:
    """item, form, choice, correct, the four scores; the right answer is always A and every item is its own
    patient's."""
    return pd.DataFrame(
        [
            {"item_id": item, "patient_id": f"p-{item}", "form": form, "answer": "A", "choice": choice,
            "correct": correct}
            | {f"score_{letter}": score for letter, score in zip("ABCD", scores, strict=True)}
            for item, form, choice, correct, scores in rows
        ]
    )  # fmt: skip


NONE = (np.nan,) * 4
A = scored(
    ("1", "affirmative", "A", 1, (9, 1, 2, 3)), ("1", "negated", "B", 0, (4, 6, 1, 0)),
    ("2", "affirmative", "A", 1, (9, 1, 2, 3)), ("2", "negated", "A", 1, (5, 3, 1, 0)),
    ("3", "affirmative", "B", 0, (1, 9, 2, 3)), ("3", "negated", "C", 0, (0, 1, 2, 0)),
    ("4", "affirmative", "A", 1, (9, 1, 2, 3)), ("4", "negated", "A", 1, NONE),
)  # fmt: skip
B = scored(
    ("1", "affirmative", "A", 1, (9, 1, 2, 3)), ("1", "negated", "A", 1, (7, 6, 1, 0)),
    ("2", "affirmative", "A", 1, (9, 1, 2, 3)), ("2", "negated", "D", 0, (1, 3, 1, 8)),
    ("3", "affirmative", "A", 1, (9, 1, 2, 3)), ("3", "negated", "A", 1, (3, 1, 2, 0)),
    ("4", "affirmative", "A", 1, (9, 1, 2, 3)), ("4", "negated", None, np.nan, NONE),
)  # fmt: skip


def test_changes_are_paired_and_leave_out_an_item_that_one_model_could_not_score():
    changes = two_models.accuracy_changes(A, B).set_index("form")
    # items 1 to 3: affirmative 2/3 -> 3/3, negated 1/3 -> 2/3, gap 1/3 -> 1/3
    assert changes.loc["affirmative", ["a", "b", "change"]].tolist() == pytest.approx([200 / 3, 100, 100 / 3])
    assert changes.loc["negated", ["a", "b", "change"]].tolist() == pytest.approx([100 / 3, 200 / 3, 100 / 3])
    assert changes.loc["gap", ["a", "b", "change"]].tolist() == pytest.approx([100 / 3, 100 / 3, 0])
    assert changes.n.tolist() == [3, 3, 3]
    assert changes.loc["negated", ["fixed", "broken"]].tolist() == [2, 1]
    assert changes.loc["negated", "p_value"] == pytest.approx(1.0)  # two-sided binomial of 2 against 1


def test_items_are_called_fixed_broken_or_unscored_and_carry_their_margins():
    verdicts = two_models.item_verdicts(A, B, [])
    negated = verdicts[verdicts.form == "negated"].set_index("item_id")
    assert negated.verdict.to_dict() == {"1": "fixed", "2": "broken", "3": "fixed", "4": "unscored"}
    assert negated.margin_a[:3].tolist() == [4 - 6, 5 - 3, 0 - 2]
    assert negated.margin_b[:3].tolist() == [7 - 6, 1 - 8, 3 - 2]
    affirmative = verdicts[verdicts.form == "affirmative"].set_index("item_id").verdict
    assert affirmative.to_dict() == {"1": "right in both", "2": "right in both", "3": "fixed", "4": "right in both"}


def nsa(values: list) -> xr.Dataset:
    array = np.array(values, float)
    axes = {"layer": np.arange(1, array.shape[1] + 1), "head": np.arange(1, array.shape[2] + 1)}
    return xr.Dataset({"nsa": (("pair", "layer", "head"), array)}, coords=axes)


def test_the_change_of_a_head_is_the_mean_of_paired_changes():
    table = two_models.head_changes(nsa([[[0.1, 0.2]], [[0.3, 0.2]]]), nsa([[[0.3, 0.2]], [[0.5, 0.0]]]))
    assert table.a.tolist() == pytest.approx([0.2, 0.2])
    assert table.b.tolist() == pytest.approx([0.4, 0.1])
    assert table.change.tolist() == pytest.approx([0.2, -0.1])
    assert table.low.tolist() == pytest.approx([0.2, -0.2])  # both pairs rose by 0.2; or one drawn twice
    assert table.high.tolist() == pytest.approx([0.2, 0.0])
    assert set(table.n) == {2}


def test_towers_of_different_shape_have_no_change_by_head():
    table = two_models.head_changes(nsa([[[0.1, 0.2]]]), nsa([[[0.3, 0.2], [0.1, 0.1]]]))
    assert table.change.isna().all()
    assert table.a.notna().sum() == 2
    assert table.b.notna().sum() == 4


def test_layers_that_moved_are_read_from_the_summary_of_a_fine_tune(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(
        json.dumps(
            {
                "layers": [
                    {"layer": 1, "weight": 0.5, "change": 0.01, "share": 0.4},
                    {"layer": 2, "weight": 1.5, "change": 0.03},  # of a run before shares were written down
                ]
            }
        )
    )
    first, second = moved_layers({"B": path}).to_numpy().tolist()
    assert first == ["B", 1, 0.5, 0.01, 0.4]
    assert second[:4] == ["B", 2, 1.5, 0.03]
    assert np.isnan(second[4])
    path.write_text("{}")
    with pytest.raises(DataError, match="does not say which layers moved"):
        moved_layers({"B": path})


@pytest.fixture(scope="module")
def demo():
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def compared(demo):
    """The demo CLIP and itself without the first head of layer 3, on few pairs and items."""
    pairs = two_models.spread(two_models.shared_pairs(demo, demo, template_pairs(["Edema", "Pneumothorax"])), 6)
    other = ablate(demo, [(3, 1)], head_means(demo.text, pairs.a))
    items = phantom_items(20, split="validation")
    images, _ = encode_named(demo, two_models.needed_images(pairs, items))
    steps: list[int] = []
    found = two_models.compare(demo, other, pairs, items, images, images, progress=steps.append)
    return found, other, pairs, items, images, steps


def test_a_model_without_one_head_attends_as_before_up_to_that_layer_and_otherwise_after_it(compared):
    change = compared[0].heads.set_index("layer").change
    assert change.loc[:3].abs().max() == 0  # heads of layer 3 look before any of them is switched off
    assert change.loc[4:].abs().max() > 0


def test_every_layer_summary_is_there_for_both_models(compared):
    layers = compared[0].layers
    assert set(layers.model) == {"A", "B"}
    assert set(layers.summary) == {"std", "max", "mean_abs", "negator", "negator_out"}
    assert set(layers.layer) == set(range(13))


def test_the_shift_of_a_text_is_one_minus_the_cosine_of_its_two_embeddings(demo, compared):
    found, other, pairs, *_ = compared
    text = pairs.a[2].pair.negated
    with torch.inference_mode():
        raw = [m.text.encode(m.text.tokenize([text]))[0].double().numpy() for m in (demo, other)]
    cosine = raw[0] @ raw[1] / np.linalg.norm(raw[0]) / np.linalg.norm(raw[1])
    assert float(found.shifts[found.shifts.text == text]["shift"].iloc[0]) == pytest.approx(1 - cosine, abs=1e-6)
    means = found.shift_means.set_index("form").value
    assert means["negated - affirmative"] == pytest.approx(means["negated"] - means["affirmative"])


def test_progress_reaches_the_announced_number_of_steps(compared):
    assert sum(compared[5]) == two_models.STEPS


def test_a_model_against_itself_changes_nothing(demo, compared):
    _, _, pairs, items, images, _ = compared
    found = two_models.compare(demo, demo, pairs, items[:5], images, images)
    assert found.about["same_weights"]
    assert found.changes.change.tolist() == [0, 0, 0]
    assert found.heads.change.abs().max() == 0
    assert found.shifts["shift"].abs().max() < 1e-6


def test_what_is_missing_is_said(demo, compared):
    _, other, pairs, items, images, _ = compared
    nothing = two_models.SharedPairs((), (), ())
    with pytest.raises(BenchmarkError, match="at least one"):
        two_models.compare(demo, other, nothing, [], images, images)
    with pytest.raises(ImageError, match="images of the pairs could not be read"):
        two_models.compare(demo, other, pairs, items, {}, {})
    with pytest.raises(PairError, match="none of the 1 pairs aligns"):
        two_models.shared_pairs(
            demo, other, [PolarityPair(affirmative="There is edema.", negated="There is no edema.")]
        )


def test_without_questions_or_without_pairs_the_rest_is_compared_as_it_was(demo, compared):
    found, other, pairs, items, images, _ = compared
    mechanism = two_models.compare(demo, other, pairs, [], images, images)
    assert mechanism.heads.equals(found.heads)
    assert mechanism.layers.equals(found.layers)
    assert not len(mechanism.accuracy) + len(mechanism.changes) + len(mechanism.items)
    score = two_models.compare(demo, other, two_models.SharedPairs((), (), ()), items, images, images)
    assert score.changes.equals(found.changes)
    assert not len(score.heads) + len(score.layers) + len(score.shifts) + len(score.shift_means)


def test_pairs_are_spread_over_the_whole_list(demo):
    every = two_models.shared_pairs(demo, demo, template_pairs(["Edema", "Pneumothorax"]))
    few = two_models.spread(every, 2)
    assert [one.pair for one in few.a] == [every.a[0].pair, every.a[-1].pair] == [one.pair for one in few.b]
    assert len(two_models.spread(every, 10_000).a) == len(every.a)


def test_tables_and_a_summary_are_written(tmp_path, compared):
    write_comparison(compared[0], tmp_path / "out")
    said = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert said["items"] == 20
    assert [row["form"] for row in said["changes"]] == ["affirmative", "negated", "gap"]
    assert {path.stem for path in (tmp_path / "out").glob("*.csv")} == set(compared[0].tables)
    assert len(pd.read_csv(tmp_path / "out" / "items.csv")) == 40


def test_the_command_writes_a_comparison_and_names_a_run_that_is_not_there(tmp_path, folders):
    pairs, items = tmp_path / "pairs.jsonl", tmp_path / "items.jsonl"
    pairs.write_text(
        PolarityPair(
            affirmative="There is some edema.", negated="There is no edema.", finding="Edema"
        ).model_dump_json()
    )
    write_items(phantom_items(6, split="validation"), items)
    asked = ["--pairs", str(pairs), "--items", str(items), "--device", "cpu"]
    done = CliRunner().invoke(app, ["demo", str(folders["Hugging Face CLIP"]), "--out", str(tmp_path / "out"), *asked])
    assert done.exit_code == 0, done.output
    assert "negated" in done.output
    said = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert said["embedding_shift"] == []  # the joint spaces have other dimensions
    wrong = CliRunner().invoke(app, ["demo", "run:none", "--out", str(tmp_path / "no"), *asked])
    assert wrong.exit_code == 2
    assert "there is no run 'none'" in wrong.output
    assert not (tmp_path / "no").exists()
