"""The board of runs, and a run that is watched: a folder that is broken or deleted meanwhile is said, and breaks
nothing."""

import json
import os

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from dashboard.parts import jobs
from nast_core.cli import app
from nast_core.runs.status import Process, Status, now
from nast_core.runs.store import Run, RunStore
from nast_core.work.executors import cancel
from nast_core.work.identity import identity
from nast_core.work.kinds import make_recipe


@pytest.fixture
def store(tmp_path, monkeypatch) -> RunStore:
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    (tmp_path / "claims.jsonl").write_text("{}\n")
    return RunStore()


def made(store: RunStore, kind: str = "finetune", **status) -> Run:
    fields = {"data": store.root.parent / "claims.jsonl"} if kind == "finetune" else {}
    recipe = make_recipe({"kind": kind} | fields)
    run = store.create(recipe, identity(recipe, store.root, "f" * 64))
    run.set_status(Status(**status))
    return run


def board(kind: str) -> None:
    from dashboard.parts.run_table import show

    show(kind)


def controls(damaged: list[str]) -> None:
    from dashboard.parts.run_table import _controls
    from nast_core.runs.store import Run, RunStore

    store = RunStore()
    _controls([], [Run(store.root / name) for name in damaged if (store.root / name).exists()])


def watching(name: str) -> None:
    from dashboard.parts.jobs import watch
    from nast_core.runs.store import Run, RunStore

    watch(Run(RunStore().root / name))


def drawn(page, *args: object) -> AppTest:
    at = AppTest.from_function(page, args=args, default_timeout=60).run()
    assert not at.exception
    return at


def test_a_broken_folder_is_a_row_of_the_board_beside_the_others(store):
    run, broken, other = made(store, state="finished"), made(store), made(store, kind="trace")
    (run.folder / "metrics.jsonl").write_text('{"step": 0, "validation_gap_points_seen": 30.0}\n')
    (broken.folder / "environment.json").unlink()
    (other.folder / "status.json").write_text('{"state": "running", "process": {"pid": -5, "started": 0, "host": "x"}}')
    table = drawn(board, "finetune").dataframe[0].value
    assert sorted(table.run) == sorted([run.id, broken.id, other.id])
    assert dict(zip(table.run, table.state, strict=True))[broken.id] == "cannot be read"
    said = dict(zip(table.run, table.now, strict=True))
    assert "environment.json is missing" in said[broken.id]
    assert "process.pid" in said[other.id]


def test_a_board_shows_any_kind(store):
    run = made(store, kind="attention", state="failed", message="no pair aligns")
    table = drawn(board, "attention").dataframe[0].value
    assert table[["run", "state", "now"]].values.tolist() == [[run.id, "failed", "no pair aligns"]]


def test_a_broken_folder_can_be_deleted_on_the_page(store):
    run = made(store)
    (run.folder / "status.json").write_text("{")
    at = drawn(controls, [run.id])
    at.button(key="runs-Delete").click().run()
    assert not at.exception
    assert store.runs() == []


def test_a_run_that_is_deleted_while_it_is_watched_is_said_and_nothing_breaks(store):
    run = made(store, state="running", process=Process.of(os.getpid()), done=3, total=9, label="pairs")
    at = drawn(watching, run.id)
    assert at.get("progress")[0].proto.text.endswith("running, 3 of 9 pairs")
    run.set_status(Status(state="cancelled"))
    store.delete(run.id)
    at.run()
    assert not at.exception
    assert [box.value for box in at.info] == [f"run {run.id} was deleted."]


def test_a_run_that_ended_a_moment_before_it_is_cancelled_gives_a_sentence(store):
    run = made(store, state="finished")
    assert jobs.each(cancel, [run]) == [f"run {run.id} is not at work: it is finished"]


def test_a_run_at_work_says_how_long_it_will_still_take(store):
    run = made(store, kind="trace", state="running", process=Process.of(os.getpid()), done=3, total=9, label="pairs")
    run.set_status(run.status.model_copy(update={"pace": 50.0, "moved": now()}))  # 6 pairs of 50 s
    at = drawn(watching, run.id)
    assert at.get("progress")[0].proto.text.endswith("3 of 9 pairs, about 5 minutes left")


def test_a_fine_tunes_row_says_how_long_it_will_still_take_once_a_validation_was_among_its_steps(store):
    run = made(store, state="running", process=Process.of(os.getpid()), done=120, total=400, label="Training")
    run.set_status(run.status.model_copy(update={"pace": 1.5, "moved": now()}))  # 280 steps, a validation every 50
    assert list(drawn(board, "finetune").dataframe[0].value.now) == ["Training, about 7 minutes left"]
    shown = CliRunner().invoke(app, ["runs", "show", run.id])
    assert "running  120 of 400 Training, about 7 minutes left" in shown.stdout
    run.set_status(run.status.model_copy(update={"done": 20}))
    assert list(drawn(board, "finetune").dataframe[0].value.now) == ["Training"]


def test_what_a_run_is_computed_in_stands_under_the_table_with_both_times(store):
    run = made(store, state="finished")
    choice = {"bf16": True, "why": "a batch takes 0.3 s in bf16 and 0.6 s in float32", "seconds": [0.6, 0.3]}
    (run.folder / "precision.json").write_text(json.dumps({"training": choice}))
    captions = [caption.value for caption in drawn(board, "finetune").caption]
    assert captions[-1] == f"{run.id}: training: bf16, a batch takes 0.3 s in bf16 and 0.6 s in float32"
