"""Folders that are no sound runs: each is a row that says so, hides no other, holds nobody up, and can be deleted."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from nast_core.commands.runs import app
from nast_core.recipe import RunError
from nast_core.runs.status import Status
from nast_core.runs.store import Run, RunStore
from nast_core.work.identity import find_run, identity
from nast_core.work.kinds import TraceRecipe

pytestmark = pytest.mark.slow  # every file of a run, spoiled

WEIGHTS = "f" * 64
DEEP = "[" * 30_000 + "]" * 30_000


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path / "runs")


def made(store: RunStore) -> Run:
    run = store.create(TraceRecipe(), identity(TraceRecipe(), store.root, WEIGHTS))
    run.set_status(Status(state="finished"))
    return run


def status(**fields: object):
    """Other values in an otherwise sound status.json."""

    def spoil(folder: Path) -> None:
        said = json.loads((folder / "status.json").read_text())
        (folder / "status.json").write_text(json.dumps(said | fields))

    return spoil


def process(**fields: object):
    return status(state="running", process={"pid": 1, "started": 0.0, "host": "here"} | fields)


def holds(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def gone(name: str):
    return lambda folder: (folder / name).unlink()


def replaced(name: str, make):
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return spoil


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**9)


def elsewhere(make):
    """The folder's name, given to something that is no folder."""

    def spoil(folder: Path) -> None:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        make(folder)

    return spoil


BROKEN = {
    "no environment.json": (gone("environment.json"), "environment.json is missing"),
    "an environment that is a list": (holds("environment.json", "[]"), "environment.json is damaged (it has no key)"),
    "a negative process number": (process(pid=-5), "process.pid: Input should be greater than or equal to 1"),
    "a process number of many digits": (process(pid=2**70), "process.pid: Input should be less than"),
    "a process number that is a text": (process(pid="me"), "process.pid: Input should be a valid integer"),
    "a start that is none": (process(started="soon"), "process.started"),
    "a created time that is a number": (status(created=1e18), "created: a time is a text"),
    "a created time of no zone": (status(created="2026-03-10T14:15:00"), "created: Input should have timezone info"),
    "more than nothing done": (status(done=-1), "done: Input should be greater than or equal to 0"),
    "a job that is an option": (status(state="queued", job="--user=root"), "job: String should match"),
    "figures that are texts": (status(figures={"gap": "large"}), "figures.gap"),
    "an endless number": (holds("status.json", '{"done": 1e999}'), "1e999 is not a finite number"),
    "a number of many digits": (holds("status.json", '{"done": ' + "9" * 5000 + "}"), "a number of 5,000 digits"),
    "a status that is a list": (holds("status.json", "[]"), "status.json is damaged"),
    "a status that is a pipe": (replaced("status.json", os.mkfifo), "is a pipe, and a file is needed"),
    "a status that is a folder": (replaced("status.json", Path.mkdir), "is a folder, and a file is needed"),
    "a status that is a device": (
        replaced("status.json", lambda path: path.symlink_to("/dev/zero")), "is a device, and a file is needed",
    ),
    "a recipe that is a pipe": (replaced("recipe.json", os.mkfifo), "is a pipe, and a file is needed"),
    "a recipe that leads to itself": (replaced("recipe.json", lambda path: path.symlink_to(path)), "cannot be read"),
    "a recipe of a gigabyte": (replaced("recipe.json", large), "1,000,000,000 bytes"),
    "a recipe of no kind": (holds("recipe.json", '{"kind": ["trace"]}'), "does not say its kind"),
    "a recipe of another kind": (holds("recipe.json", '{"kind": "build-items"}'), "out: Field required"),
    "half a character": (holds("recipe.json", '{"kind": "\\ud800"}'), "half a character"),
    "deep JSON in the status": (holds("status.json", DEEP), "status.json is damaged (nested more than 64 deep"),
    "deep JSON in the recipe": (holds("recipe.json", DEEP), "recipe.json is damaged (nested more than 64 deep"),
    "deep JSON in the environment": (holds("environment.json", DEEP), "environment.json is damaged (nested"),
    "a folder that leads to itself": (elsewhere(lambda path: path.symlink_to(path)), "Too many levels"),
    "a folder that leads nowhere": (elsewhere(lambda path: path.symlink_to("/none")), "it leads nowhere"),
}  # fmt: skip


