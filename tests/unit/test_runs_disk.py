"""Runs on disks that are full or may not be written: one sentence, and nothing half-made stays."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from nast_core.recipe import RunError
from nast_core.runs import store
from nast_core.runs.status import Process, Status
from nast_core.runs.store import Run, RunStore
from nast_core.work import executors, turns
from nast_core.work.execute import carry_out
from nast_core.work.identity import identity
from nast_core.work.kinds import TraceRecipe, make_recipe
from tests.small_disk import fill, small_disk

pytestmark = pytest.mark.slow  # runs that end by themselves

WEIGHTS = "f" * 64


@pytest.fixture
def disk(tmp_path):
    try:
        with small_disk(tmp_path / "disk", 256) as place:
            yield place
    except PermissionError as error:
        pytest.skip(str(error))


def made(root: Path, **status) -> Run:
    run = RunStore(root).create(TraceRecipe(), identity(TraceRecipe(), root, WEIGHTS))
    run.set_status(Status(**status))
    return run


@pytest.mark.parametrize("leave", [0, 4096, 8192, 12288])
def test_on_a_full_disk_no_run_is_made_nothing_of_it_stays_and_the_others_are_untouched(disk, leave):
    sound = made(disk / "runs", state="finished")
    (disk / "runs" / ".submit.lock").touch()
    before = {path: path.read_bytes() for path in sound.folder.iterdir()}
    fill(disk, leave)
    with pytest.raises(RunError) as caught:
        executors.submit(TraceRecipe(seed=1), RunStore(disk / "runs"), model_fingerprint=WEIGHTS)
    said = str(caught.value)
    assert said.startswith(f"runs cannot be kept in {disk}/runs (No space left on device")
    assert said.endswith("make room on its disk, or set NAST_RUNS to a folder on another")
    assert "\n" not in said
    assert {path: path.read_bytes() for path in sound.folder.iterdir()} == before
    left = {path.name for path in (disk / "runs").iterdir()}
    assert left <= {sound.id, ".submit.lock", ".fingerprints.json", ".clock"}


def test_a_run_whose_end_cannot_be_written_is_lost_and_says_the_disk_and_how_to_go_on(disk):
    run = made(disk / "runs")
    worker = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    run.set_status(Status(state="running", process=Process.of(worker.pid)))
    fill(disk)
    with pytest.raises(Exception, match=r"the disk at .* is full"):
        run.set_status(Status(state="finished"))
    worker.communicate()
    status = run.status
    assert status.state == "lost"
    assert f"the disk of {run.folder} is full: make room there" in status.message
    assert status.message.endswith(f"nast runs resume {run.id}")
    (disk / "other-data").unlink()
    assert "disk" not in run.status.message


def test_a_worker_that_cannot_write_how_it_ended_ends_quietly_and_leaves_what_was_there(disk, capfd):
    run = made(disk / "runs")
    (run.folder / ".lock").touch()
    before = (run.folder / "status.json").read_bytes()
    fill(disk)
    carry_out(run.folder)
    assert (run.folder / "status.json").read_bytes() == before
    said = capfd.readouterr().err
    assert f"how run {run.id} ended cannot be written: " in said
    assert "Traceback" not in said


@contextmanager
def nobody():
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to be another user")
def test_where_a_folder_may_not_be_written_runs_are_refused_in_one_sentence(tmp_path_factory):
    import tempfile

    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users from above
        root = Path(place)
        root.chmod(0o755)
        runs = RunStore(root / "runs")
        run = made(runs.root, state="cancelled")
        with nobody():
            for act in (
                lambda: executors.submit(TraceRecipe(seed=1), runs, model_fingerprint=WEIGHTS),
                lambda: executors.submit(TraceRecipe(seed=1), RunStore(root / "new"), model_fingerprint=WEIGHTS),
                lambda: executors.resume(run),
                lambda: executors.cancel(run),
            ):
                with pytest.raises(RunError, match=r"runs cannot be kept in .* \(Permission denied\); set NAST_RUNS"):
                    act()
        assert [path.name for path in root.iterdir()] == ["runs"]
        assert run.status.state == "cancelled"


def test_what_killed_processes_left_is_swept_away_after_an_hour_and_not_before(tmp_path, monkeypatch):
    root = tmp_path / "runs"
    for name in (".new-1", ".deleted-1", ".data"):
        (root / name / "checkpoint").mkdir(parents=True)
    made(root)
    assert {".new-1", ".deleted-1"} <= set(os.listdir(root))
    monkeypatch.setattr(store, "time", type("Later", (), {"time": staticmethod(lambda: time.time() + 3700)}))
    made(root)
    assert [name for name in os.listdir(root) if name.startswith((".new", ".deleted"))] == []
    assert (root / ".data" / "checkpoint").is_dir()


def test_a_runs_folder_has_the_mode_that_the_user_gives_to_new_folders(tmp_path):
    before = os.umask(0o002)
    try:
        run = made(tmp_path / "runs")
    finally:
        os.umask(before)
    assert run.folder.stat().st_mode & 0o777 == 0o775


# the turn on a device


def test_a_devices_lock_lies_in_the_users_own_cache_closed_to_others_and_names_the_machine(tmp_path, monkeypatch):
    import socket

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = turns.lock_of("cuda:1")
    assert path.parent == tmp_path / "cache" / "nast" / "locks"
    assert path.name.endswith("-cuda1.lock")
    assert socket.gethostname().split(".")[0] in path.name
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(RunError, match="set XDG_CACHE_HOME to a folder of your own"):
        turns.lock_of("cpu")


# a run that is deleted while it is at work


GHOST = """
import os, sys, time
from pathlib import Path
from nast_core.files.writing import write_json
from nast_core.work import execute
from nast_core.recipe import Cancelled
def work(run, record):
    record.change(state="running")
    from nast_core.runs.reporter import FolderReporter
    report = FolderReporter(run.folder, record.note)
    write_json(run.folder / "checkpoint" / "first.json", {})
    while run.folder.exists():
        time.sleep(0.01)
    write_json(run.folder / "checkpoint" / "last.json", {})  # as work does that saves before it looks up
    assert run.folder.exists()
    if sys.argv[2] == "stubborn":
        time.sleep(600)
    while True:
        report.progress(1, 2)
        report.metrics(1, loss=0.5)
        time.sleep(0.01)
