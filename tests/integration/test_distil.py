"""A repair distilled into the weights of a tiny CLIP, end to end: what is learnt, what stays, resumed, refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nast_core import load_model
from nast_core.errors import DataError
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.teacher import read_teacher, teach_by
from nast_core.opening import load_finetuned
from nast_core.recipe import Cancelled
from nast_core.repair.splitting import split
from nast_core.vocabulary.shipped import chest
from nast_core.work.finetune import finetune
from tests.finetuning import Notes

DENIED, PLAIN = "There is no edema.", "There is edema."


def recipe(model: Path, **fields) -> FinetuneRecipe:
    """Few steps on few texts; watched on few studies."""
    small = {
        "steps": 30,
        "batch_size": 16,
        "validate_every": 30,
        "checkpoint_every": 7,
        "validation_studies": 8,
        "learning_rate": 1e-3,
        "precision": "float32",  # auto would choose by how busy the machine is
    }
    asked = {"objective": "distil", "model": str(model), "device": "cpu", "tracker": "none"}
    return FinetuneRecipe.model_validate(asked | small | fields)


@pytest.fixture(scope="module")
def model(folders) -> Path:
    return folders["Hugging Face CLIP"]


@pytest.fixture(scope="module", autouse=True)
def few_studies():
    """Fewer phantoms than there are by default: they are only watched here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nast_core.dataset.phantom_world.TRAINING", 40)
        patch.setattr("nast_core.dataset.phantom_world.WATCHED", 8)
        yield


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    folder, notes = tmp_path_factory.mktemp("runs") / "whole", Notes()
    return folder, notes, finetune(recipe(model), folder, notes)


def test_a_model_and_an_objective_are_a_recipe():
    asked = FinetuneRecipe.model_validate({"objective": "distil", "teacher": "rewrite", "model": "demo"})
    assert (asked.texts, asked.method, asked.batch_size, asked.reports) == ("grammar", "full", 64, None)
    assert FinetuneRecipe(objective="distil") == asked
    assert FinetuneRecipe(objective="distil", reports="some.txt").texts == "both"
    assert FinetuneRecipe(objective="distil", method="lora").learning_rate > asked.learning_rate


def test_the_student_comes_nearer_to_its_teacher_and_is_a_plain_fine_tune(model, whole):
    folder, notes, figures = whole
    assert figures["cosine_teacher"] > figures["cosine_teacher_before"] + 0.04
    losses = notes.curve("loss")
    assert len(losses) == 30
    assert losses == pytest.approx(notes.curve("loss_distil"))
    base, tuned = load_model(model, device="cpu"), load_finetuned(folder, device="cpu")
    assert type(tuned) is type(base)
    teacher = teach_by("rewrite", base, chest())([DENIED, PLAIN])
    assert torch.equal(teacher[1], base.encode_texts([PLAIN])[0])  # what denies nothing stays, bit for bit
    near = (tuned.encode_texts([DENIED, PLAIN]) * teacher).sum(-1)
    before = (base.encode_texts([DENIED, PLAIN]) * teacher).sum(-1)
    assert near[0] > before[0]
    assert near[1] > 0.9
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["train_texts"] > 0 == summary["train_studies"]
    card = (folder / "adapter" / "README.md").read_text()
    for part in ("Texts alone, no image and no label", "752 texts of the grammar", "30 of 30 steps of 16 texts"):
        assert part in card
    assert "1 - cosine to the vectors of the base repaired by rewrite" in card


def test_a_cancelled_one_goes_on_to_the_same_weights(model, whole, tmp_path):
    class Stopping(Notes):
        def progress(self, done: int, total: int, label: str = "") -> None:
            if label == "Training" and done == 17:
                raise Cancelled

    with pytest.raises(Cancelled):
        finetune(recipe(model), tmp_path / "run", Stopping())
    notes = Notes()
    finetune(recipe(model), tmp_path / "run", notes)
    assert min(step for step in notes.steps if step) == 15  # the checkpoint is of step 14
    ours, theirs = (load_file(folder / "adapter" / "layers.safetensors") for folder in (tmp_path / "run", whole[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_adapters_learn_too_and_from_a_file_of_sentences_by_another_teacher(model, tmp_path):
    (tmp_path / "some.txt").write_text("".join(f"There is no {x}.\nThere is {x}.\n" for x in ("edema", "pneumonia")))
    asked = recipe(model, method="lora", teacher="region(t=0.8)", texts="reports", reports=tmp_path / "some.txt")
    figures = finetune(asked, tmp_path / "run", Notes())
    assert (tmp_path / "run" / "adapter" / "adapter_model.safetensors").exists()
    base, tuned = load_model(model, device="cpu"), load_finetuned(tmp_path / "run", device="cpu")
    assert figures["alignment"] < 1
    teacher = teach_by("region(t=0.8)", base, chest())([DENIED])
    assert (tuned.encode_texts([DENIED]) * teacher).sum() > (base.encode_texts([DENIED]) * teacher).sum()


def test_without_studies_to_watch_it_learns_all_the_same(model, tmp_path, monkeypatch):
    monkeypatch.setattr("nast_core.dataset.phantom_world.PhantomWorld.training", lambda self, seed=0: [])
    figures = finetune(recipe(model, steps=3), tmp_path / "run", Notes())
    assert set(figures) == {"cosine_teacher", "cosine_teacher_before", "steps"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"teacher": "rewritten"}, "did you mean 'rewrite'"),
        ({"teacher": "region(t=2)"}, "t has to be a number from 0 to 1"),
        ({"teacher": "discount"}, "changes scores and gives a text no vector of its own to learn"),
        ({"teacher": "rewrite+region"}, "is no repair"),
        ({"texts": "grammar", "reports": "some.txt"}, "reports are given and texts is grammar"),
        ({"objective": "claims", "teacher": "rewrite"}, "teacher is of objective distil"),
    ],
)
def test_a_teacher_that_cannot_be_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        FinetuneRecipe.model_validate({"objective": "distil"} | fields)


def test_sentences_that_deny_nothing_leave_no_run_behind(model, tmp_path):
    (tmp_path / "plain.txt").write_text("The heart is large.\n")
    asked = recipe(model, texts="reports", reports=tmp_path / "plain.txt")
    with pytest.raises(DataError, match="none denies a finding that the parser knows"):
        finetune(asked, tmp_path / "run", Notes())
    assert not (tmp_path / "run" / "adapter").exists()


def test_a_teacher_reads_by_the_vocabulary_that_is_given_unless_it_names_its_own():
    assert read_teacher("rewrite").vocabulary == read_teacher("region(0.9)").vocabulary
    assert read_teacher("rewrite(vocabulary=vindr)").vocabulary == "vindr"
    assert split(DENIED).rewritten != DENIED
