"""A run from Python: watched while it waits and works, and its result at hand when it has finished."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
import xarray as xr
from typer.testing import CliRunner

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.examples import write_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.commands.runs import app
from nast_core.recipe import Recipe, RunError
from nast_core.runs.reporter import Silent
from nast_core.runs.status import Process, Status
from nast_core.runs.store import Run, RunStore
from nast_core.work import executors
from nast_core.work.identity import identity
from nast_core.work.kinds import KINDS, make_recipe, work_of

pytestmark = pytest.mark.slow  # runs whole

PAIRS = [
    {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"},
    {"affirmative": "rib fracture is present", "negated": "rib fracture is absent", "finding": "Fracture"},
]


@pytest.fixture
def store(tmp_path, monkeypatch) -> RunStore:
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    return RunStore()


def made(store: RunStore, recipe: Recipe | None = None, **status) -> Run:
    recipe = recipe or make_recipe({"kind": "attention"})
    run = store.create(recipe, identity(recipe, store.root, "f" * 64))
    run.set_status(Status(**status))
    return run


@pytest.fixture
def finished(store, folders, tmp_path):
    """A run whose work was really done, by the model of a family."""

    def make(family: str | None = None, **fields) -> Run:
        model = {"model": str(folders[family]), "device": "cpu"} if family else {}
        recipe = make_recipe(model | fields)
        run = made(store, recipe)
        figures = work_of(recipe.kind)(recipe, run.folder, Silent())
        run.set_status(Status(state="finished", figures=figures))
        return run

    return make


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    return path


def test_every_kind_says_what_came_out_of_it():
    for kind in KINDS:
        assert callable(KINDS[kind].result)


@pytest.mark.parametrize(("kind", "name"), [("attention", "nsa"), ("trace", "cte")])
def test_the_result_of_attention_and_of_a_trace_is_a_dataset_that_holds_no_file_open(finished, pairs, kind, name):
    run = finished("Hugging Face CLIP", kind=kind, pairs=pairs)
    found = run.result
    assert isinstance(found, xr.Dataset)
    assert found[name].sizes["pair"] == 2
    (run.folder / f"{kind}.nc").write_bytes(b"no netCDF")
    assert found[name].values.shape[0] == 2
    with pytest.raises(RunError, match=rf"{kind}\.nc cannot be read .*; delete the run, and make it anew"):
        _ = run.result


def test_the_result_of_a_benchmark_is_its_summary_and_its_table(finished):
    run = finished("Hugging Face CLIP", kind="benchmark", n=6, seed=3)
    assert run.result.summary["acc_negated"]["value"] == run.status.figures["acc_negated"]
    assert len(run.result.tables["items"]) == 12  # of every item, both forms


def test_the_results_of_claims_and_alignment_are_their_summaries_and_tables(finished, tmp_path):
    path = tmp_path / "claims.jsonl"
    write_claims(build_examples(phantom_studies(20, split="test", seed=1), seed=1).examples, path)
    claims = finished("open_clip", kind="claims", claims=path).result
    assert set(claims.tables) == {"pairs", "groups", "retrieval", "images", "prompts", "wording"}
    assert claims.summary["ranking"]["pairs"] == len(claims.tables["pairs"])
    alignment = finished("open_clip", kind="alignment", claims=path)
    assert set(alignment.result.tables) == {"retrieval"}
    macro = alignment.result.summary["zero_shot_auroc"]["macro"]["value"]
    assert macro == pytest.approx(alignment.status.figures["zero_shot_auroc"])


def test_the_results_of_builds_are_the_items_and_claims_that_were_built(store, tmp_path):
    items = phantom_items(4, seed=3)
    write_items(items, tmp_path / "items.jsonl")
    assert (
        made(store, make_recipe({"kind": "build-items", "out": tmp_path / "items.jsonl"}), state="finished").result
        == items
    )
    claims = build_examples(phantom_studies(3, split="test", seed=1), seed=1).examples
    write_claims(claims, tmp_path / "claims.jsonl")
    run = made(store, make_recipe({"kind": "build-claims", "out": tmp_path / "claims.jsonl"}), state="finished")
    assert run.result == claims


def test_the_result_of_a_fine_tune_is_what_loads_it_its_figures_and_its_summary(store, tmp_path):
    (tmp_path / "claims.jsonl").write_text("{}\n")
    recipe = make_recipe({"kind": "finetune", "data": tmp_path / "claims.jsonl"})
    run = made(store, recipe, state="finished", figures={"gap_points_seen": 3.0, "gap_points_seen_before": 30.0})
    (run.folder / "summary.json").write_text('{"steps": 400}')
    assert run.result.spec == f"run:{run.id}"
    assert run.result.figures["gap_points_seen"] == 3.0
    assert run.result.summary == {"steps": 400}


@pytest.mark.parametrize("state", ["queued", "running", "failed", "cancelled"])
def test_a_run_that_has_not_finished_has_no_result_and_says_how_it_stands(store, state):
    run = made(store, state=state, process=Process.of(os.getpid()))
    with pytest.raises(RunError, match=f"is {state}; its result is there once it has finished"):
        _ = run.result


# watched


WAITING = "waiting for its turn on cpu, after trace-of-somebody-else"


def test_waiting_says_once_which_run_it_waits_for_and_ends_with_the_run(store, capfd):
    mine = Process.of(os.getpid())
    run = made(store, state="queued", process=mine, label=WAITING)

    def go_on() -> None:
        time.sleep(1)
        run.set_status(Status(state="running", process=mine, done=1, total=2, label="pairs"))
        time.sleep(0.5)
        run.set_status(Status(state="finished"))

    for quiet in (False, True):
        run.set_status(Status(state="queued", process=mine, label=WAITING))
        thread = threading.Thread(target=go_on)
        thread.start()
        assert executors.follow(run, quiet=quiet).state == "finished"
        thread.join()
        assert capfd.readouterr().err.strip() == ("" if quiet else f"{run.id}: {WAITING}")


FOLLOW = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests started in the background pass an ignored one on
from pathlib import Path
from nast_core.work.executors import follow
from nast_core.runs.store import Run
try:
    follow(Run(Path(sys.argv[1])))
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_interrupting_the_waiting_leaves_the_run_at_work_and_says_how_to_stop_it(store):
    run = made(store, state="queued", process=Process.of(os.getpid()), label=WAITING)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with subprocess.Popen([sys.executable, "-c", FOLLOW, str(run.folder)], stderr=theirs) as follower:
        os.close(theirs)
        said = ""
        while WAITING not in said or "queued:" not in said:
            said += os.read(ours, 4096).decode()
        follower.send_signal(signal.SIGINT)
        while "nast runs cancel" not in said:
            said += os.read(ours, 4096).decode()
        assert follower.wait(30) == 7
    os.close(ours)
    assert f"run {run.id} goes on without you; stop it with: nast runs cancel {run.id}" in said
    assert "Traceback" not in said
    assert run.status.state == "queued"


# several at once


def nast(*words: object, code: int = 0):
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "300"]) as process:
        yield Process.of(process.pid)
        process.kill()


def test_several_runs_are_each_tried_with_a_line_each_and_one_failure_is_exit_code_2(store, sleeper):
    first, second = (made(store, state="lost") for _ in range(2))
    ended = made(store, state="finished")
    said = nast("runs", "cancel", first.id, "nothing", ended.id, second.id, first.id, code=2)
    assert said.stdout.splitlines() == [f"{first.id}: cancelled", f"{second.id}: cancelled"]
    assert [line.split("; ")[0] for line in said.stderr.splitlines()] == [
        f"nast: there is no run 'nothing' in {store.root}",
        f"nast: run {ended.id} is not at work: it is finished",
    ]
    user = made(store, make_recipe({"kind": "trace", "model": f"run:{ended.id}"}), state="finished")
    busy = made(store, make_recipe({"kind": "trace", "seed": 1}), state="running", process=sleeper)
    said = nast("runs", "delete", ended.id, busy.id, user.id, first.id, code=2)
    assert said.stdout.splitlines()[0] == f"deleted: {user.id}"  # before the run that it refers to
    assert set(said.stdout.splitlines()[1:]) == {f"deleted: {ended.id}", f"deleted: {first.id}"}
    assert said.stderr.startswith(f"nast: run {busy.id} is at work; cancel it first")
    assert nast("runs", "resume", busy.id, "nothing", "--detach", code=2).stderr.count("\n") == 2
    nast("runs", "delete", second.id)
    assert store.runs() == [busy]
