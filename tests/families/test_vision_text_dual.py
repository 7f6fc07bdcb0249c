"""VisionTextDualEncoderModel with BERT and RoBERTa: the pooler, the library's own call, and folders that must not
load."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoTokenizer, VisionTextDualEncoderModel, VisionTextDualEncoderProcessor

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.errors import TextError
from tests.families.checks import TEXTS, passes_every_check
from tests.families.refusals import edit, refused
from tests.writers.vision_text_dual import CONTEXT, write, write_roberta

WRITERS = {"bert": write, "roberta": write_roberta}
IMAGES = [Image.fromarray(render(sample_phantom(seed), 90)).convert("RGB") for seed in (1, 2)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("dual")
    return {name: writer(base / name) for name, writer in WRITERS.items()}


@pytest.fixture(params=list(WRITERS))
def folder(request, folders) -> Path:
    return folders[request.param]


@pytest.fixture
def copied(folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders["bert"], tmp_path / "model"))


def test_every_check_is_passed(folder, tmp_path):
    passes_every_check(folder, tmp_path)


@torch.inference_mode()
def test_texts_images_and_scores_are_the_librarys(folder):
    theirs = VisionTextDualEncoderModel.from_pretrained(folder, dtype=torch.float64).eval()
    processor = VisionTextDualEncoderProcessor(
        AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    )
    inputs = processor(text=TEXTS, images=IMAGES, padding=True, return_tensors="pt")
    inputs["pixel_values"] = inputs["pixel_values"].double()
    expected = theirs(**inputs)
    words = {key: value for key, value in inputs.items() if key != "pixel_values"}
    features = theirs.get_text_features(**words).pooler_output
    model = load_model(folder, device="cpu", dtype="float64")
    tokens = model.text.tokenize(TEXTS)
    assert torch.equal(tokens.ids, inputs["input_ids"])
    assert torch.equal(tokens.mask.long(), inputs["attention_mask"])
    assert (model.text.encode(tokens) - features).abs().max() <= 1e-9
    alone = torch.cat([model.text.encode(model.text.tokenize([text])) for text in TEXTS])
    assert (alone - features).abs().max() <= 1e-9
    texts, images = model.encode_texts(TEXTS), model.encode_images(IMAGES)
    assert (images - expected.image_embeds).abs().max() <= 1e-9
    assert (model.score(texts, images) - expected.logits_per_text).abs().max() <= 1e-9


@torch.inference_mode()
def test_attention_is_the_librarys_eager_attention_and_none_goes_to_padding(folder):
    theirs = VisionTextDualEncoderModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    model = load_model(folder, device="cpu", dtype="float64")
    tokens = model.text.tokenize(TEXTS)
    seen = theirs.text_model(tokens.ids, attention_mask=tokens.mask.long(), output_attentions=True).attentions
    ours = list(model.text.attention(tokens))
    assert len(ours) == len(seen) == 3
    for found, expected in zip(ours, seen, strict=True):
        for row, length in enumerate(tokens.mask.sum(-1).tolist()):
            assert (found[row, :, :length] - expected[row, :, :length]).abs().max() <= 1e-9
            assert float(found[row, :, :, length:].sum()) == 0


def test_the_whole_context_is_read_and_one_more_token_is_refused(folder):
    tower = load_model(folder, device="cpu").text
    assert tower.context_length == CONTEXT
    tokens = tower.tokenize([" ".join(["no"] * (CONTEXT - 2))])
    assert tokens.ids.shape == (1, CONTEXT)
    assert bool(tower.encode(tokens).isfinite().all())
    with pytest.raises(TextError, match=f"has {CONTEXT + 1} tokens"):
        tower.tokenize([" ".join(["no"] * (CONTEXT - 1))])


def test_lora_names_no_layer_of_an_image_tower_with_berts_names(folders):
    wanted = load_model(folders["bert"], device="cpu").text.lora_targets
    assert re.fullmatch(wanted, "text_model.encoder.layer.0.output.dense")
    assert not re.fullmatch(wanted, "vision_model.encoder.layer.0.output.dense")


def test_a_vocabulary_alone_is_read_by_the_text_models_own_tokenizer(folders, copied, tmp_path):
    expected = load_model(folders["bert"], device="cpu").text.tokenize(TEXTS).ids
    (copied / "tokenizer_config.json").unlink()
    assert torch.equal(load_model(copied, device="cpu").text.tokenize(TEXTS).ids, expected)
    roberta = Path(shutil.copytree(folders["roberta"], tmp_path / "roberta"))
    expected = load_model(roberta, device="cpu").text.tokenize(TEXTS).ids
    (roberta / "tokenizer_config.json").unlink()
    (roberta / "tokenizer.json").unlink()
    assert torch.equal(load_model(roberta, device="cpu").text.tokenize(TEXTS).ids, expected)


def test_what_was_found_and_not_used_is_reported(copied):
    path = copied / "model.safetensors"
    save_file(load_file(path) | {"extra.weight": torch.zeros(2)}, path, {"format": "pt"})
    report = load_model(copied, device="cpu").report
    assert report.unused_keys == ("extra.weight",)
    assert report.rows["Text tower"] == "bert, 3 layers x 4 heads, width 32, bidirectional"
    assert report.rows["Image tower"] == "vit, 3 layers x 4 heads, width 32, patch 14"


@pytest.mark.parametrize("kind", ["modernbert", "distilbert", None])
def test_other_text_models_are_refused_with_the_two_that_are_supported(copied, kind):
    edit(copied / "config.json", lambda config: config["text_config"].update(model_type=kind))
    message = refused(copied)
    assert f"a text model of type {kind!r}" in message
    assert "those with a bert or roberta can be loaded" in message


def test_weights_that_lack_the_pooler_or_have_another_shape_are_refused_by_name(copied):
    path = copied / "model.safetensors"
    tensors = load_file(path)
    save_file({k: v for k, v in tensors.items() if "text_model.pooler" not in k}, path, {"format": "pt"})
    assert "lack 2 tensors that the config asks for, first 'text_model.pooler.dense.bias'" in refused(copied)
    save_file(tensors | {"text_projection.weight": torch.zeros(8, 32)}, path, {"format": "pt"})
    assert "first 'text_projection.weight': found (8, 32), expected (16, 32)" in refused(copied)


def test_tokenizers_that_are_missing_broken_or_of_another_model_are_refused(copied, folders, tmp_path):
    with (copied / "vocab.txt").open("a") as file:
        file.write("zebra\n")
    assert "tokens and the model embeds only" in refused(copied)
    (copied / "tokenizer.json").write_text("{")
    assert "does not load, so copy the one that came with these weights" in refused(copied)
    (copied / "tokenizer.json").unlink()
    (copied / "vocab.txt").unlink()
    assert "has no tokenizer; copy tokenizer.json, or vocab.txt, into it" in refused(copied)
    roberta = Path(shutil.copytree(folders["roberta"], tmp_path / "roberta"))
    (roberta / "tokenizer.json").unlink()
    (roberta / "merges.txt").unlink()
    assert "or vocab.json and merges.txt, into it" in refused(roberta)


def test_images_of_another_size_or_none_at_all_are_refused(copied):
    edit(copied / "preprocessor_config.json", lambda config: config.update(size={"height": 56, "width": 56}))
    assert "makes images of 56 px and the model reads 28 px" in refused(copied)
    (copied / "preprocessor_config.json").unlink()
    assert "has no preprocessor_config.json" in refused(copied)
