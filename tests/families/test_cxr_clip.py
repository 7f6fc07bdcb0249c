"""CXR-CLIP, Swin and ResNet: every family's checks, the recorded forward pass in plain calls, and what is refused."""

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from nast_core import load_model
from nast_core.models.registry import FAMILIES, detect_family
from nast_core.negation.pairs import align
from tests.families.checks import SHORT, passes_every_check
from tests.families.reference import (
    SENTENCES,
    library_bert,
    library_ids,
    library_resnet,
    library_swin,
    middle,
    photographs,
    pixels_of,
    shorter_side,
    under,
)
from tests.families.refusals import refused
from tests.writers.biovil import write as write_biovil
from tests.writers.cxr_clip import write
from tests.writers.medclip import write as write_medclip


@pytest.mark.parametrize(
    "options",
    [
        {"original": True},
        {"tower": "resnet", "pooling": "mean", "projection": "mlp"},
        {"pooling": "bos"},
    ],
    ids=["swin, eos", "resnet, mean, mlp", "bos"],
)
def test_family_passes_every_check(options, tmp_path):
    passes_every_check(write(tmp_path / "model", **options), tmp_path)


def projected(x: torch.Tensor, stored: dict[str, torch.Tensor], side: str) -> torch.Tensor:
    part = {name: tensor.double() for name, tensor in under(stored, f"{side}_projection.").items()}
    first = F.linear(x, part["projection.weight"], part["projection.bias"])
    if "fc.weight" in part:
        second = F.linear(F.gelu(first), part["fc.weight"], part["fc.bias"])
        first = F.layer_norm(first + second, first.shape[-1:], part["layer_norm.weight"], part["layer_norm.bias"])
    return F.normalize(first, dim=-1)


