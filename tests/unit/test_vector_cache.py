"""Vectors kept on disk: nothing is encoded twice, nothing is taken for something else, and nothing is lost but a
chunk."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from PIL import Image

from nast_core import load_model
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.encoding import cache as vectors
from nast_core.encoding import images as sources
from nast_core.encoding.cache import VectorCache, default_cache, encode_distinct
from nast_core.encoding.images import encode_named
from nast_core.files import leftovers

PHANTOMS = [f"phantom:{seed}" for seed in range(10)]


@dataclass
class Counted:
    """A model, and how many images and texts it was given to encode."""

    model: object
    images: int = 0
    texts: list[str] = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.model, name)

    def encode_images(self, images, *, progress=None):
        def counted():
            for image in images:
                self.images += 1
                yield image

        return self.model.encode_images(counted(), batch_size=2, progress=progress)

    def encode_texts(self, texts, *, progress=None):
        self.texts += texts
        return self.model.encode_texts(texts, progress=progress)


@pytest.fixture
def cache(tmp_path) -> VectorCache:
    return VectorCache(tmp_path / "cache")


@pytest.fixture
def counted(tiny) -> Counted:
    return Counted(tiny)


def same(first: dict, second: dict) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_the_second_run_encodes_nothing_and_finds_the_same_vectors(counted, cache):
    first, _ = encode_named(counted, PHANTOMS, cache=cache)
    texts = encode_distinct(counted, ["no edema", "edema", "no edema"], cache=cache)
    again, _ = encode_named(counted, PHANTOMS, cache=cache)
    assert same(first, again)
    assert same(texts, encode_distinct(counted, ["no edema", "edema"], cache=cache))
    assert counted.images == 10
    assert sorted(counted.texts) == ["edema", "no edema"]
    without = encode_named(counted.model, PHANTOMS)[0]  # in batches of another size
    assert all(torch.allclose(first[name], without[name], atol=1e-5) for name in PHANTOMS)


def test_an_interrupted_run_goes_on_at_its_last_chunk(counted, cache, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 4)

    def stop_in_the_second_chunk(_: int) -> None:
        if counted.images == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_named(counted, PHANTOMS, cache=cache, progress=stop_in_the_second_chunk)
    counted.images = 0
    told = []
    found, _ = encode_named(counted, PHANTOMS, cache=cache, progress=told.append)
    assert counted.images == 6  # of ten, the first four were kept
    assert list(found) == PHANTOMS
    assert sum(told) == 10


def test_texts_are_kept_in_chunks_too(counted, cache, monkeypatch):
    monkeypatch.setattr(vectors, "TEXTS_A_CHUNK", 2)
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    encode_distinct(counted, texts[:3], cache=cache)
    counted.texts.clear()
    assert set(encode_distinct(counted, texts, cache=cache)) == set(texts)
    assert counted.texts == ["dddd", "eeeee"]


def test_another_models_vector_is_never_used(folders, tiny, cache):
    other = load_model(folders["open_clip"], device="cpu")
    narrow = load_model(folders["Hugging Face CLIP"], device="cpu", dtype="float64")
    for model in (tiny, other, narrow):
        images, _ = encode_named(model, PHANTOMS[:2], cache=cache)
        assert same(images, encode_named(model, PHANTOMS[:2])[0])
        texts = encode_distinct(model, ["no edema"], cache=cache)
        assert torch.equal(texts["no edema"], model.encode_texts(["no edema"])[0])


def test_another_preprocessing_of_the_same_weights_has_its_own_vectors(tiny, cache):
    class Darker(Counted):
        def preprocess(self, image):
            return self.model.preprocess(image.point(lambda value: value // 2))

    assert cache.images(tiny).folder == cache.images(Counted(tiny)).folder
    assert cache.images(tiny).folder != cache.images(Darker(tiny)).folder


def test_a_file_that_changed_under_its_name_is_encoded_anew_and_a_renamed_one_is_found(counted, cache, tmp_path):
    def vector(name: str) -> torch.Tensor:
        return encode_named(counted, [name], tmp_path, cache=cache)[0][name]

    Image.new("L", (40, 40), 90).save(tmp_path / "one.png")
    before = vector("one.png")
    (tmp_path / "one.png").rename(tmp_path / "two.png")
    assert torch.equal(vector("two.png"), before)
    assert counted.images == 1
    about = (tmp_path / "two.png").stat()
    Image.linear_gradient("L").save(tmp_path / "two.png")
    os.utime(tmp_path / "two.png", ns=(about.st_atime_ns, about.st_mtime_ns))
    assert not torch.allclose(vector("two.png"), before, atol=1e-3)
    assert counted.images == 2


def test_an_image_that_cannot_be_read_is_listed_and_not_kept(counted, cache, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    for _ in range(2):
        found, failed = encode_named(counted, ["bad.png", "phantom:1", "lost.png"], tmp_path, cache=cache)
        assert list(found) == ["phantom:1"]
        assert list(failed) == ["bad.png", "lost.png"]
        assert "no file lost.png" in failed["lost.png"]
    assert counted.images == 1


def test_a_damaged_chunk_is_passed_over(counted, cache):
    encode_named(counted, PHANTOMS[:3], cache=cache)
    (chunk,) = cache.folder.rglob("*.safetensors")
    chunk.write_bytes(chunk.read_bytes()[:100])
    assert list(encode_named(counted, PHANTOMS[:3], cache=cache)[0]) == PHANTOMS[:3]
    assert counted.images == 6


def test_a_chunk_that_another_process_removed_meanwhile_is_encoded_anew(counted, cache):
    encode_named(counted, PHANTOMS[:3], cache=cache)
    shelf = cache.images(counted)
    for chunk in cache.folder.rglob("*.safetensors"):
        chunk.unlink()
    assert [shelf.get(name) for name in PHANTOMS[:3]] == [None] * 3


def test_a_full_cache_drops_what_was_not_used_for_longest(tiny, tmp_path):
    cache = VectorCache(tmp_path)
    for age, text in enumerate(["used", "old", "new"]):
        encode_distinct(tiny, [text], cache=cache)
        (chunk,) = (path for path in tmp_path.rglob("*.safetensors") if path.stat().st_mtime > 1e6)
        os.utime(chunk, (age + 1, age + 1))
    encode_distinct(tiny, ["used"], cache=cache)
    one = chunk.stat().st_size
    shelf = VectorCache(tmp_path, most=2 * one).texts(tiny)
    assert [shelf.get(text) is not None for text in ("used", "old", "new")] == [True, False, True]


def test_a_cache_that_cannot_be_written_is_said_once_and_done_without(counted, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(sources, "CHUNK", 2)
    (tmp_path / "taken").write_text("a file where the cache should be")
    found, _ = encode_named(counted, PHANTOMS[:6], cache=VectorCache(tmp_path / "taken"))
    assert list(found) == PHANTOMS[:6]
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


def test_trimming_takes_what_caches_put_there_and_nothing_else_and_follows_no_link(tiny, tmp_path):
    cache, elsewhere = VectorCache(tmp_path / "cache", most=0), tmp_path / "elsewhere"
    encode_distinct(tiny, ["no edema"], cache=cache)
    (chunk,) = cache.folder.rglob("*.safetensors")
    foreign = [
        cache.folder / "mine" / chunk.name,  # no shelf's name
        chunk.with_name("weights.safetensors"),  # no chunk's
        elsewhere / f"texts-{'0' * 32}" / chunk.name,
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"kept")
    (cache.folder / f"texts-{'1' * 32}").symlink_to(elsewhere / f"texts-{'0' * 32}")
    chunk.with_name(f"{'2' * 32}.safetensors").symlink_to(foreign[2])
    cache.texts(tiny)
    assert not chunk.exists()
    assert all(path.read_bytes() == b"kept" for path in foreign)


def test_what_a_killed_writer_left_on_a_shelf_goes_when_the_cache_is_next_opened(tiny, cache):
    gone = subprocess.Popen(["true"])
    gone.wait()
    encode_distinct(tiny, ["no edema"], cache=cache)
    left = cache.texts(tiny).folder / f".a.{leftovers._here()}-{gone.pid}-00000000.part"
    left.mkdir()
    cache.images(tiny)
    assert not left.exists()


def test_a_cache_is_its_users_own_unless_it_was_made_for_others_too(tiny, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o775)
    for folder, mode in ((tmp_path / "new" / "vectors", 0o700), (shared, 0o775)):
        encode_distinct(tiny, ["no edema"], cache=VectorCache(folder))
        (shelf,) = folder.iterdir()
        assert [oct(path.stat().st_mode & 0o777) for path in (folder, shelf)] == [oct(mode)] * 2
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == oct(0o700)


def test_a_pipe_among_the_chunks_is_not_waited_for(tiny, cache):
    encode_distinct(tiny, ["no edema"], cache=cache)
    os.mkfifo(cache.texts(tiny).folder / f"{'0' * 32}.safetensors")
    assert cache.texts(tiny).get("no edema") is not None


def test_the_environment_says_where_the_cache_lies_or_that_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "here"))
    assert default_cache() == VectorCache(tmp_path / "here")
    monkeypatch.setenv("NAST_CACHE", "off")
    assert default_cache() is None
    monkeypatch.delenv("NAST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == VectorCache(Path(tmp_path / "nast" / "vectors"))


@pytest.mark.slow
def test_a_benchmark_from_the_cache_has_the_same_figures(counted, cache):
    items = phantom_items(12, seed=2)
    first = run_benchmark(counted, items, cache=cache)
    encoded = counted.images, len(counted.texts)
    again = run_benchmark(counted, items, cache=cache)
    assert (counted.images, len(counted.texts)) == encoded
    assert again.scored.equals(first.scored)
    for summary in (first.summary, again.summary):
        del summary["provenance"]  # the time
    assert again.summary == first.summary
