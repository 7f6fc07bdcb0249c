"""Whether files have changed: told without reading them, for files and folders, and for whatever a model's spec stands
for."""

import os
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from nast_core.files.stamps import stamp
from nast_core.finetune.adapter import ADAPTER, RECORD, Record
from nast_core.opening import stamp_of
from tests.finetuning import recipe


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "inner" / "weights.bin").write_bytes(b"one")
    return tmp_path / "model"


def rewrite_unseen(file: Path) -> None:
    """Other bytes, as many, and the time of before."""
    about, content = file.stat(), file.read_bytes()
    file.write_bytes(bytes(reversed(content)))
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


def put_in_its_place(file: Path) -> None:
    """Another file of the same size and time takes the name."""
    other = file.with_name("other")
    other.write_bytes(bytes(reversed(file.read_bytes())))
    shutil.copystat(file, other)
    other.replace(file)


CHANGES = {
    "written over": lambda folder: (folder / "config.json").write_text("{ }"),
    "in a folder below": lambda folder: (folder / "inner" / "weights.bin").write_bytes(b"longer"),
    "with its time set back": lambda folder: rewrite_unseen(folder / "inner" / "weights.bin"),
    "replaced": lambda folder: put_in_its_place(folder / "inner" / "weights.bin"),
    "new": lambda folder: (folder / "inner" / "more.bin").touch(),
    "gone": lambda folder: (folder / "config.json").unlink(),
    "renamed": lambda folder: (folder / "config.json").rename(folder / "other.json"),
    "all gone": shutil.rmtree,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_of_a_folder_is_told_and_nothing_else(folder, change):
    before = stamp(folder)
    (folder / "inner" / "weights.bin").read_bytes()
    assert stamp(folder) == before
    change(folder)
    assert stamp(folder) != before


def test_a_link_is_told_by_what_it_leads_to(folder, tmp_path):
    one, other, link = tmp_path / "one", tmp_path / "two", tmp_path / "link"
    one.write_text("a")
    other.write_text("b")
    link.symlink_to(one)
    before = stamp(link)
    one.write_text("longer")
    assert (changed := stamp(link)) != before
    link.unlink()
    link.symlink_to(other)
    assert stamp(link) not in (before, changed)


@pytest.mark.parametrize("path", ["nowhere", "\0", "x" * 5000])
def test_what_is_not_there_has_a_stamp_too(path):
    assert stamp(Path(path)) == stamp(Path(path))


def test_a_home_folder_typed_for_a_model_is_not_looked_through_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr("nast_core.files.stamps._MOST", 3)
    for number in range(9):
        (tmp_path / str(number)).touch()
    before = stamp(tmp_path)
    (tmp_path / "8").write_text("beyond the third")
    assert stamp(tmp_path) == before


def test_the_model_of_a_folder_is_another_once_a_file_below_it_is(folder):
    before = stamp_of(str(folder))
    put_in_its_place(folder / "inner" / "weights.bin")
    assert stamp_of(str(folder)) != before


def test_a_name_of_the_hub_is_another_model_once_its_main_is(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    root = tmp_path / "models--me--tiny"
    (root / "refs").mkdir(parents=True)
    for commit in ("a" * 40, "b" * 40):
        (root / "snapshots" / commit).mkdir(parents=True)
        (root / "snapshots" / commit / "config.json").write_text("{}")
    for spec in ("me/tiny", str(root)):
        (root / "refs" / "main").write_text("a" * 40)
        before = stamp_of(spec)
        assert before == stamp_of(spec)
        (root / "refs" / "main").write_text("b" * 40)
        assert stamp_of(spec) != before


def stand(runs: Path, run: str, base: str) -> None:
    """A fine-tune's adapter, as far as it says what it stands on."""
    held = Record(
        base=base,
        base_name="b",
        base_revision="",
        base_licence="",
        base_fingerprint="f" * 64,
        recipe=recipe(runs / "claims.jsonl", base),
        layer_weights=(1.0,),
    )
    (runs / run / ADAPTER).mkdir(parents=True)
    (runs / run / ADAPTER / RECORD).write_text(held.model_dump_json())


def test_a_fine_tune_is_another_model_once_its_adapter_or_what_it_stands_on_is(folder, tmp_path):
    runs = tmp_path / "runs"
    stand(runs, "first", str(folder))
    stand(runs, "second", "run:first")
    stamps = [stamp_of("run:second", runs)]
    for file in (
        runs / "second" / ADAPTER / "x.bin",
        runs / "first" / ADAPTER / "x.bin",
        folder / "inner" / "weights.bin",
    ):
        file.write_bytes(b"anew")
        stamps.append(stamp_of("run:second", runs))
    assert len(set(stamps)) == 4


def test_a_run_that_is_its_own_base_has_a_stamp(folder, tmp_path):
    stand(tmp_path / "runs", "x", "run:x")
    assert stamp_of("run:x", tmp_path / "runs") == stamp_of("run:x", tmp_path / "runs")
