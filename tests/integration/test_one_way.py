"""There is one way to compute anything: a command is its recipe, and each finds what the other has computed."""

import shutil
from pathlib import Path
from typing import ClassVar

import pytest
import xarray as xr
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.cli import app
from nast_core.files.documents import read_json
from nast_core.negation.pairs import denial_pairs
from nast_core.recipe import Cancelled, Recipe, RunError
from nast_core.runs.reporter import Silent
from nast_core.runs.status import Process
from nast_core.runs.store import RunStore
from nast_core.work.execute import carry_out
from nast_core.work.identity import identity
from nast_core.work.in_process import run_in_process
from nast_core.work.kinds import KINDS, AttentionRecipe, read_recipe
from tests.finetuning import write_phantom_claims

COMMANDS = {  # kind -> its command, and what the command has beside the recipe's fields
    "attention": ("attention", {"out"}),
    "trace": ("trace", {"out", "vectors"}),  # vectors: a copy of what every exact run keeps
    "probe": ("probe", {"out"}),
    "lens": ("lens", {"out", "text"}),  # text: a sentence to tell of, with what the run holds
    "contributions": ("contributions", {"out"}),
    "benchmark": ("benchmark run", {"out"}),
    "claims": ("claims run", {"out"}),
    "encode": ("encode", {"out"}),
    "dataset": ("dataset build", set()),
    "repair": ("repair", {"out"}),
    "build-items": ("benchmark build", {"answers"}),
    "build-claims": ("claims build", set()),
}
NOT_ASKED = {"kind", "executor", "num_processes"}  # a command works in its own process, here
NOTHING_DRAWN = {name: {"seed"} for name in ("attention", "trace", "lens", "contributions", "encode")}
LABELLED = {
    "encode": {"names"},
    "dataset": {"table"},
    "build-items": {"table"},
    "build-claims": {"reports"},
}  # a command's --images, --labels and --source hold the path too
NO_MODEL = {"model", "device", "precision"}


def nast(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def world(folders, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    shutil.copytree(folders["Hugging Face CLIP"], tmp_path / "clip")
    (tmp_path / "pairs.jsonl").write_text(
        '{"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"}\n'
    )
    many = denial_pairs(["Edema", "Pneumothorax"])
    (tmp_path / "many.jsonl").write_text("".join(pair.model_dump_json() + "\n" for pair in many))
    write_items(phantom_items(6, seed=1), tmp_path / "items.jsonl")
    write_phantom_claims(tmp_path / "claims.jsonl", train=2, validation=6)
    return tmp_path


ASKED = {
    "attention": {"pairs": "pairs.jsonl"},
    "trace": {"pairs": "pairs.jsonl", "component": "head", "memory": 64},
    "probe": {"pairs": "many.jsonl", "shufflings": 5},
    "lens": {"pairs": "pairs.jsonl", "texts": 2},
    "contributions": {"pairs": "pairs.jsonl"},
    "benchmark": {"items": "items.jsonl", "seed": 3},
    "claims": {"claims": "claims.jsonl", "split": "validation"},
}


def options(world: Path, fields: dict) -> list[object]:
    words: list[object] = []
    for name, value in fields.items():
        words += [f"--{name}", world / value if str(value).endswith(".jsonl") else value]
    return words


def recipe_file(world: Path, kind: str, fields: dict) -> Path:
    said = {name: str(world / value) if str(value).endswith(".jsonl") else value for name, value in fields.items()}
    (world / "recipe.yaml").write_text(yaml.safe_dump({"kind": kind, "model": str(world / "clip"), **said}))
    return world / "recipe.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ASKED)
def test_a_recipe_finds_what_its_command_has_computed(world, kind):
    command = COMMANDS[kind][0].split()
    out = world / ("out.nc" if kind in ("attention", "trace") else "out")
    words = [*command, "--model", world / "clip", *options(world, ASKED[kind]), "--out", out]
    said = nast(*words)
    assert "found:" not in said
    (run,) = RunStore().runs()
    assert run.environment["packages"]
    assert run.id in nast("run", recipe_file(world, kind, ASKED[kind]))
    assert f"found: {run.id}" in nast(*words, "--device", "cpu")  # the device is where, not what
    assert RunStore().runs() == [run]
    if kind in ("attention", "trace"):
        with xr.open_dataset(out) as written:
            assert written.load().identical(run.result)
    else:
        assert read_json(out / "summary.json") == run.result.summary


@pytest.mark.slow
def test_a_command_finds_what_a_recipe_has_computed(world, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / "cache"))  # nobody else's turn on the device is waited for
    recipe = read_recipe(recipe_file(world, "attention", ASKED["attention"] | {"device": "cpu"}))
    run = RunStore().create(recipe, identity(recipe, RunStore().root))
    carry_out(run.folder)  # what 'nast run' starts in a process of its own
    assert run.status.state == "finished"
    again = nast("attention", "--model", world / "clip", "--pairs", world / "pairs.jsonl", "--out", world / "out.nc")
    assert f"found: {run.id}" in again
    assert (world / "out.nc").exists()


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_takes_the_fields_of_its_recipe_and_no_others(kind):
    command = get_command(app)
    name, own = COMMANDS[kind]
    for word in name.split():
        command = command.commands[word]
    taken = {option.lstrip("-").replace("-", "_") for one in command.params for option in one.opts} - {"help"}
    recipe = KINDS[kind].recipe
    wanted = set(recipe.model_fields) - NOT_ASKED - NOTHING_DRAWN.get(kind, set()) - LABELLED.get(kind, set())
    wanted -= set() if recipe.needs_model else NO_MODEL
    assert taken == wanted | own


def pairs_recipe(world: Path) -> Recipe:
    return AttentionRecipe(model=str(world / "clip"), pairs=world / "pairs.jsonl")


class Broken(Silent):
    def progress(self, done: int, total: int, label: str = "") -> None:
        raise KeyboardInterrupt


def test_work_that_is_broken_off_leaves_no_run(world):
    with pytest.raises(KeyboardInterrupt):
        run_in_process(pairs_recipe(world), Broken(), model=load_model(world / "clip", device="cpu"))
    assert RunStore().runs() == []


class Stopped(Silent):
    def progress(self, done: int, total: int, label: str = "") -> None:
        raise Cancelled


def test_work_that_is_cancelled_says_so_and_leaves_no_run(world):
    with pytest.raises(RunError, match="was cancelled"):
        run_in_process(pairs_recipe(world), Stopped(), model=load_model(world / "clip", device="cpu"))
    assert RunStore().runs() == []


def test_a_run_of_another_process_is_waited_for_and_given(world):
    model, recipe = load_model(world / "clip", device="cpu"), pairs_recipe(world)
    run = run_in_process(recipe, Silent(), model=model)
    done = run.written_status
    run.set_status(done.model_copy(update={"state": "running", "process": Process.of(1), "done": 1, "total": 3}))

    class Looking(Silent):
        said: ClassVar[list[tuple[int, int]]] = []

        def progress(self, count: int, total: int, label: str = "") -> None:
            self.said.append((count, total))
            run.set_status(done)

    assert run_in_process(recipe, Looking(), model=model) == run
    assert Looking.said[0] == (1, 3)
    assert RunStore().runs() == [run]
