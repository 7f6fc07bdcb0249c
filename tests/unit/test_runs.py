"""Recipes, the folder of runs, and what is true of a run whose process may be gone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from nast_core.commands.runs import app
from nast_core.errors import DataError, ModelError, NastError
from nast_core.interpret.plan import PatchPlan, Positions
from nast_core.models.components import Component
from nast_core.opening import load_model
from nast_core.recipe import Recipe, RunError, run_name
from nast_core.runs.status import Process, Status, host
from nast_core.runs.store import Run, RunStore, settled
from nast_core.work import executors
from nast_core.work.benchmark import BenchmarkRecipe
from nast_core.work.identity import find_run, identity
from nast_core.work.kinds import KINDS, TraceRecipe, make_recipe, read_recipe, recipe_class, work_of

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = "f" * 64  # a model's fingerprint, given so that none is loaded


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"affirmative": "some edema", "negated": "no edema"}\n')
    return path


def made(store: RunStore, recipe: Recipe | None = None, **status) -> Run:
    """A run of the store in some state, without a process unless one is given."""
    recipe = recipe or TraceRecipe()
    run = store.create(recipe, identity(recipe, store.root, WEIGHTS))
    run.set_status(Status(**status))
    return run


def silent(run: Run) -> Run:
    """As if the last sign of life were an hour old."""
    hour_ago = time.time() - 3600
    os.utime(run.folder / "status.json", (hour_ago, hour_ago))
    return run


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


def python(code: str, *words: object) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, words)], env=env)


# the state of a run


def test_a_running_run_whose_process_is_killed_is_lost_and_says_how_to_resume(store, sleeper):
    run = made(store, state="running", process=Process.of(sleeper.pid))
    assert run.status.state == "running"
    sleeper.kill()
    deadline = time.monotonic() + 10
    while run.status.state == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.status.state == "lost"
    assert run.status.message.endswith(f"nast runs resume {run.id}")


def test_a_process_that_is_there_is_believed_however_long_it_was_silent(store, sleeper):
    assert silent(made(store, state="running", process=Process.of(sleeper.pid))).status.state == "running"


def test_another_process_with_the_same_number_does_not_pass_for_the_runs_own(store, sleeper):
    earlier = Process.of(sleeper.pid).model_copy(update={"started": time.time() - 86400})
    assert made(store, state="running", process=earlier).status.state == "lost"


def test_a_process_of_another_machine_is_judged_by_its_sign_of_life(store, sleeper):
    elsewhere = Process(pid=sleeper.pid, started=Process.of(sleeper.pid).started, host="node7/1")
    run = made(store, state="running", process=elsewhere)
    assert run.status.state == "running"
    assert silent(run).status.state == "lost"


def test_a_queued_run_whose_process_never_started_is_lost(store):
    run = made(store, state="queued")
    assert run.status.state == "queued"
    assert "never started" in silent(run).status.message


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_a_run_that_ended_stays_as_it_ended(store, state):
    run = made(store, state=state, process=Process(pid=1, started=0.0, host=host()))
    assert silent(run).status.state == state


def test_two_stores_on_one_folder_see_the_same(store, sleeper):
    other = RunStore(store.root)
    run = made(store, state="running", process=Process.of(sleeper.pid))
    assert other.open(run.id).status == run.status
    executors.cancel(other.open(made(store, state="queued").id))
    assert [row.status.state for row in store.table().rows] == [row.status.state for row in other.table().rows]


# at work: a real process that reports


WORKER = """
import os, sys, time
from pathlib import Path
from nast_core.recipe import Cancelled
from nast_core.runs.reporter import FolderReporter, Recorder
from nast_core.runs.status import Process
from nast_core.runs.store import Run
run, stubborn = Run(Path(sys.argv[1])), sys.argv[2] == "True"
with Recorder(run) as record:
    record.change(state="running", process=Process.of(os.getpid()))
    report = FolderReporter(run.folder, record.note)
    try:
        report.metrics(1, loss=0.5)
        for done in range(3000):
            report.progress(done, 3000, "steps")
            time.sleep(100 if stubborn else 0.02)
    except Cancelled:
        record.change(state="cancelled")
