"""The committed demo CLIP: any transformers user can load it, and it fails the way the README says."""

import json

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from nast_core import load_model
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.interpret.selftest import self_test
from nast_core.models.registry import DEMO_FOLDER
from nast_core.vocabulary.cues import CUES


@pytest.fixture(scope="module")
def demo():
    return load_model("demo", device="cpu")


def test_plain_transformers_loads_it_and_gives_the_same_score(demo):
    clip = CLIPModel.from_pretrained(DEMO_FOLDER).eval()
    image, text = Image.fromarray(render(sample_phantom(2_000_001), 112)), "There is no pneumothorax."
    inputs = AutoTokenizer.from_pretrained(DEMO_FOLDER)([text], return_tensors="pt")
    pixels = AutoImageProcessor.from_pretrained(DEMO_FOLDER)(image.convert("RGB"), return_tensors="pt")
    with torch.inference_mode():
        theirs = clip(**inputs, **pixels).logits_per_text.item()
    ours = demo.score(demo.encode_texts([text]), demo.encode_images([image])).item()
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_it_is_small_and_comes_with_a_card():
    assert sum(path.stat().st_size for path in DEMO_FOLDER.iterdir()) <= 20 * 2**20
    assert "drawings, not patients" in (DEMO_FOLDER / "README.md").read_text("utf-8")


def test_its_weights_are_those_its_card_records_and_every_check_holds(demo):
    assert demo.card.fingerprint == demo.fingerprint
    assert [check.name for check in self_test(demo) if not check.passed] == []


@pytest.mark.parametrize("cue", [cue for cue in CUES if " " not in cue and cue in ("no", "without", "absent", "not")])
def test_negation_cues_are_single_tokens(demo, cue):
    assert demo.text.tokenize([cue]).ids.shape[1] == 3  # start, cue, end


@pytest.mark.long
def test_it_loses_at_least_twenty_points_to_negation_as_its_figures_say(demo):
    summary = run_benchmark(demo, phantom_items(500, seed=7)).summary
    recorded = json.loads((DEMO_FOLDER / "figures.json").read_text("utf-8"))["mcq"]
    for form in ("acc_affirmative", "acc_negated"):
        assert summary[form]["value"] == pytest.approx(
            recorded[form]["value"], abs=0.07
        )  # 3 standard errors of 500 items
    assert summary["gap_points"]["low"] > 20