def nast(store: RunStore, *words: object, code: int = 0):
    result = CliRunner().invoke(app, list(map(str, words)), env={"NAST_RUNS": str(store.root)})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_folder_is_a_row_that_says_so_hides_no_other_and_can_be_deleted(store, case):
    spoil, said = BROKEN[case]
    sound, broken = made(store), made(store)
    spoil(broken.folder)
    table = store.table()
    assert [row.run for row in table.rows] == [sound]
    assert list(table.broken) == [broken.id]
    assert said in table.broken[broken.id]
    assert "\n" not in table.broken[broken.id]
    assert find_run(TraceRecipe(), store, WEIGHTS) == sound
    listed = nast(store, "runs", "list")
    assert listed.stdout.startswith(f"{sound.id} ")
    assert listed.stderr.splitlines() == [f"not read: {table.broken[broken.id]}"]
    for command in ("cancel", "resume"):  # of a finished run; where that cannot be read, for that reason
        assert nast(store, "runs", command, broken.id, code=2).stderr.count("\n") == 1
    nast(store, "runs", "delete", broken.id)
    assert store.runs() == [sound]
    assert not [path for path in store.root.iterdir() if path.name.startswith(".deleted")]


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", os.fsdecode(b"\xff\xfe")])
def test_a_folder_whose_name_cannot_be_shown_is_spelt_out(store, name):
    run = made(store)
    run.folder.rename(run.folder.with_name(name))
    (said,) = store.table().broken.values()
    assert said.isprintable()
    assert "its name holds what cannot be shown" in said
    nast(store, "runs", "delete", name)
    assert store.runs() == []


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_change_to_the_bytes_of_a_run_breaks_the_table(data):
    with tempfile.TemporaryDirectory() as place:
        store = RunStore(Path(place))
        sound, spoilt = made(store), made(store)
        path = spoilt.folder / data.draw(st.sampled_from(["status.json", "recipe.json", "environment.json"]))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(content)))
            nasty = st.sampled_from(
                [b"1e999", b"9" * 5000, b"[" * 200, b"null", b"-5", b'"\\ud800"', b"NaN", b"\0", b"{}"]
            )
            content[at : at + data.draw(st.integers(0, 8))] = data.draw(st.one_of(nasty, st.binary(max_size=4)))
        path.write_bytes(content)
        table = store.table()
        assert sound in [row.run for row in table.rows]
        assert len(table.rows) + len(table.broken) == 2
        assert all(said.isprintable() for said in table.broken.values())


def test_a_folder_of_runs_that_is_none_is_not_taken_for_an_empty_one(tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = nast(RunStore(tmp_path / "file"), "runs", "list", code=2).stderr
    assert said == f"nast: {tmp_path}/file cannot be read (Not a directory)\n"


def test_deleting_a_link_to_a_run_leaves_what_it_leads_to(store, tmp_path):
    run = made(store)
    away = run.folder.rename(tmp_path / "on-another-disk")
    run.folder.symlink_to(away)
    assert run.status.state == "finished"
    store.delete(run.id)
    assert (away / "status.json").is_file()
    assert store.runs() == []


@contextmanager
def nobody():
    """Root may read everything: as long as this is open, it is another user."""
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to be another user")
def test_a_closed_folder_is_said_and_its_owner_can_delete_it_and_nobody_else():
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users from above
        Path(place).chmod(0o755)
        store = RunStore(Path(place) / "runs")
        mine, theirs = made(store), made(store)
        (theirs.folder / "checkpoint").mkdir(mode=0)
        for path in (store.root, theirs.folder, *theirs.folder.iterdir()):
            os.chown(path, 65534, 65534)
        for run in (mine, theirs):
            run.folder.chmod(0)
        with nobody():
            broken = store.table().broken
            assert set(broken) == {mine.id, theirs.id}
            assert all("may not be read by this user" in said for said in broken.values())
            store.delete(theirs.id)
            store.root.chmod(0o555)
            with pytest.raises(RunError, match=r"cannot be deleted \(Permission denied\); delete it by hand"):
                store.delete(mine.id)
        assert mine.folder.is_dir()
        assert not theirs.folder.exists()


def test_a_run_that_was_deleted_says_so_and_is_not_brought_back(store):
    run = made(store)
    store.delete(run.id)
    for look in (lambda: run.status, lambda: run.recipe, lambda: run.result, lambda: run.set_status(Status())):
        with pytest.raises(RunError, match=f"run {run.id} was deleted"):
            look()
    assert (run.log, run.metrics()) == ("", [])
    assert not run.folder.exists()


def test_the_end_of_a_long_log_and_of_long_metrics_is_read(store):
    run = made(store)
    with (run.folder / "log.txt").open("wb") as file:
        file.truncate(10**10)
        file.seek(10**10)
        file.write("the end é\n".encode())
    assert run.log.endswith("the end é\n")
    assert len(run.log) < 2_000_000
    with (run.folder / "metrics.jsonl").open("wb") as file:
        file.truncate(10**10)
        file.seek(10**10)
        file.write(b'\n{"step": 7, "loss": 0.5, "said": "text"}\n{"step": 8e99}\n{"step": -1}\n[1]\n{"step": "no"}\n')
    assert run.metrics() == [{"step": 7, "loss": 0.5}]
    for name in ("log.txt", "metrics.jsonl"):
        (run.folder / name).unlink()
        os.mkfifo(run.folder / name)
    assert (run.log, run.metrics()) == ("", [])