"""


def running(run: Run, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not run.metrics() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)  # its first figures come after it has said that it runs
    assert run.status.state == "running"


@pytest.mark.slow
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_run_ends_within_five_seconds_whether_or_not_its_work_looks_up(store, stubborn):
    run = made(store)
    with python(WORKER, run.folder, stubborn) as process:
        running(run, process)
        asked = time.monotonic()
        executors.cancel(run)
        process.wait(20)
        took = time.monotonic() - asked
    assert took < 7  # five, and what a busy machine takes to notice
    assert run.status.state == "cancelled"
    assert run.metrics()[0]["loss"] == 0.5


@pytest.mark.slow
def test_a_run_at_work_shows_a_sign_of_life_and_its_progress(store):
    run = made(store)
    with python(WORKER, run.folder, False) as process:
        running(run, process)
        silent(run)
        deadline = time.monotonic() + 20
        while run.status.done == 0 and time.monotonic() < deadline:
            time.sleep(0.1)
        status = run.status
        process.kill()
    assert (status.total, status.label) == (3000, "steps")
    assert status.done > 0
    assert time.time() - (run.folder / "status.json").stat().st_mtime < 60


# found again


def test_a_finished_run_of_the_same_recipe_model_and_data_is_found_again(store, pairs):
    recipe = TraceRecipe(pairs=pairs)
    assert find_run(recipe, store, WEIGHTS) is None
    run = made(store, recipe, state="running")
    assert find_run(recipe, store, WEIGHTS) is None
    run.set_status(Status(state="finished"))
    assert find_run(recipe, store, WEIGHTS) == run


@pytest.mark.parametrize(
    "same", [{"device": "cuda"}, {"num_processes": 2}, {"executor": "slurm"}, {"model": "models/the-same"}]
)
def test_where_it_runs_does_not_make_another_run(store, pairs, same):
    run = made(store, TraceRecipe(pairs=pairs), state="finished")
    assert find_run(make_recipe({"kind": "trace", "pairs": pairs, **same}), store, WEIGHTS) == run


@pytest.mark.parametrize("other", [{"seed": 1}, {"precision": "bfloat16"}, {"component": "head"}, {"pairs": None}])
def test_what_is_computed_makes_another_run(store, pairs, other):
    made(store, TraceRecipe(pairs=pairs), state="finished")
    assert find_run(TraceRecipe(**{"pairs": pairs, **other}), store, WEIGHTS) is None


def test_other_weights_make_another_run(store):
    made(store, TraceRecipe(), state="finished")
    assert find_run(TraceRecipe(), store, "e" * 64) is None


@pytest.mark.slow
def test_another_model_to_compare_with_makes_another_run(store, folders, pairs):
    one, other = (str(folders[family]) for family in ("Hugging Face CLIP", "open_clip"))
    plain = {"kind": "alignment", "claims": pairs}
    keys = [
        identity(make_recipe(plain | base), store.root, WEIGHTS).key for base in ({}, {"base": one}, {"base": other})
    ]
    assert len(set(keys)) == 3
    assert identity(make_recipe(plain | {"base": one}), store.root, WEIGHTS).key == keys[1]


def test_data_are_known_by_what_is_in_them_and_not_by_their_path(store, pairs):
    run = made(store, TraceRecipe(pairs=pairs), state="finished")
    moved = pairs.rename(pairs.with_name("moved.jsonl"))
    assert find_run(TraceRecipe(pairs=moved), store, WEIGHTS) == run
    moved.write_text(moved.read_text() + "\n")
    assert find_run(TraceRecipe(pairs=moved), store, WEIGHTS) is None


def test_the_images_that_the_pairs_name_are_part_of_the_data(store, tmp_path, pairs):
    pairs.write_text('{"affirmative": "some edema", "negated": "no edema", "image": "a.png"}\n')
    (tmp_path / "a.png").write_bytes(b"one picture")
    run = made(store, TraceRecipe(pairs=pairs), state="finished")
    assert find_run(TraceRecipe(pairs=pairs), store, WEIGHTS) == run
    (tmp_path / "a.png").write_bytes(b"two picture")
    assert find_run(TraceRecipe(pairs=pairs), store, WEIGHTS) is None


def test_the_model_is_loaded_once_and_its_fingerprint_known_until_its_files_change(store, folders, monkeypatch):
    from nast_core.models import registry

    recipe = TraceRecipe(model=str(folders["Hugging Face CLIP"]))
    first = identity(recipe, store.root)
    assert first.model == registry.load_model(recipe.model).fingerprint
    monkeypatch.setattr(registry, "load_model", lambda *_, **__: pytest.fail("loaded again"))
    assert identity(recipe, store.root) == first


def test_a_file_that_is_not_there_is_said_before_anything_is_started(store, tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*none\.jsonl"):
        executors.submit(TraceRecipe(pairs=tmp_path / "none.jsonl"), store, model_fingerprint=WEIGHTS)
    assert store.runs() == []


def test_the_same_recipe_joins_the_run_at_work_and_gives_back_the_finished_one(store, sleeper):
    run = made(store, state="running", process=Process.of(sleeper.pid))
    assert executors.submit(TraceRecipe(), store, model_fingerprint=WEIGHTS) == run
    run.set_status(Status(state="finished"))
    assert executors.submit(TraceRecipe(), store, model_fingerprint=WEIGHTS) == run
    assert len(store.runs()) == 1


# the folder


def test_a_new_run_is_whole_and_leaves_nothing_else(store, pairs):
    run = made(store, TraceRecipe(pairs=pairs))
    assert sorted(p.name for p in run.folder.iterdir()) == ["environment.json", "recipe.json", "status.json"]
    assert [p.name for p in store.root.iterdir() if p.name != ".fingerprints.json"] == [run.id]
    assert run.id.startswith("trace-2")
    assert run.id.endswith(run.environment["key"][:8])
    assert run.recipe == TraceRecipe(pairs=pairs)


def test_a_folder_where_a_file_is_asked_for_is_refused_before_any_of_its_files_is_read(store, tmp_path):
    os.mkfifo(tmp_path / "whoever reads this waits")
    with pytest.raises(DataError, match="is a folder"):
        identity(BenchmarkRecipe(model="demo", items=tmp_path), store.root, model_fingerprint="known")


def test_relative_paths_mean_the_folder_the_run_was_asked_for_in(store, pairs, monkeypatch):
    monkeypatch.chdir(pairs.parent)
    run = made(store, TraceRecipe(pairs=Path(pairs.name)))
    monkeypatch.chdir("/")
    assert run.recipe.pairs == pairs
    assert settled(TraceRecipe(pairs=Path("run:x"))).pairs == Path("run:x")


def test_two_runs_of_one_second_get_two_folders(store):
    first, second, third = (made(store) for _ in range(3))
    assert len({first.folder, second.folder, third.folder}) == 3


def test_a_root_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="set NAST_RUNS to a folder"):
        made(RunStore(tmp_path / "file" / "runs"))


DAMAGE = {
    "bad JSON": ("status.json", "{", "status.json is damaged (not JSON"),
    "no state there is": ("status.json", '{"state": "fine"}', "status.json is damaged (state:"),
    "not an object": ("recipe.json", "[1]", "recipe.json: a recipe is a list"),
    "a kind there is none of": ("recipe.json", '{"kind": "trase"}', "did you mean 'trace'?"),
    "a field there is none of": ("recipe.json", '{"kind": "trace", "sed": 1}', "did you mean 'seed'?"),
    "not text": ("recipe.json", b"\xff\xfe", "recipe.json cannot be read"),
    "missing": ("status.json", None, "status.json is missing"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_one_sentence_and_breaks_no_other(store, damage):
    name, content, said = DAMAGE[damage]
    whole, broken = (made(store, state="finished") for _ in range(2))
    path = broken.folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = store.table()
    assert [row.run for row in table.rows] == [whole]
    assert list(table.broken) == [broken.id]
    assert said in table.broken[broken.id]
    assert "\n" not in table.broken[broken.id]
    assert find_run(TraceRecipe(), store, WEIGHTS) == whole
    store.delete(broken.id)
    assert store.runs() == [whole]


def test_a_folder_that_is_no_run_is_said_and_breaks_nothing(store):
    run = made(store, state="finished")
    (store.root / "notes").mkdir()
    (store.root / "readme.txt").write_text("mine")
    table = store.table()
    assert [row.run for row in table.rows] == [run]
    assert "recipe.json is missing" in table.broken["notes"]


def test_a_run_that_others_refer_to_is_not_deleted_and_they_are_named(store):
    base = made(store, state="finished")
    user = made(store, TraceRecipe(model=f"run:{base.id}"), state="finished")
    with pytest.raises(RunError, match=f"is needed by {user.id}"):
        store.delete(base.id)
    store.delete(user.id)
    store.delete(base.id)
    assert store.runs() == []


def test_a_run_at_work_is_not_deleted(store, sleeper):
    run = made(store, state="running", process=Process.of(sleeper.pid))
    with pytest.raises(RunError, match="cancel it first"):
        store.delete(run.id)


def test_a_run_is_opened_by_its_beginning_and_nothing_outside_the_folder_is(store):
    trace, attention = made(store), made(store, make_recipe({"kind": "attention"}))
    assert store.open("trace") == trace
    assert store.open(attention.id) == attention
    made(store)
    with pytest.raises(RunError, match="fits 2 runs"):
        store.open("trace")
    for name in ("", "..", "../runs", "nothing", "/etc"):
        with pytest.raises(RunError, match="there is no run"):
            store.open(name)


def test_metrics_are_a_row_a_step_and_the_last_word_of_a_step_counts(store):
    run = made(store)
    assert run.metrics() == []
    lines = [
        '{"step": 2, "loss": 0.5}',
        '{"step": 1, "loss": 0.9}',
        '{"step": 2, "loss": 0.4}',
        '{"step": 2, "val": 1}',
    ]
    (run.folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 3, "lo')
    assert run.metrics() == [{"step": 1, "loss": 0.9}, {"step": 2, "loss": 0.4, "val": 1}]


# stopping and going on


def test_only_a_run_that_stopped_can_go_on(store, sleeper):
    with pytest.raises(RunError, match="is running; only a run that stopped"):
        executors.resume(made(store, state="running", process=Process.of(sleeper.pid)))
    with pytest.raises(RunError, match="has finished"):
        executors.resume(made(store, state="finished"))


def test_a_lost_run_is_cancelled_at_once_and_an_ended_one_cannot_be(store):
    run = silent(made(store, state="running", process=Process(pid=1, started=0.0, host="node7/1")))
    executors.cancel(run)
    assert run.status.state == "cancelled"
    with pytest.raises(RunError, match="it is cancelled"):
        executors.cancel(run)


def test_slurm_where_there_is_none_is_one_sentence_and_the_run_says_so_too(store, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    recipe = make_recipe({"kind": "trace", "executor": "slurm"})
    with pytest.raises(RunError, match="this machine has no SLURM"):
        executors.submit(recipe, store, model_fingerprint=WEIGHTS)
    (row,) = store.table().rows
    assert (row.status.state, row.status.mistake) == ("failed", True)
    assert "no SLURM" in row.status.message


def test_only_a_finished_fine_tune_has_a_model(store, tmp_path):
    trace = made(store, state="finished")
    with pytest.raises(ModelError, match="is a run of kind trace, which has no model"):
        load_model(run_name(trace.id), runs=store.root)
    (tmp_path / "claims.jsonl").write_text("{}\n")
    training = made(store, make_recipe({"kind": "finetune", "data": tmp_path / "claims.jsonl"}), state="cancelled")
    with pytest.raises(ModelError, match="is cancelled, and a fine-tune's model is there once it has finished"):
        load_model(run_name(training.id), runs=store.root)
    with pytest.raises(RunError, match="there is no run 'nothing'"):
        load_model(run_name("nothing"), runs=store.root)


# recipes


def test_every_kind_has_a_recipe_and_work():
    for kind in KINDS:
        assert recipe_class(kind).model_fields["kind"].default == kind
        assert callable(work_of(kind))


def test_a_trace_recipe_can_say_whatever_tracing_can_do():
    fields = TraceRecipe.model_fields
    assert set(get_args(fields["component"].annotation)) == set(get_args(Component))
    assert set(get_args(fields["positions"].annotation)) == set(get_args(Positions))
    assert set(PatchPlan.model_fields) <= set(fields)


MISTAKES = {
    "kind: trase": "no kind of recipe called 'trase'; did you mean 'trace'?",
    "kind: trace\nmodle: demo": "trace recipes have no field 'modle'; did you mean 'model'?",
    "kind: trace\nexecutor: {name: slurm, partion: gpu}": "'executor' of trace recipes have no field 'partion'; did "
    "you mean 'partition'?",
    "kind: trace\nexecutor: cloud": "executor.name: Input should be 'local' or 'slurm'",
    "kind: trace\nexecutor: {memory: 3}": "did you mean 'memory_gb'?; fields: name, partition, account, qos, "
    "constraint, gpus, cpus,",
    'kind: trace\nexecutor: {account: "lab\\ntouch canary"}': "executor.account: one line of text is needed",
    "kind: trace\nexecutor: {qos: ''}": "executor.qos: one line of text is needed",
    "kind: trace\nexecutor: {cpus: 0}": "executor.cpus: Input should be greater than or equal to 1",
    "kind: trace\nexecutor: {minutes: 1000000}": "executor.minutes: Input should be less than or equal to 525600",
    "kind: trace\nexecutor: {memory_gb: 1000000}": "executor.memory_gb: Input should be less than or equal to 100000",
    "kind: trace\nexecutor: {extra: {wrap: reboot}}": "executor.extra: wrap is what a run sets for itself",
    "kind: trace\nexecutor: {extra: {expor: NONE}}": "executor.extra: expor is what a run sets for itself",
    "kind: trace\nexecutor: {extra: {mem: 3G}}": "executor.extra: mem is a field of the executor: give it as memory_gb",
    "kind: trace\nexecutor: {extra: {'a b': 3G}}": "'a b' is no long option of sbatch",
    "kind: trace\nexecutor: {extra: {exclusive: false}}": "an option that is not wanted is left out",
    'kind: trace\nexecutor: {extra: {comment: "a\\nb"}}': "executor.extra: one line of text is needed",
    "kind: trace\nseed: many": "seed: Input should be a valid integer",
    "kind: trace\nnum_processes: 0": "num_processes: Input should be greater than or equal to 1",
    "kind: trace\nimage: a.png\nimages: b": "image and images are both given",
    "model: demo": "does not say its kind",
    "- kind: trace": "a recipe is a list of 'field: value'",
    "kind: trace\n  model: demo": "line 2: not YAML",
    "": "a recipe is a list of 'field: value'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_recipe_is_named_with_the_nearest_name(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        read_recipe(path)
    assert MISTAKES[text] in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_recipe_file_says_its_fields_and_its_executors(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "kind: benchmark\nn: 40\nexecutor: {name: slurm, partition: gpu, gpus: 1, minutes: 90, memory_gb: 16, "
        "account: lab, qos: long, cpus: 8, constraint: a100&nvlink, extra: {reservation: mri, exclusive: true, nice: "
        "10}}\n"
    )
    recipe = read_recipe(path)
    assert (recipe.kind, recipe.n, recipe.model) == ("benchmark", 40, "demo")
    assert (recipe.executor.partition, recipe.executor.gpus, recipe.executor.minutes) == ("gpu", 1, 90)
    assert (recipe.executor.account, recipe.executor.qos, recipe.executor.cpus) == ("lab", "long", 8)
    assert recipe.executor.extra == {"reservation": "mri", "exclusive": True, "nice": 10}


# the command line


def nast(store: RunStore, *words: object, code: int = 0):
    result = CliRunner().invoke(app, [str(word) for word in words], env={"NAST_RUNS": str(store.root)})
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


def test_the_table_of_runs_has_a_line_a_run_and_a_sentence_for_a_damaged_one(store):
    assert "no runs yet" in nast(store, "runs", "list").stderr
    whole, broken = (made(store, state="finished") for _ in range(2))
    (broken.folder / "recipe.json").write_text("{")
    said = nast(store, "runs", "list")
    (line,) = said.stdout.splitlines()
    assert line.split()[:2] == [whole.id, "finished"]
    assert said.stderr.count("\n") == 1
    assert broken.id in said.stderr
    record = json.loads(nast(store, "runs", "list", "--json").stdout)
    assert [run["state"] for run in record["runs"]] == ["finished"]
    assert list(record["broken"]) == [broken.id]


def test_show_says_how_a_run_ended_and_what_came_out(store):
    run = made(store, state="failed", message="the disk is full", figures={"pairs": 12.0})
    (run.folder / "log.txt").write_text("one\ntwo\n")
    said = nast(store, "runs", "show", run.id).stdout
    for part in ("failed", "the disk is full", "12", "| two", "status.json"):
        assert part in said


@pytest.mark.parametrize("command", ["show", "cancel", "resume", "delete"])
def test_a_run_there_is_none_of_is_one_line_and_exit_code_2(store, command):
    said = nast(store, "runs", command, "nothing", code=2).stderr
    assert said.startswith("nast: there is no run 'nothing'")
    assert said.count("\n") == 1


def test_what_cannot_be_done_to_a_run_is_exit_code_2(store, sleeper):
    finished = made(store, state="finished")
    at_work = made(store, make_recipe({"kind": "attention"}), state="running", process=Process.of(sleeper.pid))
    assert "has finished" in nast(store, "runs", "resume", finished.id, code=2).stderr
    assert "not at work" in nast(store, "runs", "cancel", finished.id, code=2).stderr
    assert "cancel it first" in nast(store, "runs", "delete", at_work.id, code=2).stderr
    nast(store, "runs", "delete", finished.id)
    assert store.runs() == [at_work]


def test_a_recipe_that_cannot_be_read_is_exit_code_2(store, tmp_path):
    assert "there is no file" in nast(store, "run", tmp_path / "none.yaml", code=2).stderr
    (tmp_path / "bad.yaml").write_text("kind: trase")
    assert "did you mean 'trace'?" in nast(store, "run", tmp_path / "bad.yaml", code=2).stderr


@pytest.mark.parametrize("words", [("run",), *(("runs", w) for w in ("list", "show", "cancel", "resume", "delete"))])
def test_every_command_has_help_with_an_example(store, words):
    assert "Example: nast " + " ".join(words) in " ".join(nast(store, *words, "--help").stdout.split())


def test_the_public_names_are_there_and_recipes_and_the_table_need_no_torch():
    code = "import sys, nast_core\nfrom nast_core.runs.store import RunStore\n"
    code += "[getattr(nast_core, name) for name in nast_core.__all__ if name != 'load_model']\n"
    code += "RunStore().table(); sys.exit('torch' in sys.modules)"
    with python(code) as process:
        assert process.wait(60) == 0


def test_errors_of_runs_are_users_errors():
    assert issubclass(RunError, NastError)


def test_a_run_that_is_refused_leaves_no_folder_of_runs_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe = BenchmarkRecipe(model="demo", items=tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="there is no file"):
        executors.submit(recipe, RunStore(tmp_path / "new" / "runs"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match="there is no file"):
        executors.submit(recipe, RunStore(tmp_path / "mine"))
    assert (tmp_path / "mine").is_dir()  # what was there stays
