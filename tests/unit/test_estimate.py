"""How long a fine-tune will take: its sum worked out by hand, and a trial of a tiny one against its own parts."""

import gc
import math
import weakref
from dataclasses import replace

import numpy as np
import pytest
from accelerate import Accelerator

from nast_core import load_model
from nast_core.finetune.encoding import TextEncoder
from nast_core.finetune.estimate import Amounts, Costs, seconds_of
from nast_core.finetune.task import make_task
from nast_core.finetune.training_files import read_material
from nast_core.work.estimating import try_out, what_is_tried
from tests.finetuning import Notes, recipe, write_phantom_claims

pytestmark = pytest.mark.slow  # trials of whole recipes

NOTHING = Costs(start=0, read=0, images=0, draw=0, learn=0, update=0, encode=0, save=0)
AMOUNTS = Amounts(
    alone=100, together=300, panel=5000, panel_kept=1000, watched=2000, watched_batches=5, kept_alone=10,
        kept_together=20,
    kept_watched=50, kept_studies=1e9, kept_text=8,
)  # fmt: skip
ASKED = recipe("claims.jsonl", steps=10, statements_first=0.4, validate_every=4, checkpoint_every=5)


@pytest.mark.parametrize(
    ("costs", "seconds"),
    [
        ({"start": 9, "read": 3, "images": 30}, 42),
        ({"learn": 0.01}, 0.01 * (4 * 100 + 6 * 300)),  # 4 steps on statements alone, 6 with captions
        ({"update": 0.5}, 10 * 0.5),
        ({"draw": 0.1}, 0.1 * (2 * 10 + 4 * 5)),  # every step's twice; validation batches at 3 looks and once before
        ({"save": 2}, 2 * 3),  # at steps 5 and 10, and the adapter
        # looked at after 4, 8 and 10 steps, and before and after; texts that the frozen encoder reads: 4 x 10 + 6 x 20
        # + 50
        ({"encode": 0.001}, 0.001 * (5 * 5000 + 3 * 2000 + (40 + 120 + 50) * 8 + 1000)),
    ],
)
def test_every_part_counts_as_often_as_it_comes_up(costs, seconds):
    assert seconds_of(ASKED, replace(NOTHING, **costs), AMOUNTS) == pytest.approx(seconds)


def test_a_text_that_is_drawn_again_is_encoded_once():
    # 160 draws of 100 texts meet 100 x (1 - e^-1.6) of them, about
    few = replace(AMOUNTS, kept_studies=100, panel=0, panel_kept=0, watched=0, kept_watched=0)
    assert seconds_of(ASKED, replace(NOTHING, encode=1), few) == pytest.approx(100 * (1 - math.exp(-1.6)) * 8)


def test_a_frozen_arm_takes_no_step():
    frozen = ASKED.model_copy(update={"arm": "frozen"})
    assert seconds_of(frozen, replace(NOTHING, learn=1, update=1), AMOUNTS) == 0
    assert seconds_of(frozen, replace(NOTHING, encode=1), AMOUNTS) == 2 * 5000 + 50 * 8 + 1000


@pytest.fixture(scope="module")
def tiny(folders, tmp_path_factory):
    data = write_phantom_claims(tmp_path_factory.mktemp("data") / "claims.jsonl", train=24, validation=12)
    return recipe(data, folders["Hugging Face CLIP"])


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_trial_measures_every_part_and_counts_the_texts_of_the_recipes_own_batches(tiny, method):
    costs, amounts = try_out(tiny.model_copy(update={"method": method}))
    assert min(costs.read, costs.images, costs.draw, costs.learn, costs.update, costs.encode, costs.save) > 0
    assert costs.start >= 8
    assert amounts.watched_batches == 8 // 4  # validation_studies, in batches of 4
    assert 0 < amounts.kept_text < 200


def test_a_trial_counts_what_the_run_itself_reads(tiny, tmp_path):
    asked = tiny.model_copy(update={"steps": 8, "statements_first": 0.5})
    amounts = try_out(asked).amounts
    encoder, accelerator = load_model(asked.model, device="cpu"), Accelerator(cpu=True)
    material = read_material(asked, encoder, accelerator, Notes())
    encode = TextEncoder(encoder.text, accelerator, [], material.lengths)
    task = make_task(asked, encoder, material, encode, np.ones(3), Notes(), tmp_path / "last.pt")

    def tokens(steps: range) -> float:
        return sum(encode.cost(task.training.batch(step).texts) for step in steps) / len(steps)

    assert amounts.panel == encode.cost(task.panel.texts)
    assert amounts.alone == pytest.approx(tokens(range(4)), rel=0.15)  # a mean over other batches of the same studies
    assert amounts.together == pytest.approx(tokens(range(4, 8)), rel=0.15)
    epoch = range(task.validation.epoch)
    assert amounts.watched == pytest.approx(sum(encode.cost(task.validation.batch(k).texts) for k in epoch), rel=0.15)


def test_the_model_of_a_trial_is_freed_at_once(tiny, monkeypatch):
    weights = []

    def load(*args, **settings):
        model = load_model(*args, **settings)
        weights.extend(map(weakref.ref, model.module.parameters()))
        return model

    monkeypatch.setattr("nast_core.work.estimating.load_model", load)
    gc.collect()
    gc.disable()
    try:
        try_out(tiny)
        assert weights
        assert all(weight() is None for weight in weights)
    finally:
        gc.enable()


def test_recipes_that_differ_in_how_often_alone_share_a_trial(tiny):
    other = tiny.model_copy(update={"arm": "frozen", "seed": 3, "steps": 99, "patience": 2, "learning_rate": 1.0})
    assert what_is_tried(other) == what_is_tried(tiny)
    assert what_is_tried(tiny.model_copy(update={"batch_size": 6})) != what_is_tried(tiny)
    assert what_is_tried(tiny.model_copy(update={"method": "full"})) != what_is_tried(tiny)
