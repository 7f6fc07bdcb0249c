"""BioViL and BioViL-T: every family's checks, the recorded forward pass once more in plain calls, and what is
refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from nast_core import load_model
from nast_core.errors import TextError
from tests.families.checks import passes_every_check
from tests.families.reference import (
    SENTENCES,
    library_bert,
    library_ids,
    library_resnet,
    middle,
    photographs,
    pixels_of,
    shorter_side,
    under,
)
from tests.families.refusals import refused
from tests.writers.biovil import IMAGE, IMAGE_T, write


@pytest.fixture(params=[False, True], ids=["BioViL", "BioViL-T"])
def folder(request, tmp_path) -> Path:
    return write(tmp_path / "model", prior=request.param)


@pytest.mark.parametrize("prior", [False, True], ids=["BioViL", "BioViL-T"])
def test_family_passes_every_check(prior, tmp_path):
    passes_every_check(write(tmp_path / "model", prior=prior), tmp_path)


def head_by_hand(states: torch.Tensor, stored: dict[str, torch.Tensor]) -> torch.Tensor:
    part = {name: tensor.double() for name, tensor in under(stored, "cls_projection_head.").items()}
    hidden = F.gelu(F.linear(states[:, 0], part["dense_to_hidden.weight"], part["dense_to_hidden.bias"]))
    normed = F.layer_norm(hidden, hidden.shape[-1:], part["LayerNorm.weight"], part["LayerNorm.bias"], 1e-12)
    return F.linear(normed, part["dense_to_output.weight"], part["dense_to_output.bias"])


@torch.inference_mode()
@pytest.mark.parametrize("texts", [SENTENCES[:1], SENTENCES])
def test_texts_equal_the_plain_forward_pass_on_the_stored_weights(tmp_path, texts):
    folder = write(tmp_path / "model")
    stored = torch.load(folder / "pytorch_model.bin", weights_only=True)
    ids, mask = library_ids(folder, [text.rstrip("!?.") for text in texts])
    states = library_bert(folder, under(stored, "bert.")).eval()(ids, attention_mask=mask).last_hidden_state
    expected = F.normalize(head_by_hand(states, stored), dim=-1)
    assert (load_model(folder, device="cpu", dtype="float64").encode_texts(texts) - expected).abs().max() <= 1e-9


@torch.inference_mode()
def test_images_equal_the_plain_forward_pass_on_the_stored_weights(folder):
    prior = (folder / IMAGE_T).exists()
    stored = torch.load(folder / (IMAGE_T if prior else IMAGE), weights_only=True)
    net = library_resnet(under(stored, "encoder.encoder."), fc=torch.nn.Linear(2048, 1000))
    grids = {}
    net.layer4.register_forward_hook(lambda module, inputs, output: grids.update(last=output))
    wide = {name: tensor.double() for name, tensor in stored.items()}
    expected = []
    for image in photographs():
        values = np.asarray(image, float)
        stretched = (values - values.min()) / (values.max() - values.min()) * 255
        grey = Image.fromarray(stretched.astype(np.uint8)).convert("L")
        cut = middle(shorter_side(grey, 512), 448 if prior else 480)
        net(pixels_of(cut).double().expand(3, -1, -1)[None])
        x = grids["last"]
        if prior:
            x = F.conv2d(x, wide["encoder.backbone_to_vit.weight"])
            x = torch.cat([x, wide["encoder.missing_previous_emb"].repeat(1, 1, *x.shape[2:])], 1)
        x = F.conv2d(x, wide["projector.model.0.weight"])
        norm = (wide[f"projector.model.1.{name}"] for name in ("running_mean", "running_var", "weight", "bias"))
        x = F.conv2d(F.batch_norm(x, *norm).relu(), wide["projector.model.3.weight"], wide["projector.model.3.bias"])
        expected.append(F.normalize(x.mean((2, 3)), dim=-1))
    found = load_model(folder, device="cpu", dtype="float64").encode_images(photographs())
    assert (found - torch.cat(expected)).abs().max() <= 1e-9


def test_closing_marks_are_cut_off_and_offsets_index_what_is_left(tmp_path):
    model = load_model(write(tmp_path / "model"), device="cpu")
    tokens = model.text.tokenize(["There is no edema!?."])
    assert tokens.texts == ("There is no edema",)
    assert [tokens.piece(0, p) for p in range(6)] == ["", "There", "is", "no", "edema", ""]
    assert torch.equal(*model.encode_texts(["There is no edema", "There is no edema."]))
    with pytest.raises(TextError, match="the text is empty"):
        model.text.tokenize(["..."])


def test_there_is_no_scale_and_the_model_says_so(folder):
    model = load_model(folder, device="cpu")
    assert model.logit_scale is None
    assert "bare cosines" in model.limits["logit scale"]
    assert ("prior image" in model.limits) == (folder / IMAGE_T).exists()
    assert model.report.unused_keys == ()
    assert model.report.warnings == ()
    unit = F.normalize(torch.ones(1, model.text.dim), dim=-1)
    assert model.score(unit, unit).item() == pytest.approx(1)


def test_an_image_of_one_value_is_black_and_not_nan(tmp_path):
    model = load_model(write(tmp_path / "model"), device="cpu")
    assert torch.equal(model.preprocess(Image.new("L", (40, 40), 77)), torch.zeros(3, 480, 480))


def rewrite(path: Path, change) -> None:
    tensors = torch.load(path, weights_only=True)
    change(tensors)
    torch.save(tensors, path)


def test_what_is_missing_or_does_not_fit_is_refused_in_one_sentence(tmp_path):
    folder = write(tmp_path / "model")
    text, image = folder / "pytorch_model.bin", folder / IMAGE
    kept = {path: path.read_bytes() for path in (text, image, folder / "vocab.txt", folder / "config.json")}

    def restore() -> None:
        for path, content in kept.items():
            path.write_bytes(content)

    image.unlink()
    assert IMAGE in refused(folder)
    assert IMAGE_T in refused(folder)
    restore()
    (folder / IMAGE_T).write_bytes(b"")
    assert "keep the one that came with this text encoder" in refused(folder)
    (folder / IMAGE_T).unlink()
    (folder / "vocab.txt").unlink()
    assert "has no tokenizer" in refused(folder)
    restore()
    rewrite(text, lambda tensors: tensors.pop("cls_projection_head.LayerNorm.bias"))
    assert "first 'cls_projection_head.LayerNorm.bias'" in refused(folder)
    restore()
    rewrite(image, lambda tensors: tensors.update({"projector.model.3.weight": torch.ones(9, 16, 1, 1)}))
    assert "'projector.model.3.weight': found (9, 16, 1, 1), expected (16, 16, 1, 1)" in refused(folder)
    restore()
    with (folder / "vocab.txt").open("a") as file:
        file.write("zygote\n")
    assert "and the model embeds only" in refused(folder)
    restore()
    (folder / "config.json").write_text(
        json.dumps({**json.loads(kept[folder / "config.json"]), "num_attention_heads": 5})
    )
    assert "describes no bert model" in refused(folder)


def test_tensors_of_no_known_use_are_reported(tmp_path):
    folder = write(tmp_path / "model")
    rewrite(folder / IMAGE, lambda tensors: tensors.update({"classifier.weight": torch.ones(2)}))
    report = load_model(folder, device="cpu").report
    assert report.unused_keys == ("classifier.weight",)
    assert "of no known use" in report.warnings[0]