execute._work = work
execute.carry_out(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("kind", ["stubborn", "watchful"])
def test_a_run_deleted_at_work_ends_by_itself_and_does_not_come_back(tmp_path, kind):
    root = tmp_path / "runs"
    run = made(root)
    with subprocess.Popen(
        [sys.executable, "-c", GHOST, str(run.folder), kind], stderr=subprocess.PIPE, text=True
    ) as worker:
        until = time.monotonic() + 60
        while not (run.folder / "checkpoint" / "first.json").exists() and time.monotonic() < until:
            time.sleep(0.05)
        RunStore(root).discard(run)
        began = time.monotonic()
        said = worker.communicate(timeout=60)[1]
        took = time.monotonic() - began
    assert took < 12  # a beat, and the seconds that a cancelled run has
    assert "Traceback" not in said
    assert not run.folder.exists()


def test_a_run_deleted_before_its_process_began_is_not_made_again(tmp_path, capfd):
    run = made(tmp_path / "runs")
    RunStore(tmp_path / "runs").discard(run)
    carry_out(run.folder)
    assert "was deleted" in capfd.readouterr().err
    assert not run.folder.exists()


def test_a_run_that_cannot_be_started_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(RunError, match=r"no process can be started for the run \(No such file or directory\)"):
        executors.submit(make_recipe({"kind": "attention"}), RunStore(tmp_path / "runs"), model_fingerprint=WEIGHTS)
    assert RunStore(tmp_path / "runs").runs() == []
