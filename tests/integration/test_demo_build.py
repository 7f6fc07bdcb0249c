"""Building the demo CLIP: the same seed, the same model; an interruption changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nast_core.demo.build import build
from nast_core.demo.towers import Plan
from nast_core.demo.training import batches, fit

pytestmark = pytest.mark.long

SMALL = Plan(
    image_phantoms=48, image_steps=4, image_batch=8, text_phantoms=48, text_steps=4, text_batch=8, test_items=40,
        test_phantoms=60
)  # fmt: skip


def test_the_same_seed_builds_the_same_model_with_the_same_figures(tmp_path):
    first = build(tmp_path / "a", seed=3, work=tmp_path / "work-a", plan=SMALL)
    second = build(tmp_path / "b", seed=3, work=tmp_path / "work-b", plan=SMALL)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()
    for figure in ("mcq", "zero_shot_auroc", "negated_prompt_auroc"):
        assert first[figure] == second[figure]


class Interrupted(Exception):
    pass


def train(checkpoint: Path, *, stop_at: int | None = None) -> torch.Tensor:
    torch.manual_seed(0)
    modules = nn.ModuleDict({"line": nn.Linear(3, 1)})

    def loss_of(rng: np.random.Generator, step: int) -> torch.Tensor:
        if step == stop_at:
            raise Interrupted
        x = torch.from_numpy(rng.standard_normal((4, 3))).float()
        return (modules["line"](x) - x.sum(-1, keepdim=True)).square().mean()

    fit(modules, loss_of, steps=12, rate=0.05, seed=0, checkpoint=checkpoint, label="test", save_every=4)
    return torch.cat([p.detach().flatten() for p in modules.parameters()])


def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(tmp_path):
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(Interrupted):
        train(tmp_path / "cut.pt", stop_at=7)  # the checkpoint holds step 4
    assert torch.equal(train(tmp_path / "cut.pt"), whole)


def test_every_phantom_is_seen_once_an_epoch():
    batch = batches(count=10, size=5, seed=0)
    assert sorted(np.concatenate([batch(0), batch(1)])) == list(range(10))
    assert list(batch(0)) != list(batch(2))
