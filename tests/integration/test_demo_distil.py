"""What distilling brings a model is measured before and after by one call, which goes on where it was."""

import json

import numpy as np
import pytest
import torch

from nast_core import load_model
from nast_core.demo.study.distilled import LABELS, Variant, distil, never_taught, write_report
from nast_core.demo.study.plan import Plan
from nast_core.finetune.teaching import teaching
from nast_core.runs.reporter import Silent
from nast_core.vocabulary.shipped import chest

pytestmark = pytest.mark.long  # a model trained and measured twice


def test_before_and_after_stand_in_one_table_and_what_is_measured_is_kept(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("nast_core.dataset.phantom_world.TRAINING", 40)
    monkeypatch.setattr("nast_core.dataset.phantom_world.WATCHED", 8)
    small = {"steps": 3, "batch_size": 8, "validate_every": 3, "validation_studies": 8}
    variant = Variant(str(folders["Hugging Face CLIP"]), held_out=True, fields=small)
    sizes = Plan(test_items=6, unseen_items=6, test_studies=40)
    found = distil(variant, tmp_path, Silent(), sizes=sizes)
    assert set(LABELS) <= set(found["before"])
    assert set(LABELS) <= set(found["after"][0])
    assert len(found["before"]["denials"]) == 30
    assert "absent" in found["held_out"]
    assert "absent" not in found["after"][0]["cues"]
    (cell,) = tmp_path.glob("*/seed-0/cell.json")
    kept = json.loads(cell.read_text()) | {"gap_points": 12.3}
    cell.write_text(json.dumps(kept))
    again = distil(variant, tmp_path, Silent(), sizes=sizes)
    assert again["after"] == [kept]
    said = write_report(tmp_path, tmp_path).read_text()
    assert "| gap, seen cues (points) |" in said
    assert "| 12.3 |" in said
    assert "| {N} could not be found |" in said


def test_a_denial_never_taught_is_measured_for_the_absence_of_each_condition():
    model = load_model("demo", device="cpu")
    images = torch.nn.functional.normalize(torch.randn(12, model.text.dim, generator=torch.manual_seed(0)), dim=-1)
    presence = np.array([[1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, np.nan]]).T
    found = never_taught(model, images, presence, ["Edema"], model.encode_texts)
    assert list(found) == list(teaching(chest().examination).never)
    score = model.score(model.encode_texts(["Pulmonary edema could not be found."]), images)[0].numpy()
    known = ~np.isnan(presence[:, 0])
    pairs = [
        float(score[a] > score[b])
        for a in np.flatnonzero(presence[:, 0] == 0)
        for b in np.flatnonzero(presence[:, 0] == 1)
    ]
    assert known.sum() == 11
    assert found["{N} could not be found"] == pytest.approx(np.mean(pairs), abs=1e-6)
