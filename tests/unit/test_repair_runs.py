"""A repair as a run: strength chosen on validation, figures beside the model as it is, and ``run:ID`` the model."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.dataset.opened import open_dataset
from nast_core.encoding.cache import VectorCache
from nast_core.errors import BenchmarkError, ModelError, NastError, RepairError
from nast_core.interpret.ablation import sink
from nast_core.models.encoder import DualEncoder
from nast_core.models.precision import with_bf16
from nast_core.models.remembering import forgetting, remembering
from nast_core.opening import files_of, load_model, repair_of
from nast_core.recipe import RunError
from nast_core.repair.evaluate import UNREPAIRED, collapse, sample_of
from nast_core.repair.record import RepairRecord
from nast_core.repair.repaired import Repaired, has_weights_to_train, repair_model
from nast_core.repair.strength import _crossing, strength_curve
from nast_core.runs.store import RunStore
from nast_core.vocabulary.file import write_vocabulary
from nast_core.vocabulary.shipped import chest, shipped
from nast_core.work import repair as work
from nast_core.work.kinds import RepairRecipe, make_recipe

pytestmark = pytest.mark.slow
N = 40


@pytest.fixture(scope="module")
def demo():
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def printed(runs_of_this_file, tmp_path_factory):
    """Output and folder of the command, which chose its strength on few questions."""
    out = tmp_path_factory.mktemp("repairs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "CHOOSING", N)
        words = ["repair", "--method", "region", "--n", str(N), "--device", "cpu", "--out", str(out)]
        done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output, out


@pytest.fixture(scope="module")
def run(printed):
    (only,) = RunStore().runs()
    return only


@pytest.fixture(scope="module")
def sample(demo):
    return sample_of(demo, open_dataset("phantoms"), "validation", N)


def test_a_run_says_what_is_gained_and_what_it_costs(run):
    models = run.result.summary["models"]
    before, after = models[UNREPAIRED], models[run.result.repair]
    assert after["acc_negated"]["value"] > before["acc_negated"]["value"] + 0.2
    assert after["denials_unseen"]["value"] > 0.9 > 0.1 > before["denials_unseen"]["value"]
    for kept in ("acc_affirmative", "zero_shot", "retrieval_mAP"):
        assert after[kept] == before[kept]
    assert abs(after["blind_negated"]["value"] - 0.25) < 0.2
    assert after["collapse"] < before["collapse"]
    assert before["touched"] == 0.0 < after["touched"] < 1
    assert {row["b"] for row in run.result.summary["tests"]} == {run.result.repair}
    assert set(run.result.summary["by_negations"][run.result.repair]) <= {"0", "1", "2", "3"}
    assert set(run.result.scored.model) == set(models)


def test_the_strength_is_the_weakest_of_the_best_of_validation(run):
    curve = run.result.curve
    assert len(curve) == 20
    strength = run.result.summary["models"][run.result.repair]
    assert strength
    best = curve.strength[curve.merit.argmax()]
    assert run.result.repair == f"region(t={best:g})"
    assert 0.9 < run.result.summary["curve"]["ceiling"] <= 1


def test_its_id_opens_as_the_repaired_model(run, demo):
    model = load_model(run.result.spec, device="cpu")
    assert isinstance(model, Repaired)
    assert str(model.repair) == run.result.repair
    assert model.fingerprint == load_model(f"demo+{run.result.repair}", device="cpu").fingerprint
    assert torch.equal(model.encode_texts(["There is edema."]), demo.encode_texts(["There is edema."]))
    assert any(path.name == "repair.json" for path in files_of(run.result.spec))
    with pytest.raises(RepairError, match="is repaired already"):
        load_model(f"{run.result.spec}+region", device="cpu")
    assert RunStore().users(run) == []


def test_a_base_that_has_changed_makes_the_repair_stale(run, tmp_path):
    path = run.folder / "repair.json"
    kept = path.read_text()
    try:
        path.write_text(json.dumps(json.loads(kept) | {"base_fingerprint": "0" * 64}))
        with pytest.raises(RepairError, match=r"was made for 'demo' .* make it anew|was made for demo .* make it anew"):
            load_model(run.result.spec, device="cpu")
        path.write_text("[]")
        with pytest.raises(RepairError, match="is no record of a repair"):
            repair_of(run.result.spec)
    finally:
        path.write_text(kept)


@pytest.fixture
def encoded(monkeypatch):
    """Every text that went through the demo's text tower, in order."""
    seen = []
    own = DualEncoder._encode_texts

    def counted(self, texts, **options):
        seen.extend(texts)
        return own(self, texts, **options)

    monkeypatch.setattr(DualEncoder, "_encode_texts", counted)
    return seen


