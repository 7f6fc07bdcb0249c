"""Every family: adapters seen by our own forward pass, a group a layer, and a tuned folder in the family's own
format."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from peft import PeftModel
from PIL import Image

from nast_core import load_model
from nast_core.finetune.adapter import Record, save_adapter
from nast_core.finetune.encoding import Lengths, TextEncoder
from nast_core.finetune.lora import adapters_in_place, attach_lora, attention_adapters, hold_output_projections
from nast_core.finetune.parameters import layer_parameters, unfreeze_layers
from nast_core.models import DualEncoder
from nast_core.models.precision import with_bf16
from nast_core.opening import load_finetuned
from nast_core.work.export import export
from tests.checkpoints import write_huggingface_clip, write_open_clip
from tests.finetuning import recipe
from tests.writers import (
    biovil,
    chinese_clip,
    cxr_clip,
    medclip,
    open_clip_bert,
    open_clip_coca,
    open_clip_siglip,
    siglip,
    vision_text_dual,
)

pytestmark = pytest.mark.slow  # every family trained and exported

WRITERS = {
    "hugging-face-clip": write_huggingface_clip,
    "open-clip": write_open_clip,
    "open-clip-bert": open_clip_bert.write,
    "unimed": open_clip_bert.write_unimed,
    "open-clip-siglip": open_clip_siglip.write,
    "coca": open_clip_coca.write,
    "siglip": siglip.write,
    "naflex": siglip.write_naflex,
    "vision-text-dual": vision_text_dual.write,
    "chinese-clip": chinese_clip.write,
    "biovil": biovil.write,
    "medclip": medclip.write,
    "cxr-clip": cxr_clip.write,
}
TEXTS = ["no pneumothorax", "There is no edema.", "Findings: a large pleural effusion on the left; intact ribs."]


@pytest.fixture(scope="module", params=list(WRITERS))
def folder(request, tmp_path_factory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp("family") / request.param)


def opened(model: DualEncoder, method: str) -> tuple[dict[str, torch.nn.Parameter], PeftModel | None]:
    """(what is trainable, after moving it away from where it began; the adapters)"""
    adapted = attach_lora(model, rank=2, seed=1) if method == "lora" else None
    hold_output_projections(attention_adapters(model.module))
    if adapted is None:
        unfreeze_layers(model.text)
    trained = {name: p for name, p in model.module.named_parameters() if p.requires_grad}
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in trained.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator).to(parameter))
    return trained, adapted


def test_adapters_act_in_our_forward_pass_and_its_gradient_as_in_the_librarys(folder):
    model = load_model(folder, device="cpu", dtype="float64")
    weights = {name: value.clone() for name, value in model.module.state_dict().items()}
    learning, _ = opened(model, "lora")
    tokens = model.text.tokenize(TEXTS[1:2])
    with adapters_in_place(attention_adapters(model.module)):
        ours = model.text.encode(tokens)
        ours.sum().backward()
    found = {name: p.grad.clone() for name, p in learning.items()}
    now = {name.replace(".base_layer", ""): value for name, value in model.module.state_dict().items()}
    assert all(torch.equal(now[name], value) for name, value in weights.items()), "a base weight moved"
    for parameter in learning.values():
        parameter.grad = None
    theirs = model.text.library_embedding(tokens)
    theirs.sum().backward()
    assert (ours - theirs).abs().max() <= 1e-9 * max(1, float(theirs.detach().abs().max()))
    for name, parameter in learning.items():
        assert (found[name] - parameter.grad).abs().max() <= 1e-8 * max(1, float(parameter.grad.abs().max())), name


@pytest.mark.parametrize("method", ["lora", "full"])
def test_each_trainable_parameter_is_in_the_group_of_one_text_layer(folder, method):
    model = load_model(folder, device="cpu")
    trained, _ = opened(model, method)
    layers = layer_parameters(model.text)
    grouped = [id(p) for layer in layers for p in layer.values()]
    assert len(layers) == model.text.n_layers
    assert all(layers)
    assert sorted(grouped) == sorted({id(p) for p in trained.values()})
    with adapters_in_place(attention_adapters(model.module)):
        model.text.encode(model.text.tokenize(TEXTS[1:2])).sum().backward()
    assert not [name for name, p in trained.items() if p.grad is None]


@torch.no_grad()
def comes_back(folder: Path, method: str, work: Path) -> None:
    """From its adapter, and from the exported folder."""
    model = load_model(folder, device="cpu")
    weights, base = model.fingerprint, model.encode_texts(TEXTS)
    _, adapted = opened(model, method)
    encode = TextEncoder(model.text, Accelerator(cpu=True), attention_adapters(model.module), Lengths(model.text))
    tuned = encode(TEXTS)
    record = Record(
        base=str(folder),
        base_name="tiny",
        base_revision="",
        base_licence="MIT",
        base_fingerprint=weights,
        recipe=recipe(Path("claims.jsonl"), folder, method=method),
        layer_weights=(1.0,) * model.text.n_layers,
        cues=("no", "without"),
    )
    save_adapter(work / "adapter", model, adapted, record)
    (work / "adapter" / "README.md").write_text("card")
    again = load_finetuned(work / "adapter", device="cpu")
    assert (again.encode_texts(TEXTS) - tuned).abs().max() <= 1e-5
    assert (again.encode_texts(TEXTS) - base).abs().max() > 1e-3
    exported = load_model(export(work / "adapter", work / "exported"), device="cpu")
    assert (exported.encode_texts(TEXTS) - tuned).abs().max() <= 1e-5
    assert exported.card.fingerprint == exported.fingerprint
    assert model.card.taught is None
    assert again.card.taught == exported.card.taught == {"no", "without"}  # by these its denials are told apart


def test_a_lora_tuned_model_comes_back_from_its_adapter_and_from_the_exported_folder(folder, tmp_path):
    comes_back(folder, "lora", tmp_path)


@pytest.mark.parametrize("family", ["hugging-face-clip", "open-clip", "medclip"])
def test_a_fully_tuned_model_does_so_too(family, tmp_path):
    comes_back(WRITERS[family](tmp_path / "model"), "full", tmp_path)


def test_in_bf16_vectors_and_gradients_are_near_those_in_float32(folder):
    model = load_model(folder, device="cpu")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48), np.uint8))
    other = with_bf16(model, ["texts", "images"])
    for one, two in (
        (model.encode_texts(TEXTS), other.encode_texts(TEXTS)),
        (model.encode_images([image]), other.encode_images([image])),
    ):
        assert float((1 - (one * two).sum(-1)).max()) < 5e-4  # cosine
    learning, _ = opened(model, "lora")
    encode = TextEncoder(model.text, Accelerator(cpu=True), attention_adapters(model.module), Lengths(model.text))
    ordered = sorted(TEXTS, key=encode.length)
    gradients = []
    for bf16 in (False, True):
        encode.computing_in(bf16).encode(ordered)[:, :4].sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in learning.values() if p.grad is not None]))
        model.module.zero_grad(set_to_none=True)
    assert gradients[1].dtype == torch.float32
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.97
