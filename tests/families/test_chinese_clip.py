"""ChineseCLIPModel: every check, the library's own features, and a folder without its tokenizer."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from transformers import AutoTokenizer, ChineseCLIPImageProcessor, ChineseCLIPModel

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from tests.families.checks import TEXTS, passes_every_check
from tests.families.refusals import refused
from tests.writers.chinese_clip import write

IMAGES = [Image.fromarray(render(sample_phantom(seed), 90)).convert("RGB") for seed in (1, 2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("chinese") / "model")


def test_every_check_is_passed(folder, tmp_path):
    passes_every_check(folder, tmp_path)


@torch.inference_mode()
def test_texts_images_and_scores_are_the_librarys(folder):
    theirs = ChineseCLIPModel.from_pretrained(folder, dtype=torch.float64).eval()
    words = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    pixels = ChineseCLIPImageProcessor.from_pretrained(folder)(IMAGES, return_tensors="pt")["pixel_values"].double()
    texts = theirs.get_text_features(**words).pooler_output
    images = F.normalize(theirs.get_image_features(pixel_values=pixels).pooler_output, dim=-1)
    model = load_model(folder, device="cpu", dtype="float64")
    assert model.card.family == "Chinese-CLIP"
    tokens = model.text.tokenize(TEXTS)
    assert torch.equal(tokens.ids, words["input_ids"])
    assert torch.equal(tokens.mask.long(), words["attention_mask"])
    assert (model.text.encode(tokens) - texts).abs().max() <= 1e-9
    assert (model.encode_images(IMAGES) - images).abs().max() <= 1e-9
    expected = theirs(**words, pixel_values=pixels).logits_per_text
    assert (model.score(model.encode_texts(TEXTS), model.encode_images(IMAGES)) - expected).abs().max() <= 1e-9


def test_a_missing_tokenizer_is_refused(folder, tmp_path):
    copied = Path(shutil.copytree(folder, tmp_path / "model"))
    for name in ("tokenizer.json", "vocab.txt"):
        (copied / name).unlink(missing_ok=True)
    assert "has no tokenizer; copy tokenizer.json, or vocab.txt, into it" in refused(copied)