@torch.inference_mode()
@pytest.mark.parametrize("projection", ["linear", "mlp"])
@pytest.mark.parametrize("pooling", ["eos", "bos", "mean"])
def test_texts_equal_the_plain_forward_pass_on_the_stored_weights(tmp_path, pooling, projection):
    folder = write(tmp_path / "model", pooling=pooling, projection=projection)
    stored = load_file(folder / "model.safetensors")
    bert = library_bert(folder / "text", under(stored, "text_encoder.text_encoder."))
    model = load_model(folder, device="cpu", dtype="float64")
    for texts in (SENTENCES[:1], SENTENCES):
        ids, mask = library_ids(folder / "text", texts)
        states = bert(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = {
            "eos": torch.stack([row[kept.sum() - 1] for row, kept in zip(states, mask, strict=True)]),
            "bos": states[:, 0],
            "mean": torch.stack([row[: kept.sum()].mean(0) for row, kept in zip(states, mask, strict=True)]),
        }
        assert (model.encode_texts(texts) - projected(pooled[pooling], stored, "text")).abs().max() <= 1e-9


@torch.inference_mode()
@pytest.mark.parametrize("tower", ["swin", "resnet"])
def test_images_equal_the_plain_forward_pass_on_the_stored_weights(tmp_path, tower):
    folder = write(tmp_path / "model", tower=tower)
    stored = load_file(folder / "model.safetensors")
    side = 32 if tower == "swin" else 224
    mean, std = ([0.5] * 3, [0.5] * 3) if tower == "swin" else ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    scaled = [pixels_of(middle(shorter_side(image.convert("RGB"), side), side)) for image in photographs()]
    pixels = torch.stack(
        [(values - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None] for values in scaled]
    ).double()
    if tower == "swin":
        swin = library_swin(folder / "vision", under(stored, "image_encoder.image_encoder."))
        features = swin(pixels).last_hidden_state[:, 0]
    else:
        features = library_resnet(under(stored, "image_encoder.resnet."), fc=torch.nn.Identity())(pixels)
    found = load_model(folder, device="cpu", dtype="float64").encode_images(photographs())
    assert (found - projected(features, stored, "image")).abs().max() <= 1e-9


def test_the_training_checkpoint_and_its_conversion_are_one_model(tmp_path):
    models = [load_model(write(tmp_path / str(original), original=original), device="cpu") for original in (0, 1)]
    assert models[0].fingerprint == models[1].fingerprint
    assert models[0].logit_scale == pytest.approx(1 / 0.07)
    assert torch.equal(*(model.encode_texts(SENTENCES) for model in models))
    assert models[0].report.unused_keys == ()


def test_the_pooled_token_is_the_last_real_one_or_the_first(tmp_path):
    last = load_model(write(tmp_path / "eos"), device="cpu").text
    first = load_model(write(tmp_path / "bos", pooling="bos"), device="cpu").text
    lengths = last.tokenize(SENTENCES).mask.sum(-1)
    assert last.tokenize(SENTENCES).pooled.tolist() == (lengths - 1).tolist()
    assert first.tokenize(SENTENCES).pooled.tolist() == [0, 0, 0]
    assert align(SHORT, last).roles[0] == "before"
    assert align(SHORT, first).roles[0] == "pooled"


def test_every_folder_here_is_of_one_family_only(tmp_path):

    folders = {
        "CXR-CLIP": [write(tmp_path / "a"), write(tmp_path / "b", original=True)],
        "MedCLIP": [write_medclip(tmp_path / "c")],
        "BioViL": [write_biovil(tmp_path / "d")],
    }
    for family, several in folders.items():
        for folder in several:
            assert detect_family(folder) == family
            assert [name for name, module in FAMILIES.items() if module().recognises(folder)] == [family]


@pytest.mark.parametrize(
    ("key", "value"), [("image_tower", "vit"), ("pooling", "max"), ("projection", None), ("pooling", [])]
)
def test_a_record_that_names_another_variant_is_refused_with_the_choices(tmp_path, key, value):
    folder = write(tmp_path / "model")
    record = json.loads((folder / "cxr_clip.json").read_text())
    (folder / "cxr_clip.json").write_text(json.dumps(record | {key: value}))
    message = refused(folder)
    assert f"says {key} {value!r}; it must be one of" in message


def test_a_checkpoint_that_needs_code_is_refused_with_the_reason_and_the_way_out(tmp_path):
    folder = write(tmp_path / "model", original=True)
    path = folder / "swin_mcc.tar"
    torch.save(torch.load(path, weights_only=True) | {"config": Path("of omegaconf")}, path)
    message = refused(folder)
    assert "would run code from the file" in message
    assert "model.safetensors and cxr_clip.json" in message


def test_a_checkpoint_without_its_config_asks_for_the_record_and_takes_it(tmp_path):
    folder = write(tmp_path / "model", original=True)
    path = folder / "swin_mcc.tar"
    whole = torch.load(path, weights_only=True)
    torch.save({"model": whole["model"]}, path)
    assert "write cxr_clip.json with image_tower, pooling, projection beside it" in refused(folder)
    record = {"image_tower": "swin", "pooling": "eos", "projection": "linear"}
    (folder / "cxr_clip.json").write_text(json.dumps(record))
    assert load_model(folder, device="cpu").logit_scale == pytest.approx(1 / 0.07)
    (folder / "cxr_clip.json").unlink()
    (folder / "r50_m.tar").write_bytes(path.read_bytes())
    assert "holds the checkpoints r50_m.tar, swin_mcc.tar; keep one of them" in refused(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_projection.projection.weight": None}, "lack 1 tensor"),
        ({"logit_scale": None}, "lack 1 tensor"),
        ({"logit_scale": torch.ones(1)}, "found (1,), expected ()"),
        ({"image_projection.projection.bias": torch.ones(3)}, "found (3,), expected (16,)"),
    ],
)
def test_weights_that_are_missing_or_of_another_shape_are_refused_by_name(tmp_path, change, said):
    folder = write(tmp_path / "model")
    path = folder / "model.safetensors"
    save_file({name: t for name, t in (load_file(path) | change).items() if t is not None}, path)
    message = refused(folder)
    assert said in message
    assert next(iter(change)) in message


@pytest.mark.parametrize("missing", ["text/config.json", "text/vocab.txt", "vision/config.json"])
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path, missing):
    folder = write(tmp_path / "model")
    (folder / missing).unlink()
    message = refused(folder)
    assert missing.split("/")[1] in message
    assert f"into {folder / missing.split('/')[0]}" in message or "into it" in message


def test_the_scale_is_not_clamped(tmp_path):
    folder = write(tmp_path / "model")
    path = folder / "model.safetensors"
    save_file(load_file(path) | {"logit_scale": torch.tensor(5.0)}, path)
    assert load_model(folder, device="cpu").logit_scale == pytest.approx(math.exp(5))
