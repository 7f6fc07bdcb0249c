"""Several models on the same items: tables and tests by hand, and the command on real tiny models."""

import numpy as np
import pandas as pd
import pytest

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import BenchmarkResult, run_benchmark
from nast_core.benchmark.several_models import FIGURES, each_model, folders, model_table, model_tests
from nast_core.benchmark.slices import Slice
from nast_core.errors import BenchmarkError, ModelError
from nast_core.negation.forms import FORMS
from tests.unit.test_cli import nast

NAN = float("nan")


def answers(affirmative: list[float], negated: list[float]) -> pd.DataFrame:
    """As ``score_items`` gives them, of items i0, i1, ... of a patient each."""
    rows = [
        {"item_id": f"i{i}", "patient_id": f"p{i}", "form": form, "correct": value}
        for form, values in zip(FORMS, (affirmative, negated), strict=True)
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_models_are_tested_on_the_items_that_both_could_score():
    a = answers([1, 1, 1, 1, 1], [0, 0, 0, 0, 0])
    b = answers([1, 1, 1, 0, NAN], [1, 1, 1, 0, 1])
    found = model_tests({"a": a, "b": b}).set_index("form")
    assert found.n.tolist() == [4, 4, 4]
    assert found.change.tolist() == [-25, 75, -100]  # affirmative 4/4 to 3/4, negated 0 to 3/4, gap 100 to 0
    assert (found.loc["affirmative", "only_a"], found.loc["affirmative", "only_b"]) == (1, 0)
    assert (found.loc["negated", "only_a"], found.loc["negated", "only_b"]) == (0, 3)
    assert found.loc["negated", "p_value"] == 2 / 2**3
    assert found.loc["negated", "p_holm"] == 2 * 2 / 2**3
    assert np.isnan(found.loc["gap", "p_value"])


def test_three_models_make_three_pairs_and_one_family_of_six_tests():
    tables = {
        name: answers([1] * 10, [float(i < right) for i in range(10)])
        for name, right in zip("abc", (0, 9, 10), strict=True)
    }
    found = model_tests(tables)
    assert list(zip(found.a, found.b, strict=True))[::3] == [("a", "b"), ("a", "c"), ("b", "c")]
    negated = found[found.form == "negated"].set_index(["a", "b"])
    assert negated.loc[("a", "c"), "p_value"] == 2 / 2**10
    assert negated.loc[("a", "c"), "p_holm"] == 6 * 2 / 2**10
    assert negated.loc[("a", "b"), "p_holm"] == 5 * 2 / 2**9


def test_one_model_has_no_test_between_models_and_keeps_its_row(tiny):
    result = run_benchmark(tiny, phantom_items(6, seed=1))
    assert model_tests({"tiny": result.scored}).empty
    table = model_table({"tiny": result}, {"lost": "there is no folder lost"})
    assert table.model.tolist() == ["tiny", "lost"]
    assert table.loc[0, "fingerprint"] == tiny.fingerprint
    assert table.loc[0, "p_holm"] == table.loc[0, "p_value"]
    assert [table.loc[0, name] for name in FIGURES] == [result.summary[name]["value"] for name in FIGURES]
    assert table.loc[1, "error"] == "there is no folder lost"


def test_a_model_that_does_not_load_gives_its_sentence_and_the_others_go_on():
    def run(spec: str) -> BenchmarkResult:
        if spec == "b":
            raise ModelError("b is no model")
        return BenchmarkResult({}, answers([1], [1]))

    found = dict(each_model(["a", "b", "c", "a"], run))
    assert list(found) == ["a", "b", "c"]
    assert str(found["b"]) == "b is no model"
    assert isinstance(found["c"], BenchmarkResult)


def test_every_model_has_a_folder_of_its_own(tmp_path):
    names = [path.name for path in folders(["demo", "run:a/b", "run/a:b", "../x", "DEMO"], tmp_path).values()]
    assert names == ["demo", "run-a-b", "run-a-b-2", "x", "DEMO-2"]


@pytest.mark.slow
def test_the_command_compares_models_and_says_which_does_not_load(tmp_path, folders, monkeypatch):
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "cache"))
    write_items(phantom_items(8, seed=2), tmp_path / "items.jsonl")
    models = [folders["Hugging Face CLIP"], folders["open_clip"], tmp_path / "nowhere"]
    asked = ["benchmark", "run", "--items", tmp_path / "items.jsonl", "--out", tmp_path / "out", "--device", "cpu"]
    said = nast(*asked, *(word for model in models for word in ("--model", model)), code=2).stderr
    assert "there is no folder" in said
    assert "1 of 3 models have no figures" in said
    table = pd.read_csv(tmp_path / "out" / "models.csv")
    assert table.model.tolist() == list(map(str, models))
    assert table.n[:2].tolist() == [8, 8]
    assert "there is no folder" in table.error[2]
    assert pd.read_csv(tmp_path / "out" / "tests.csv").form.tolist() == ["affirmative", "negated", "gap"]
    assert len(list((tmp_path / "out").glob("*/items.parquet"))) == 2
    kept = len(list((tmp_path / "cache").rglob("*.safetensors")))
    assert kept == 4  # images and texts of two models
    nast(*asked, "--model", models[0], "--no-cache")
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == kept
    assert (tmp_path / "out" / "summary.json").exists()  # one model keeps its place


@pytest.fixture(scope="module")
def items():
    return phantom_items(60, seed=3)


def test_a_slice_keeps_items_that_meet_every_part(items):
    part = Slice(condition=("Edema", "Fracture"), negations=(2, 3))
    expected = [
        item for item in items
        if {c for c, s in zip(item.conditions, item.assignments[item.answer_index], strict=True) if not s} & {"Edema",
            "Fracture"}
        and item.assignments[item.answer_index].count(0) >= 2
    ]  # fmt: skip
    assert 0 < len(expected) < len(items)
    assert part.of(items) == expected
    assert Slice().of(items) == items
    assert Slice(patient=(items[0].patient_id,)).of(items)[0] == items[0]


def test_a_slice_is_text_that_reads_back():
    part = Slice(cue=("absent", "free of"), wording=("unseen",), negations=(2, 3), patient=("p 1",))
    assert str(part) == "cue=absent,free of; wording=unseen; negations=2,3; patient=p 1"
    assert Slice.read(str(part)) == part
    assert Slice.read("") == Slice()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("colour=red", "colour: Extra inputs"), ("negations=many", "negations.0"), ("wording=new", "wording.0")],
)
def test_a_slice_that_is_none_says_what_parts_there_are(text, expected):
    with pytest.raises(BenchmarkError, match="parts are condition, cue, wording, negations, patient") as caught:
        Slice.read(text)
    assert expected in str(caught.value)
