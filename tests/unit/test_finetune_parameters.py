"""What one step changes, layer by layer: under AdamW and SGD, by learning rate and by gradient."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.finetune.loop import rate_schedule
from nast_core.finetune.lora import attach_lora
from nast_core.finetune.parameters import (
    layer_module,
    layer_moves,
    layer_parameters,
    make_optimizer,
    scale_gradients,
    unfreeze_layers,
)
from nast_core.models.bert import BertBlock
from tests.finetuning import recipe

WEIGHTS = np.array([0.5, 2.0, 0.5])  # powers of two: scaling by them rounds nothing
TEXTS = ["There is no edema.", "a large pleural effusion on the left"]


def updates(folder: Path, weights: np.ndarray, *, steps: int, method: str = "full", **fields) -> np.ndarray:
    """Norm of the change of each layer's parameters after some steps on one and the same objective."""
    asked = recipe(Path("claims.jsonl"), folder, learning_rate=1e-3, method=method, **fields)
    model = load_model(folder, device="cpu", dtype="float64")
    if method == "lora":
        attach_lora(model, rank=2)
    else:
        unfreeze_layers(model.text)
    layers = layer_parameters(model.text)
    before = [{name: p.detach().clone() for name, p in layer.items()} for layer in layers]
    optimizer = make_optimizer(layers, weights, asked)
    tokens = model.text.tokenize(TEXTS)
    for _ in range(steps):
        optimizer.zero_grad()
        model.text.encode(tokens)[:, 0].square().sum().backward()
        if asked.scale == "gradient":
            scale_gradients(layers, weights)
        optimizer.step()
    return np.array(
        [
            sum(float((p.detach() - start[name]).square().sum()) for name, p in layer.items()) ** 0.5
            for layer, start in zip(layers, before, strict=True)
        ]
    )


@pytest.mark.parametrize("method", ["full", "lora"])
def test_under_adamw_a_layers_update_follows_its_weight_by_learning_rate_and_hardly_by_gradient(folders, method):
    def ratio(scale: str) -> np.ndarray:
        weighted, plain = (
            updates(folders["Hugging Face CLIP"], w, steps=5, method=method, scale=scale) for w in (WEIGHTS, np.ones(3))
        )
        return weighted / plain

    assert ratio("learning_rate") == pytest.approx(WEIGHTS, rel=0.1)
    assert ratio("gradient") == pytest.approx(np.ones(3), rel=0.1)


def test_under_sgd_both_scalings_are_one_and_the_same(folders):
    by_rate, by_gradient = (
        updates(folders["Hugging Face CLIP"], WEIGHTS, steps=3, scale=scale, optimizer="sgd")
        for scale in ("learning_rate", "gradient")
    )
    assert np.array_equal(by_rate, by_gradient)
    plain = updates(folders["Hugging Face CLIP"], np.ones(3), steps=1, optimizer="sgd")
    once = updates(folders["Hugging Face CLIP"], WEIGHTS, steps=1, scale="gradient", optimizer="sgd")
    assert once / plain == pytest.approx(WEIGHTS, rel=1e-9)


def test_a_layer_of_weight_zero_does_not_move(folders):
    moved = updates(folders["Hugging Face CLIP"], np.array([0.0, 1.0, 1.0]), steps=2)
    assert moved[0] == 0
    assert (moved[1:] > 0).all()


def test_only_text_layers_are_trained(folders):
    model = load_model(folders["Hugging Face CLIP"], device="cpu")
    unfreeze_layers(model.text)
    trained = {name for name, p in model.module.named_parameters() if p.requires_grad}
    assert all(name.startswith("text_model.encoder.layers.") for name in trained)
    assert len(trained) == 3 * 16  # four projections, two MLP matrices, two norms, each with weight and bias


@pytest.mark.parametrize(
    ("targets", "said"), [("attention", {"q_proj", "k_proj", "v_proj", "out_proj"}), ("mlp", {"fc1", "fc2"})]
)
def test_lora_goes_where_it_is_asked_to(folders, targets, said):
    model = load_model(folders["Hugging Face CLIP"], device="cpu")
    attach_lora(model, targets=targets)
    adapted = [name for name, p in model.module.named_parameters() if p.requires_grad]
    assert {name.split(".lora_")[0].split(".")[-1] for name in adapted} == said
    assert not [name for name in adapted if "vision" in name]


def test_dropout_is_refused_where_peft_would_ignore_it(folders):
    with pytest.raises(ModelError, match="PEFT ignores LoRA dropout; set dropout to 0"):
        attach_lora(load_model(folders["open_clip"], device="cpu"), dropout=0.1)


@pytest.mark.parametrize("family", ["Hugging Face CLIP", "open_clip"])
@torch.no_grad()
def test_how_far_a_layer_moved_is_told_from_its_adapters(folders, family):
    model = load_model(folders[family], device="cpu", dtype="float64")
    attach_lora(model, rank=2, alpha=4, targets="mlp")
    assert list(layer_moves(model.text, {}).relative) == [0, 0, 0]
    second = {name: p for name, p in model.module.named_parameters() if "s.1." in name and "lora_B" in name}
    assert len(second) == 2
    for parameter in second.values():
        parameter.fill_(0.1)
    total = 0.0
    for name, b in second.items():
        a = model.module.get_parameter(name.replace("lora_B", "lora_A"))
        total += float((2 * (b @ a)).square().sum())  # alpha / rank = 2
    before = load_model(folders[family], device="cpu", dtype="float64")
    block = before.text.blocks[1]
    weights = sum(
        float(p.square().sum()) for p in (block.layer if family == "Hugging Face CLIP" else block.block).parameters()
    )
    found = layer_moves(model.text, {}).relative
    assert found == pytest.approx([0, (total / weights) ** 0.5, 0], rel=1e-6)


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    share = rate_schedule(recipe(Path("claims.jsonl"), steps=20, warmup=0.2))
    assert [share(step) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert share(4) == 1.0
    assert share(12) == pytest.approx(0.5)
    assert share(19) == pytest.approx(0.5 * (1 + np.cos(np.pi * 15 / 16)))


def test_a_block_that_names_parts_of_its_layer_is_trained_as_that_layer():
    """As those of BERT towers, which name their layer's norms."""
    config = BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    layers = BertModel(config).encoder.layer
    assert [layer_module(BertBlock(layer)) for layer in layers] == list(layers)
