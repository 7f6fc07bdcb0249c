"""A tiny 'nast demo tune': candidates trained alike, the best on validation published as a finished fine-tune, none
twice."""

import json
import shutil
from dataclasses import replace

import pytest

from nast_core.demo import tuned
from nast_core.demo.tuned import CANDIDATES, PLAN, tune
from nast_core.opening import load_finetuned
from nast_core.runs.store import Run

pytestmark = pytest.mark.long
TINY = replace(
    PLAN, steps=4, batch_size=4, train_studies=60, validation_studies=40, validation_items=20, tuning_steps=1
)


@pytest.fixture
def unlike(monkeypatch) -> dict[str, float]:
    """What candidates are judged by, where four steps make them alike: the second is the better one."""
    judged = dict(zip((arm.name for arm in CANDIDATES), (0.5, 0.625), strict=True))
    monkeypatch.setattr(tuned.Trained, "judged", property(lambda one: judged[one.arm.name]))
    return judged


def test_the_better_candidate_becomes_a_finished_fine_tune_with_its_card(tmp_path, monkeypatch, unlike):
    out, work = tmp_path / "demo-tuned", tmp_path / "work"
    assert tune(out, work=work, plan=TINY) == unlike
    run, model = Run(out), load_finetuned(out, device="cpu")
    assert run.status.state == "finished"
    assert (run.recipe.arm, run.recipe.summary, run.recipe.rank) == ("inverse", "max", tuned.RANK)
    assert run.status.figures["steps"] == 4
    assert model.card.name == "demo CLIP, fine-tuned (inverse)"
    card = (out / "adapter" / "README.md").read_text("utf-8")
    assert "| uniform | 50.0 % |" in card
    assert "| inverse max | 62.5 % |" in card
    assert "on 20 questions about validation phantoms" in card
    assert "Phantoms are drawings, not patients." in card

    before = model.fingerprint
    monkeypatch.setattr(tuned, "finetune", lambda *_: pytest.fail("trained again"))
    (out / "adapter" / "adapter_model.safetensors").unlink()
    tune(out, work=work, plan=TINY)
    assert load_finetuned(out, device="cpu").fingerprint == before


def test_the_figure_it_is_judged_by_is_of_validation(tmp_path):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    (run.folder / "summary.json").write_text(
        json.dumps({"before": {"acc_negated": 0.6}, "after": {"acc_negated": 0.9}})
    )
    assert tuned.Trained(CANDIDATES[0], run).judged == 0.9
    shutil.rmtree(run.folder)
