"""Files are written whole or not at all, whoever else writes and whatever kills the writer."""

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import read_results, run_benchmark, write_results
from nast_core.errors import DataError
from nast_core.files import leftovers, writing
from nast_core.files.arrays import read_arrays, save_arrays, save_tensors
from nast_core.files.netcdf import read_dataset, save_dataset
from nast_core.files.writing import need_writable, user_cache, whole, whole_folder, write_json, write_text

pytestmark = pytest.mark.slow  # writers at once

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


def _fail(path: Path) -> None:
    path.write_text("half")
    raise KeyError


# one file


def test_a_block_that_fails_leaves_the_file_as_it_was_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    for path in (tmp_path / "a", tmp_path / "deep" / "er" / "b"):
        with pytest.raises(KeyError):
            _stream(path, _fail)
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_new_file_has_the_permissions_that_the_umask_gives_whatever_library_writes_it(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_text(tmp_path / "text", "a")
        save_tensors(tmp_path / "tensors", TENSORS)
        with whole(tmp_path / "secret") as temporary:
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))  # as libraries' own temporary files
        with whole_folder(tmp_path / "folder") as ready:
            (ready / "a").write_text("a")
    finally:
        os.umask(before)
    for name in ("text", "tensors", "secret", "folder/a"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode, name


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    write_text(tmp_path / "a", "old")
    (tmp_path / "a").chmod(0o640)
    write_text(tmp_path / "a", "new")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("old")
    (tmp_path / "link").symlink_to("real/a")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "new"
    assert names(tmp_path / "real") == ["a"]


def test_what_a_file_cannot_take_the_place_of_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "a pipe"),
        (Path("/dev/null"), "a device"),
        (Path("/"), "a folder"),
        (Path(), "a folder"),
        (tmp_path / "a\0b", "cannot be the path of a file"),
        (tmp_path / "\ud800", "cannot be the path of a file"),
        (tmp_path / ("n" * 300), "File name too long"),
        (tmp_path / "pipe" / "a", "cannot be written"),
    ):
        for write in (lambda at: write_text(at, "a"), need_writable):
            with pytest.raises(DataError) as refused:
                write(path)
            assert said in str(refused.value) or "nothing can be written" in str(refused.value), path
            assert len(str(refused.value)) < 500
    assert names(tmp_path) == ["pipe"]
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_half_a_character_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(DataError, match="half a character"):
        write_text(tmp_path / "a", "\ud800")
    assert names(tmp_path) == []


def test_need_writable_leaves_nothing_behind(tmp_path):
    need_writable(tmp_path / "deep" / "er" / "a")
    assert names(tmp_path) == []


# leftovers of killed writers