def test_the_base_encodes_each_text_once_whatever_the_number_of_strengths(sample, encoded):
    model = load_model("demo+subtract", device="cpu")
    curve = strength_curve(model, sample, values=[0.1, 0.2, 0.4])
    assert len(encoded) == len(set(encoded))
    assert list(curve.table.strength) == [0.1, 0.2, 0.4]
    assert curve.table.denials.is_monotonic_increasing


def test_a_model_that_remembers_gives_the_same_vectors_and_encodes_none_twice(demo, encoded):
    texts = ["No edema.", "There is edema.", "No edema."]
    once = demo.encode_texts(texts)
    encoded.clear()
    model = remembering(demo)
    assert torch.equal(model.encode_texts(texts), once)
    assert torch.equal(model.encode_texts(texts[:1]), once[:1])
    assert remembering(model) is model
    assert len(encoded) == 2
    assert torch.equal(forgetting(model).encode_texts(texts), once)
    assert len(encoded) == 5


def test_another_tower_or_precision_over_the_same_model_is_not_given_what_was_remembered(demo):
    model = remembering(demo)
    own = model.encode_texts(["No edema."])
    sunk = sink(model, [(1, 5)])
    assert not torch.equal(sunk.encode_texts(["No edema."]), own)
    rounded = with_bf16(model, ["texts"])
    assert not torch.equal(rounded.encode_texts(["No edema."]), own)
    assert torch.equal(model.encode_texts(["No edema."]), own)


def test_a_curve_crosses_half_where_its_line_does():
    assert _crossing(np.array([0.0, 1.0, 2.0]), np.array([0.2, 0.4, 0.8])) == pytest.approx(1.25)
    assert _crossing(np.array([0.0, 1.0]), np.array([0.6, 0.4])) == pytest.approx(0.5)
    assert np.isnan(_crossing(np.array([0.0, 1.0]), np.array([0.6, 0.7])))


def test_denials_that_all_say_the_same_have_collapsed_and_a_score_rule_has_no_cosine(demo):
    words = open_dataset("phantoms").vocabulary
    assert collapse(demo, words) > 0.9
    assert np.isnan(collapse(load_model("demo+discount", device="cpu"), words))


def test_repaired_texts_and_the_base_s_lie_on_shelves_of_their_own_and_images_on_one(demo, tmp_path):
    cache, model = VectorCache(tmp_path), load_model("demo+region", device="cpu")
    assert cache.texts(model).folder != cache.texts(demo).folder
    assert cache.texts(model).folder != cache.texts(model.at(0.5)).folder
    assert cache.images(model).folder == cache.images(demo).folder


