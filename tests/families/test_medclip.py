"""MedCLIP, ViT and ResNet: every family's checks, the recorded forward pass in plain calls, padding, and refusals."""

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.models import resnet50

from nast_core import load_model
from nast_core.errors import TextError
from nast_core.models.trunks import build_resnet
from nast_core.negation.pairs import align
from tests.families.checks import SHORT, passes_every_check
from tests.families.reference import (
    SENTENCES,
    library_bert,
    library_ids,
    library_resnet,
    library_swin,
    photographs,
    pixels_of,
    under,
)
from tests.families.refusals import edit, refused
from tests.writers.medclip import write

TOWERS = pytest.mark.parametrize("resnet", [False, True], ids=["ViT", "ResNet"])


@pytest.fixture
def vit(tmp_path) -> Path:
    return write(tmp_path / "model")


@TOWERS
def test_family_passes_every_check(resnet, tmp_path):
    passes_every_check(write(tmp_path / "model", resnet=resnet), tmp_path)


def stored_in(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


@torch.inference_mode()
def plain_texts(folder: Path, texts: list[str]) -> torch.Tensor:
    """The original's call on one batch: BERT masks the padding, the mean does not."""
    stored = stored_in(folder)
    ids, mask = library_ids(folder / "text", texts)
    bert = library_bert(folder / "text", under(stored, "text_model.model."))
    states = bert(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    mean = sum(states[layer].mean(1) for layer in (1, 2, -1)) / 3
    return F.normalize(mean @ stored["text_model.projection_head.weight"].double().T, dim=-1)


def test_every_text_equals_the_plain_forward_pass_of_that_text_alone(vit):
    model = load_model(vit, device="cpu", dtype="float64")
    alone = torch.cat([plain_texts(vit, [text]) for text in SENTENCES])
    assert (model.encode_texts(SENTENCES) - alone).abs().max() <= 1e-9
    assert (torch.cat([model.encode_texts([text]) for text in SENTENCES]) - alone).abs().max() <= 1e-9


@torch.inference_mode()
def test_padding_would_change_the_embedding_and_ours_changes_as_the_original_does(vit):
    model = load_model(vit, device="cpu", dtype="float64")
    batch = plain_texts(vit, SENTENCES)
    alone = model.encode_texts(SENTENCES)
    assert (batch[1] - alone[1]).abs().max() <= 1e-9  # the longest is not padded
    assert (batch[[0, 2]] - alone[[0, 2]]).abs().amax(-1).min() > 0.01
    padded = F.normalize(model.text.encode(model.text.tokenize(SENTENCES)), dim=-1)
    assert (padded - batch).abs().max() <= 1e-9


@torch.inference_mode()
@TOWERS
def test_images_equal_the_plain_forward_pass_on_the_stored_weights(resnet, tmp_path):
    folder = write(tmp_path / "model", resnet=resnet)
    stored, side = stored_in(folder), 224 if resnet else 32
    inputs = []
    for image in photographs():
        grey = image.convert("L")
        long = max(side, *grey.size)
        square = Image.new("L", (long, long))
        square.paste(grey, (int((long - grey.width) / 2), int((long - grey.height) / 2)))
        values = pixels_of(square.resize((side, side), Image.Resampling.BICUBIC))
        inputs.append(((values - 0.5862785803043838) / 0.27950088968644304).repeat(3, 1, 1))
    pixels = torch.stack(inputs).double()
    if resnet:
        net = library_resnet(under(stored, "vision_model.model."), fc=torch.nn.Linear(2048, 16, bias=False))
        expected = net(pixels)
    else:
        pooled = library_swin(folder / "vision", under(stored, "vision_model.model."))(pixels).pooler_output
        expected = pooled @ stored["vision_model.projection_head.weight"].double().T
    found = load_model(folder, device="cpu", dtype="float64").encode_images(photographs())
    assert (found - F.normalize(expected, dim=-1)).abs().max() <= 1e-9


def test_a_small_image_is_framed_in_black_and_not_enlarged(tmp_path):
    model = load_model(write(tmp_path / "model", resnet=True), device="cpu")
    seen = model.preprocess(Image.new("L", (100, 60), 255))[0]
    assert (seen == seen.max()).sum() == 100 * 60
    assert seen[82:142, 62:162].min() == seen.max()


@TOWERS
def test_a_torchvision_resnet_50_is_recognised_by_its_shapes(resnet):
    with torch.device("meta"):
        whole = resnet50().state_dict()
        found = build_resnet(
            {f"x.{name}": tensor for name, tensor in whole.items()} if resnet else whole, "x." * resnet
        )
    own = {name: tensor.shape for name, tensor in found.state_dict().items()}
    assert own == {name: tensor.shape for name, tensor in whole.items() if not name.startswith("fc.")}


@pytest.mark.parametrize(("stored", "used"), [(math.log(1 / 0.07), 1 / 0.07), (9.0, 100.0), (-1.0, 1.0)])
def test_the_scale_is_clamped_as_the_original_does_when_it_scores(vit, stored, used):
    tensors = stored_in(vit) | {"logit_scale": torch.tensor(stored)}
    torch.save(tensors, vit / "pytorch_model.bin")
    assert load_model(vit, device="cpu").logit_scale == pytest.approx(used, rel=1e-4)


def test_what_is_known_to_be_useless_is_left_out_and_the_rest_reported(vit):
    assert load_model(vit, device="cpu").report.unused_keys == ()
    torch.save(stored_in(vit) | {"vision_model.extra": torch.ones(2)}, vit / "pytorch_model.bin")
    assert load_model(vit, device="cpu").report.unused_keys == ("vision_model.extra",)


def test_pairs_have_an_end_and_no_pooled_token_since_no_position_is_pooled_alone(vit):
    model = load_model(vit, device="cpu")
    assert not model.text.pools_one_position
    assert align(SHORT, model.text).roles == ("before",) * 3 + ("negator", "finding first", "punctuation", "end")
    assert model.text.context_length == 77
    with pytest.raises(TextError, match="at most 77"):
        model.encode_texts(["no " * 90])


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("text/config.json", "copy config.json and vocab.txt of emilyalsentzer/Bio_ClinicalBERT into "),
        ("text/vocab.txt", "has no tokenizer (vocab.txt or tokenizer.json); copy config.json and vocab.txt"),
        ("vision/config.json", "copy config.json of microsoft/swin-tiny-patch4-window7-224 into "),
    ],
)
def test_a_missing_file_is_named_with_where_to_get_it(vit, missing, said):
    (vit / missing).unlink()
    message = refused(vit)
    assert said in message
    assert str((vit / missing).parent) in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text_model.model.encoder.layer.1.output.dense.bias": None}, "lack 1 tensor that the config asks for"),
        ({"vision_model.model.layernorm.weight": torch.ones(7)}, "found (7,), expected (16,)"),
        ({"vision_model.projection_head.weight": torch.ones(9, 16)}, "found (9, 16), expected (16, 16)"),
    ],
)
def test_weights_that_are_missing_or_of_another_shape_are_refused_by_name(vit, change, said):
    tensors = {name: tensor for name, tensor in (stored_in(vit) | change).items() if tensor is not None}
    torch.save(tensors, vit / "pytorch_model.bin")
    message = refused(vit)
    assert said in message
    assert next(iter(change)) in message


def test_a_config_of_another_kind_is_refused_by_its_type(vit):
    path = vit / "text" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "roberta"}))
    assert "is of model type 'roberta', not 'bert'" in refused(vit)


def test_a_bert_config_with_fewer_layers_than_the_weights_is_refused(tmp_path):
    folder = write(tmp_path / "model")
    edit(folder / "text" / "config.json", lambda config: config.update(num_hidden_layers=2))
    message = refused(folder)
    assert "hold 3 layers text_model.model.encoder.layer.0 to 2 and the config uses only 2 of them" in message
