"""A full disk is one sentence that names it: the good file stays, nothing is left behind, whatever library writes."""

import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.cli import app
from nast_core.demo import build
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.errors import DataError
from nast_core.files.arrays import save_arrays, save_tensors
from nast_core.files.jsonl import append_line
from nast_core.files.netcdf import save_dataset
from nast_core.files.parquet import write_parquet
from nast_core.files.states import save_state
from nast_core.files.writing import whole, whole_folder, write_bytes, write_json, write_text
from nast_core.interpret.effects import PatchedPair
from nast_core.interpret.patched_runs import vector_file
from nast_core.interpret.plan import PatchPlan

pytestmark = pytest.mark.slow  # every command

SIZE = 300_000  # bytes of what is written
TENSORS = {"weight": torch.zeros(SIZE // 4)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _stream(path: Path, write) -> None:
    with whole(path) as temporary:
        write(temporary)


def _results(folder: Path, write, *parts: str) -> None:
    with whole_folder(folder, parts) as ready:
        write(ready)


# a full disk


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 200 kB; a limit on the size of files is no substitute: it fails in other places."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a disk to fill")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def _frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).random((SIZE // 80, 10)), columns=list("abcdefghij"))


def _vectors(path: Path) -> None:
    with vector_file(path, 5) as keep:
        for pair in range(30):
            vectors, end = torch.zeros(4, 4, 5, 64), torch.zeros(64)
            keep(pair, PatchedPair(None, PatchPlan(), vectors, end, end))  # type: ignore[arg-type]


WRITERS = {
    "text": lambda path: write_text(path, "a" * SIZE),
    "JSON": lambda path: write_json(path, ["a" * SIZE]),
    "netCDF": lambda path: save_dataset(path, xr.Dataset({"cte": ("pair",
    np.random.default_rng(0).random(SIZE // 8))})),
    "parquet": lambda path: write_parquet(path, _frame()),
    "CSV": lambda path: _stream(path, lambda temporary: _frame().to_csv(temporary)),
    "safetensors": lambda path: save_tensors(path, TENSORS),
    "safetensors by its own "
        "writer": lambda path: _stream(path, lambda t: __import__("safetensors.torch").torch.save_file(TENSORS, t)),
    "a checkpoint": lambda path: save_state(path, TENSORS),
    "torch's own writer": lambda path: _stream(path, lambda temporary: torch.save(TENSORS, temporary)),
    "npz": lambda path: save_arrays(path, {"pixels": np.random.default_rng(0).random(SIZE // 8)}),
    "patched vectors": _vectors,
}  # fmt: skip


@pytest.mark.parametrize("room", [0, 8_000, 80_000])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_one_sentence_that_names_it_and_the_file_stays_as_it_was(tiny_disk, writer, room):
    path = tiny_disk / "result"
    path.write_text("old")
    free = shutil.disk_usage(tiny_disk).free
    (tiny_disk / "filler").write_bytes(bytes(free - room))
    with pytest.raises(DataError) as full:
        WRITERS[writer](path)
    said = str(full.value)
    assert f"{path} cannot be written (the disk at {tiny_disk} is full: " in said
    assert " bytes left" in said
    assert "\n" not in said
    assert path.read_text() == "old"
    assert names(tiny_disk) == ["filler", "result"]


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_may_not_grow_so_far_is_one_sentence_too(tmp_path, writer):
    path = tmp_path / "result"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    try:
        with pytest.raises(DataError) as refused:
            WRITERS[writer](path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"{path} cannot be written (" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result"]


def test_a_file_that_is_known_to_be_too_large_is_not_begun_and_the_sentence_says_how_much_it_needs(tiny_disk):
    with pytest.raises(DataError, match=r"204,800 bytes left, 300,000 needed"):
        write_bytes(tiny_disk / "a", bytes(SIZE))


def test_a_full_disk_leaves_a_folder_of_results_as_it_was(tiny_disk):
    for folder in (tiny_disk / "new", tiny_disk):
        with pytest.raises(DataError, match="is full"):
            _results(folder, lambda ready: (ready / "table").write_bytes(bytes(SIZE)), "table", "summary")
        assert names(tiny_disk) == []


def test_a_line_that_does_not_fit_is_taken_back(tiny_disk):
    append_line(tiny_disk / "log", "first")
    (tiny_disk / "filler").write_bytes(bytes(shutil.disk_usage(tiny_disk).free))
    with pytest.raises(DataError, match="is full"):
        append_line(tiny_disk / "log", "a" * 10_000)
    assert (tiny_disk / "log").read_text() == "first\n"
    (tiny_disk / "filler").unlink()
    append_line(tiny_disk / "log", "second")
    assert (tiny_disk / "log").read_text() == "first\nsecond\n"


# commands and builds on a full disk


def nast(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    "words",
    [
        ("attention", "--out", "{disk}/result", "--model", "{model}"),
        ("trace", "--out", "{disk}/result", "--model", "{model}", "--pairs", "{folder}/pairs.jsonl"),
        ("trace", "--out", "{folder}/t.nc", "--vectors", "{disk}/result", "--model", "{model}", "--pairs",
        "{folder}/pairs.jsonl"),
        ("benchmark", "build", "--n", "40", "--out", "{disk}/result"),
        ("claims", "build", "--n", "60", "--out", "{disk}/result"),
        ("benchmark", "export", "--items", "{folder}/items.jsonl", "--out", "{disk}/result"),
        ("benchmark", "run", "--items", "{folder}/items.jsonl", "--model", "{model}", "--out", "{disk}/results"),
        ("benchmark", "run", "--items", "{folder}/items.jsonl", "--model", "{model}", "--out", "{disk}"),
    ],
    ids=lambda words: f"{' '.join(words[:2])} {words[-1]}",
)  # fmt: skip
def test_a_command_whose_disk_is_full_ends_with_2_and_one_sentence_and_leaves_what_was_there(
    folders, tiny_disk, tmp_path, words
):
    write_items(phantom_items(12), tmp_path / "items.jsonl")
    (tmp_path / "pairs.jsonl").write_text(
        '{"affirmative": "there is severe edema.", "negated": "there is no edema."}\n'
    )
    for name in ("result", "summary.json", "items.parquet"):
        (tiny_disk / name).write_text("old")
    free = shutil.disk_usage(tiny_disk).free
    (tiny_disk / "filler").write_bytes(bytes(free - 4096))
    before = names(tiny_disk)
    places = {"disk": tiny_disk, "folder": tmp_path, "model": folders["Hugging Face CLIP"]}
    result = nast(*(word.format(**places) for word in words))
    assert result.exit_code == 2, result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("nast: ")]
    assert len(said) == 1
    assert f"the disk at {tiny_disk} is full" in said[0]
    assert names(tiny_disk) == before
    assert {(tiny_disk / name).read_text() for name in ("result", "summary.json", "items.parquet")} == {"old"}


def test_a_full_cache_is_done_without_and_said_once(tiny, tiny_disk, caplog):
    (tiny_disk / "filler").write_bytes(bytes(shutil.disk_usage(tiny_disk).free))
    for _ in range(2):
        found = encode_distinct(tiny, ["no edema", "edema"], cache=VectorCache(tiny_disk / "cache"))
    assert list(found) == ["no edema", "edema"]
    assert len(caplog.records) == 1
    assert f"the disk at {tiny_disk} is full" in caplog.text
    assert [path.name for path in tiny_disk.rglob("*") if path.is_file()] == ["filler"]


def test_a_demo_build_that_does_not_fit_leaves_the_former_one(tiny_disk, tmp_path):
    draft, out = tmp_path / "draft", tiny_disk / "demo-clip"
    draft.mkdir()
    for name, size in (("config.json", 100), ("model.safetensors", 120_000), ("nast.json", 100)):
        (draft / name).write_bytes(b"1" * size)
    build.publish(draft, out)
    assert names(out) == ["config.json", "model.safetensors", "nast.json"]
    (draft / "model.safetensors").write_bytes(b"2" * 120_000)
    with pytest.raises(DataError, match="is full"):
        build.publish(draft, out)
    assert (out / "model.safetensors").read_bytes() == b"1" * 120_000
    assert names(tiny_disk) == ["demo-clip"]
    assert names(out) == ["config.json", "model.safetensors", "nast.json"]
