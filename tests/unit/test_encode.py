"""'nast encode': vectors of texts and images as a file that any script reads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.cli import app
from nast_core.encoding import images as sources
from nast_core.encoding.images import encode_named
from nast_core.models.encoder import DualEncoder
from nast_core.recipe import RunError
from nast_core.runs.reporter import Silent
from nast_core.runs.store import RunStore
from nast_core.work.encode import FILE, EncodeRecipe, encode, share
from nast_core.work.in_process import run_in_process
from tests.unit.test_dataset import made

pytestmark = pytest.mark.slow


@pytest.fixture
def model(folders, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    return folders["Hugging Face CLIP"]


@pytest.fixture
def images(tmp_path) -> Path:
    """A folder of images in folders, and of what else datasets hold."""
    rng = np.random.default_rng(0)
    for name in ("p1/s1/a.png", "p1/s2/b c.png", "p2/é.png", "1.2.840.113619"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 30), np.uint8)).save(path, "png")
    (tmp_path / "images" / "labels.csv").write_text("no image")
    (tmp_path / "images" / "broken.png").write_text("no image")
    return tmp_path / "images"


READ = ["1.2.840.113619", "p1/s1/a.png", "p1/s2/b c.png", "p2/é.png"]


def nast(*words: object, code: int = 0):
    done = CliRunner().invoke(app, ["encode", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def arrays(path: Path) -> tuple[list[str], np.ndarray]:
    with np.load(path) as file:  # as anybody would
        assert set(file) == {"names", "vectors"}
        return file["names"].tolist(), file["vectors"]


def test_texts_have_a_row_a_line_in_their_order(model, tmp_path):
    (tmp_path / "texts.txt").write_text("no edema\n\n  there is edema  \r\nno edema\n", "utf-8-sig")
    nast("--model", model, "--texts", tmp_path / "texts.txt", "--out", tmp_path / "t.npz")
    names, vectors = arrays(tmp_path / "t.npz")
    assert names == ["no edema", "there is edema", "no edema"]
    assert vectors.dtype == np.float32
    expected = load_model(model, device="cpu").encode_texts(names).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors[0] == vectors[2]).all()


def test_a_folder_gives_every_image_in_it_and_says_which_it_could_not_read(model, images, tmp_path):
    done = nast("--model", model, "--images", images, "--out", tmp_path / "i.npz")
    names, vectors = arrays(tmp_path / "i.npz")
    assert names == READ
    expected, _ = encode_named(load_model(model, device="cpu"), READ, images, workers=0)
    assert np.array_equal(vectors, torch.stack(list(expected.values())).numpy())
    assert "1 images cannot be read and are left out; first 'broken.png': broken.png is not an image" in done.stderr
    assert "4 vectors of 16 numbers" in done.stdout


def test_a_list_names_images_in_its_own_folder_and_phantoms(model, images, tmp_path):
    (images / "list.txt").write_text("p2/é.png\nphantom:7\np1/s1/a.png\np2/é.png\n", "utf-8")
    nast("--model", model, "--images", images / "list.txt", "--out", tmp_path / "i.npz", "--workers", 0)
    names, vectors = arrays(tmp_path / "i.npz")
    assert names == ["p2/é.png", "phantom:7", "p1/s1/a.png", "p2/é.png"]
    assert (vectors[0] == vectors[3]).all()
    assert abs(vectors[0] - vectors[1]).max() > 1e-3


def test_the_same_is_found_again_until_an_image_changes(model, images, tmp_path):
    words = ["--model", model, "--images", images, "--out", tmp_path / "i.npz"]
    assert "found:" not in nast(*words).stderr
    before = arrays(tmp_path / "i.npz")[1]
    assert "found:" in nast(*words, "--workers", 2).stderr
    Image.new("L", (40, 30), 90).save(images / "p1/s1/a.png")
    assert "found:" not in nast(*words).stderr
    changed = (arrays(tmp_path / "i.npz")[1] != before).any(1)
    assert changed.tolist() == [False, True, False, False]
    run = RunStore().runs()[0]
    assert list(run.result["names"]) == READ


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            [],
            "give what is to be encoded: --texts FILE; or images, with --images FILE or FOLDER, or --dataset; and "
            "not both",
        ),
        (["--texts", "{0}/blank.txt"], "blank.txt has no line; give a text, or an image's name, a line"),
        (["--texts", "{0}/none.txt"], "there is no file"),
        (["--texts", "{0}/blank.txt", "--images", "{0}"], "and not both"),
        (["--images", "{0}/empty"], "there is no image in"),
        (["--images", "{0}/lost.txt"], "no image could be encoded: 2 images cannot be read; first 'a.png'"),
        (["--images", "/"], "is the whole machine"),
    ],
)
def test_what_cannot_be_encoded_is_one_sentence(model, tmp_path, words, said):
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "lost.txt").write_text("a.png\nb.png\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "labels.csv").write_text("no image")
    words = [word.format(tmp_path) for word in words]
    done = nast("--model", model, *words, "--out", tmp_path / "o.npz", code=2)
    sentences = [line for line in done.stderr.splitlines() if line.startswith("nast: ")]
    assert len(sentences) == 1
    assert said in sentences[0]
    assert not (tmp_path / "o.npz").exists()
    assert RunStore().runs() == []


def test_jobs_that_share_the_images_leave_nothing_to_encode_and_the_vectors_of_one_process(
    model, tmp_path, monkeypatch
):
    monkeypatch.setenv("NAST_CACHE", "off")
    monkeypatch.setattr(sources, "CHUNK", 4)
    (tmp_path / "list.txt").write_text("".join(f"phantom:{seed}\n" for seed in range(18)))
    recipe = EncodeRecipe(model=str(model), device="cpu", names=tmp_path / "list.txt")
    (tmp_path / "alone").mkdir()
    encode(recipe, tmp_path / "alone", Silent())
    with pytest.raises(RunError, match="NAST_CACHE is off"):
        share(recipe, 0, 3, Silent())
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "cache"))
    for number in range(3):  # 4, 8 and 6 images
        share(recipe, number, 3, Silent())

    def none(self, pixels):
        raise AssertionError("an image was encoded again")

    tower = DualEncoder.encode_images
    monkeypatch.setattr(
        DualEncoder, "encode_images", lambda self, images, **_: tower(self, [none(self, one) for one in images])
    )
    run = run_in_process(recipe, Silent())
    names, vectors = arrays(tmp_path / "alone" / FILE)
    assert run.result["names"].tolist() == names
    assert np.array_equal(run.result["vectors"], vectors)


def test_a_dataset_gives_the_images_of_its_studies_and_changes_what_is_found(model, tmp_path):
    dataset = made(tmp_path)
    words = ["--model", model, "--dataset", dataset, "--out", tmp_path / "d.npz"]
    nast(*words)
    names, vectors = arrays(tmp_path / "d.npz")
    assert names == ["a b/é.png", "s2.png", "s3.png", "s4.png"]
    expected, _ = encode_named(load_model(model, device="cpu"), names, tmp_path / "images")
    assert np.array_equal(vectors, torch.stack(list(expected.values())).numpy())
    assert "found:" in nast(*words).stderr
    (tmp_path / "list.txt").write_text("s3.png\n")
    nast(*words, "--images", tmp_path / "list.txt")  # in the dataset's folder
    assert arrays(tmp_path / "d.npz")[0] == ["s3.png"]