def test_what_a_killed_writer_left_goes_when_the_folder_is_next_written_to(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from nast_core.files.writing import whole\n"
        "with whole(Path(sys.argv[1])) as t:\n    t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "a"]).returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".a.")
    assert left.endswith(".part")
    write_text(tmp_path / "a", "new")
    assert names(tmp_path) == ["a"]


def test_only_what_a_writer_that_is_gone_has_left_is_swept(tmp_path):
    here, dead, mine = leftovers._here(), subprocess.Popen(["true"]), os.getpid()
    dead.wait()
    old = time.time() - 30 * 3600
    foreign = f"{int(here, 16) ^ 1:08x}"
    wanted = {
        f".a.{here}-{dead.pid}-00000000.part": False,
        f".a.{here}-{mine}-00000000.part": True,  # of this process
        f".a.{here}-1-00000000.part": True,  # of a process that lives
        f".a.{foreign}-{dead.pid}-00000000.part": True,  # of another machine, just now
        f".b.{foreign}-{dead.pid}-11111111.part": False,  # long ago
        ".a.part": True,  # of another program
    }
    for name in wanted:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    os.utime(tmp_path / f".b.{foreign}-{dead.pid}-11111111.part", (old, old))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (tmp_path / f".l.{here}-{dead.pid}-00000000.part").symlink_to(tmp_path / "elsewhere")
    leftovers.sweep(tmp_path)
    assert {name for name in wanted if (tmp_path / name).exists()} == {name for name, stays in wanted.items() if stays}
    assert names(tmp_path / "elsewhere") == ["kept"]


# several writers at a time


def _write_often(path: Path, letter: str, until: float) -> None:
    while time.time() < until:
        write_text(path, letter * SIZE)


def _write_folders_often(folder: Path, letter: str, until: float) -> None:
    while time.time() < until:
        with whole_folder(folder, ["table", "summary"]) as ready:
            for name in ("table", "summary"):
                (ready / name).write_text(letter)


def _while_two_write(work, path: Path, seconds: float = 1.5):
    """Yields again and again while two processes write, and a few times after."""
    until = time.time() + seconds
    spawn = multiprocessing.get_context("fork")
    writers = [spawn.Process(target=work, args=(path, letter, until)) for letter in "ab"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        yield
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0


def test_a_reader_never_sees_a_mixture_of_two_writers(tmp_path):
    reads = 0
    for _ in _while_two_write(_write_often, tmp_path / "a"):
        if (tmp_path / "a").exists():
            text = (tmp_path / "a").read_text()
            assert text in ("a" * SIZE, "b" * SIZE)
            reads += 1
    assert reads > 20
    assert names(tmp_path) == ["a"]


def test_files_of_one_result_stay_together_when_two_write_them(tmp_path):
    for _ in _while_two_write(_write_folders_often, tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "table").read_text() == (tmp_path / "out" / "summary").read_text()
    assert names(tmp_path / "out") == ["summary", "table"]


def test_the_fine_tune_pages_files_can_be_made_by_two_servers_at_once(tmp_path):
    from dashboard.finetune.prepare import drawn_files

    fork = multiprocessing.get_context("fork")
    servers = [fork.Process(target=drawn_files, args=(str(tmp_path / "data"), 12, 0)) for _ in range(2)]
    for server in servers:
        server.start()
    for server in servers:
        server.join(timeout=120)
        assert server.exitcode == 0
    assert [name for name in names(tmp_path / "data") if name.startswith(".")] == []
    assert len(names(tmp_path / "data")) == 2


# several files of one result


def test_a_new_folder_appears_with_all_its_files_and_not_without(tmp_path):
    with pytest.raises(KeyError):
        _results(tmp_path / "out", lambda ready: _fail(ready / "a"))
    assert names(tmp_path) == []
    with whole_folder(tmp_path / "out") as ready:
        (ready / "deep").mkdir()
        (ready / "deep" / "a").write_text("a")
        assert names(tmp_path)[0].endswith(".part")
    assert (tmp_path / "out" / "deep" / "a").read_text() == "a"
    with pytest.raises(DataError, match="exists already"):
        _results(tmp_path / "out", list)


def test_in_a_folder_that_is_there_the_results_files_are_replaced_as_one_and_others_stay(tmp_path):
    parts = ["unreadable", "table", "summary"]
    for name in (*parts, "notes"):
        (tmp_path / name).write_text("old")
    with whole_folder(tmp_path, parts) as ready:
        (ready / "table").write_text("new")
        (ready / "summary").write_text("new")
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == {
        "notes": "old", "table": "new", "summary": "new",
    }  # fmt: skip


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_killed_between_the_files_no_summary_speaks_for_a_table_that_is_not_its_own(tmp_path, kept):
    """``kept``: renames that are done when the process is killed."""
    for name in ("table", "other", "summary"):
        (tmp_path / name).write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from nast_core.files.writing import whole_folder\n"
        "left = int(sys.argv[2]); rename = Path.replace\n"
        "def replace(self, target):\n"
        "    global left\n"
        "    left -= 1\n"
        "    return rename(self, target) if left >= 0 else os.kill(os.getpid(), signal.SIGKILL)\n"
        "Path.replace = replace\n"
        "with whole_folder(Path(sys.argv[1]), ['table', 'other', 'summary']) as ready:\n"
        "    for name in ('table', 'other', 'summary'):\n        (ready / name).write_text('new')"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path, str(kept)], check=kept == 3)
    found = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert ("summary" in found) == (kept == 3)
    assert "summary" not in found or set(found.values()) == {"new"}


# what a writer may rely on


def test_datasets_and_arrays_come_back_as_they_were(tmp_path):
    dataset = xr.Dataset(
        {"cte": (("pair", "layer"), np.array([[1.0, np.nan]]))},
        coords={"negated": ("pair", np.array(["no edema"], object)), "layer": [0, 1]},
        attrs={"model": "demo"},
    )
    save_dataset(tmp_path / "a.nc", dataset)
    assert read_dataset(tmp_path / "a.nc").identical(dataset)
    save_arrays(tmp_path / "a.npz", {"pixels": np.arange(3)})
    assert read_arrays(tmp_path / "a.npz", ["pixels"])["pixels"].tolist() == [0, 1, 2]
    assert names(tmp_path) == ["a.nc", "a.npz"]


def test_nan_is_null_in_json(tmp_path):
    write_json(tmp_path / "a", {"rate": float("nan"), "n": np.int64(3)})
    assert json.loads((tmp_path / "a").read_text()) == {"rate": None, "n": 3}


def test_a_user_without_a_home_folder_has_a_cache_of_their_own(monkeypatch):
    import pwd

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: (_ for _ in ()).throw(KeyError()))
    assert user_cache().name == f"nast-{os.getuid()}"
    assert writing.user_cache().is_absolute()


def test_a_benchmark_without_its_summary_is_no_result(tiny, tmp_path):
    write_results(run_benchmark(tiny, phantom_items(4)), tmp_path)
    assert len(read_results(tmp_path)[0]) == 8
    (tmp_path / "summary.json").unlink()
    with pytest.raises(DataError, match="not whole; run the benchmark again"):
        read_results(tmp_path)