class InGerman:
    """The phantoms, whose questions the parser cannot read."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def items(self, split, n, seed=0):
        said = tuple(f"Kein Pneumothorax {letter}." for letter in "abcd")
        return [item.model_copy(update={"negated": said}) for item in self._dataset.items(split, n, seed)]


def test_a_dataset_in_which_the_parser_finds_no_denial_is_refused(demo):
    with pytest.raises(BenchmarkError, match=r"finds no denial in the 6 questions .* it reads English"):
        sample_of(demo, InGerman(open_dataset("phantoms")), "validation", 6)


def test_a_recipe_names_the_nearest_method_and_refuses_a_strength_out_of_range():
    with pytest.raises(RunError, match="did you mean 'region'"):
        make_recipe({"kind": "repair", "method": "regoin"})
    with pytest.raises(RunError, match="t has to be a number from 0 to 1"):
        make_recipe({"kind": "repair", "method": "region", "strength": 2})
    with pytest.raises(RunError, match="rewrite has no strength"):
        make_recipe({"kind": "repair", "method": "rewrite", "strength": 0.5})
    assert str(RepairRecipe(method="project(anchor=0)", strength=1).repair()) == "project(lam=1,anchor=0)"


def test_a_vocabulary_of_ones_own_goes_with_the_run_and_a_shipped_one_by_its_name(tmp_path):
    own = chest().with_condition("Fracture", equivalents=["whole ribs"], prompts={})
    here = tmp_path / "run"
    here.mkdir()
    assert work.vocabulary_spec(SimpleNamespace(vocabulary=shipped("vindr")), here) == "vindr"
    words = work.vocabulary_spec(SimpleNamespace(vocabulary=own), here)
    assert words == str(here / "vocabulary.yaml")
    write_vocabulary(here / "vocabulary.yaml", own)
    record = RepairRecord(base="demo", base_fingerprint="", repair="region(t=0.7)", words=words)
    elsewhere = here.rename(tmp_path / "moved")
    assert record.of(elsewhere).vocabulary == str(elsewhere / "vocabulary.yaml")
    model = repair_model(load_model("demo", device="cpu"), replace(record.of(elsewhere), name="rewrite", values={}))
    assert model.split("No fracture.").rewritten == "Whole ribs."


def test_a_repaired_model_is_not_fine_tuned(demo):
    has_weights_to_train(demo)
    with pytest.raises(RepairError, match="fine-tune its base, and repair what comes out"):
        has_weights_to_train(load_model("demo+subtract", device="cpu"))


def test_the_command_prints_and_writes_the_table(printed, run):
    output, out = printed
    assert f"{run.result.repair}: {run.result.spec}" in output
    assert "Holm-corrected p" in output
    table = pd.read_csv(out / "repairs.csv")
    assert {"gap_points", "blind_negated", "denials_unseen", "touched"} <= set(table.figure)
    assert len(pd.read_csv(out / "tests.csv")) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "subtrakt"], "did you mean 'subtract'"),
        (["--method", "region", "--method", "subtract", "--strength", "0.5"], "--strength is of one method"),
        (["--model", "demo+region", "--method", "project"], "is repaired already"),
        (["--model", "demo+regoin"], "did you mean 'region'"),
    ],
)
def test_the_command_refuses_in_one_line(words, said, tmp_path):
    done = CliRunner().invoke(app, ["repair", *words, "--n", "20", "--device", "cpu", "--out", str(tmp_path / "r")])
    assert done.exit_code == 2
    assert said in done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "r" / "repairs.csv").exists()


def test_every_command_that_takes_a_model_takes_a_repaired_one(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("There is no edema.\nThere is edema.\n")
    for name in ("demo", "demo+region"):
        words = ["encode", "--model", name, "--texts", texts, "--out", tmp_path / f"{name}.npz", "--device", "cpu"]
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
    own, repaired = (np.load(tmp_path / f"{name}.npz")["vectors"] for name in ("demo", "demo+region"))
    assert np.abs(own[1] - repaired[1]).max() < 1e-6 < np.abs(own[0] - repaired[0]).max()
    done = CliRunner().invoke(app, ["model", "info", "demo+subtract(0.5)", "--json"])
    assert done.exit_code == 0, done.output
    assert "weights of its own" in json.loads(done.output[done.output.index("{") :])["limits"]


def test_errors_of_repairs_are_errors_of_models():
    assert issubclass(RepairError, ModelError)
    assert issubclass(RepairError, NastError)


@pytest.mark.parametrize(
    ("method", "strength", "chooses"),
    [
        ("region", None, True),
        ("project(anchor=0)", None, True),
        ("region", 0.7, False),
        ("region(0.7)", None, False),
        ("project(anchor=0, lam=1)", None, False),
        ("rewrite", None, False),
    ],
)
def test_a_strength_is_chosen_only_where_neither_the_field_nor_the_brackets_say_it(method, strength, chooses):
    assert RepairRecipe(method=method, strength=strength).chooses is chooses
