"""``nast trace`` with components, heads, images, windows and estimates."""

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom

pytestmark = pytest.mark.slow  # the command, once an option

PAIRS = '{"affirmative": "there is some edema .", "negated": "there is no edema .", "finding": "Edema"}\n'


@pytest.fixture
def world(folders, tmp_path):
    (tmp_path / "pairs.jsonl").write_text(PAIRS)
    (tmp_path / "images").mkdir()
    for seed in range(3):
        Image.fromarray(render(sample_phantom(seed), 64)).save(tmp_path / "images" / f"{seed}.png")
    return folders["Hugging Face CLIP"], tmp_path


def trace(world, *options, fails=0):
    model, folder = world
    words = ["trace", "--model", model, "--pairs", folder / "pairs.jsonl", "--out", folder / "out.nc", *options]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == fails, done.output
    return done.output


def result(world):
    with xr.open_dataset(world[1] / "out.nc") as found:
        return found.load()


@pytest.mark.parametrize("component", ["attention", "mlp"])
def test_a_branch_is_traced_from_the_first_block_on(world, component):
    trace(world, "--component", component)
    found = result(world)
    assert found.cte.dims == ("pair", "layer", "position")
    assert found.layer.values.tolist() == [1, 2, 3]
    assert found.attrs["component"] == component


def test_heads_are_traced_at_all_positions_together_by_default(world):
    said = trace(world, "--component", "head")
    assert result(world).cte_head.sizes == {"pair": 1, "layer": 3, "head": 4}
    assert "layer" in said
    assert "CTE" in said


def test_a_folder_of_images_gives_the_ratio_of_means_over_them(world):
    (world[1] / "images" / "notes.txt").write_text("no image")
    said = trace(world, "--images", world[1] / "images")
    assert "not used: notes.txt" in said
    together = result(world)
    assert together.image.values.tolist() == ["0.png", "1.png", "2.png"]
    tops, gaps = [], []
    for seed in range(3):
        trace(world, "--image", world[1] / "images" / f"{seed}.png")
        alone = result(world)
        gaps.append(float(alone.d[0]))
        tops.append(alone.cte[0].values * gaps[-1])
    assert together.d_image.values[0] == pytest.approx(gaps, rel=1e-4)
    assert together.cte[0].values == pytest.approx(sum(tops) / sum(gaps), abs=1e-3)


def test_an_estimate_says_how_close_it_is_to_exact(world):
    said = trace(world, "--method", "attribution", "--component", "mlp")
    assert "an estimate to first order; correlation with exact on 1 pairs: Pearson" in said
    assert -1 <= result(world).attrs["agreement_pearson"] <= 1


def test_vectors_are_kept_when_asked_for(world):
    from nast_core.interpret.patched_runs import read_vectors

    trace(world, "--vectors", world[1] / "kept.h5")
    kept = read_vectors(world[1] / "kept.h5", 0)
    assert kept.vectors.shape[:2] == (4, 1)
    assert np.allclose(kept.vectors.norm(dim=-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--images", "no-such-folder"], "there is no folder no-such-folder"),
        (["--image", "a.png", "--images", "."], "there is no file a.png"),
        (["--method", "attribution", "--window", "2"], "use window 1, or method exact"),
        (["--component", "neuron"], "Invalid value"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_file(world, options, said):
    assert said in trace(world, *options, fails=2)
    assert not (world[1] / "out.nc").exists()


def test_a_folder_without_images_is_refused(world):
    (world[1] / "empty").mkdir()
    assert "has no image that can be read" in trace(world, "--images", world[1] / "empty", fails=2)
