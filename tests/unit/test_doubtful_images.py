"""An image that shows nothing is used, and told of, by whatever reads images: commands, runs, comparisons, training."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.examples import read_claims, write_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.cli import app
from nast_core.encoding.images import encode_folder
from nast_core.finetune.features import image_features
from nast_core.runs.reporter import Silent
from nast_core.work.alignment import AlignmentRecipe, alignment
from nast_core.work.trace import TraceRecipe, trace

pytestmark = pytest.mark.slow  # whole commands

NOTHING = "It shows almost one value, so nothing can be told from it."
PAIR = {"affirmative": "There is some edema.", "negated": "There is no edema.", "finding": "Edema"}


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder of one picture of noise and one that is black."""
    folder = tmp_path / "images"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    Image.new("L", (64, 64)).save(folder / "black.png")
    return folder


@pytest.fixture
def model(folders) -> list[str]:
    return ["--model", str(folders["Hugging Face CLIP"]), "--device", "cpu"]


def pairs_of(images: Path, image: str) -> Path:
    path = images / "pairs.jsonl"
    path.write_text(json.dumps(PAIR | {"image": image}) + "\n")
    return path


def said(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stderr


def test_the_engine_tells_by_name_and_of_a_good_picture_nothing(images, tiny):
    doubts: dict[str, str] = {}
    names, _, _ = encode_folder(tiny, images, doubts)
    assert names == ["black.png", "noise.png"]
    assert doubts == {"black.png": NOTHING}
    doubts.clear()
    image_features(tiny, names, images, doubts=doubts)
    assert doubts == {"black.png": NOTHING}


@pytest.mark.parametrize("given", ["folder", "image", "pairs"])
def test_a_trace_tells_of_it_however_the_image_was_named(images, model, tmp_path, given):
    pairs = pairs_of(images, "black.png" if given == "pairs" else "noise.png")
    named = {"folder": ["--images", images], "image": ["--image", images / "black.png"], "pairs": []}[given]
    told = said("trace", *model, "--pairs", pairs, *named, "--out", tmp_path / "t.nc")
    assert "1 image may not show what they should; first " in told
    assert f"black.png: {NOTHING}" in told
    good = ["--image", images / "noise.png"] if given == "image" else []
    pairs_of(images, "noise.png")
    assert "may not show" not in said("trace", *model, "--pairs", pairs, *good, "--out", tmp_path / "u.nc")


@pytest.mark.parametrize("method", ["tokens", "occlusion"])
def test_an_attribution_tells_of_it(images, model, tmp_path, method):
    pairs, out = pairs_of(images, "black.png"), tmp_path / "a.nc"
    quick = ["--n-steps", "2"] if method == "tokens" else ["--window", "1", "--stride", "1"]
    assert NOTHING in said("attribute", *model, "--pairs", pairs, "--method", method, *quick, "--out", out)


def test_a_comparison_tells_of_it_counts_it_and_marks_its_questions(images, folders, tmp_path):
    pairs, items = pairs_of(images, "noise.png"), tmp_path / "items.jsonl"
    asked = [
        item.model_copy(update={"image": "black.png"} if n == 1 else {})
        for n, item in enumerate(phantom_items(4, seed=3))
    ]
    write_items(asked, items)
    a, given = str(folders["Hugging Face CLIP"]), ["--pairs", pairs, "--items", items, "--images", images]
    assert NOTHING in said("compare", a, a, *given, "--device", "cpu", "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["warnings"] == 1
    rows = pd.read_csv(tmp_path / "out" / "items.csv", keep_default_na=False)
    assert set(rows[rows.warning == NOTHING].item_id) == {asked[1].item_id}
    assert set(rows.warning) == {"", NOTHING}


class Log(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_a_run_of_tracing_lists_it_counts_it_and_says_so_in_its_log(images, folders, tmp_path):
    log = Log()
    recipe = TraceRecipe(
        model=str(folders["Hugging Face CLIP"]), device="cpu", pairs=pairs_of(images, "noise.png"), images=images
    )
    assert trace(recipe, tmp_path, log)["warnings"] == 1
    assert json.loads((tmp_path / "warnings.json").read_text()) == {"black.png": NOTHING}
    assert any(f"first black.png: {NOTHING}" in line for line in log.lines)
    (tmp_path / "good").mkdir()
    assert "warnings" not in trace(recipe.model_copy(update={"images": None}), tmp_path / "good", Silent())


def test_alignment_lists_it(images, folders, tmp_path):
    claims = tmp_path / "claims.jsonl"
    write_claims(build_examples(phantom_studies(30, split="test", seed=1), seed=1).examples, claims)
    first = next(example.image for example in read_claims(claims))
    claims.write_text(claims.read_text().replace(json.dumps(first), '"black.png"'))
    recipe = AlignmentRecipe(model=str(folders["open_clip"]), device="cpu", claims=claims, images=images)
    alignment(recipe, tmp_path, Silent())
    assert json.loads((tmp_path / "summary.json").read_text())["doubtful"] == {"black.png": NOTHING}
