"""``nast run`` and ``nast runs``: recipes carried out, and the runs there are."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from nast_core.commands.common import command

if TYPE_CHECKING:
    from nast_core.runs.status import Status
    from nast_core.runs.store import Run

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="The runs of ./runs, or of the folder that NAST_RUNS names.")
app.add_typer(group, name="runs")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its unmistakable beginning.")]
Wait = Annotated[bool, typer.Option("--wait/--detach", help="Wait for the end, or return at once.")]


class Where(StrEnum):
    """Where a run's process is started."""

    local = "local"
    slurm = "slurm"


@command(app, "run")
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="kind: trace, and the fields of that kind.")],
    executor: Annotated[Where | None, typer.Option(help="Instead of what the recipe says.")] = None,
    wait: Wait = True,
) -> None:
    """Carries out a recipe of any kind; the same recipe on the same model and data is found again.

    Example: nast run trace.yaml --detach
    """
    from nast_core.runs.executors import submit
    from nast_core.runs.kinds import read_recipe

    asked = read_recipe(recipe)
    if executor is not None:
        asked = asked.model_copy(update={"executor": asked.executor.model_copy(update={"name": executor.value})})
    _follow(submit(asked), wait)


@command(group, "list")
def runs_list(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Every run, the newest first.

    Example: nast runs list
    """
    from nast_core.runs.store import RunStore

    table = RunStore().table()
    if as_json:
        rows = [
            {"id": r.run.id, "kind": r.recipe.kind, "model": r.recipe.model, **_plain(r.status)} for r in table.rows
        ]
        typer.echo(json.dumps({"runs": rows, "broken": table.broken}, indent=2))
        return
    for run, recipe, status in table.rows:
        typer.echo(f"{run.id:<40} {status.state:<10} {_how_far(status):<22} {recipe.model}")
    for said in table.broken.values():
        typer.echo(f"not read: {said}", err=True)
    if not table.rows and not table.broken:
        typer.echo("no runs yet; start one with: nast run RECIPE.yaml", err=True)


@command(group, "show")
def runs_show(run_id: RunId) -> None:
    """What was asked, how it stands, what came out, and the end of the log.

    Example: nast runs show trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.store import RunStore

    run = RunStore().open(run_id)
    recipe, status = run.recipe, run.status
    typer.echo(f"{run.folder}\n{status.state}  {_how_far(status)}")
    if status.message:
        typer.echo(status.message)
    for name, value in status.figures.items():
        typer.echo(_figure(name, value))
    typer.echo(recipe.model_dump_json(indent=2, exclude_defaults=True, exclude={"kind"}))
    typer.echo("files: " + ", ".join(sorted(p.name for p in run.folder.iterdir() if not p.name.startswith("."))))
    for line in run.log.splitlines()[-10:]:
        typer.echo(f"| {line}")


@command(group, "cancel")
def runs_cancel(run_id: RunId) -> None:
    """Stops a run within five seconds; its last checkpoint is kept.

    Example: nast runs cancel trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.executors import STOPPED_WITHIN, cancel, wait_for
    from nast_core.runs.recipe import RunError
    from nast_core.runs.store import RunStore

    run = RunStore().open(run_id)
    cancel(run)
    status = wait_for(run, STOPPED_WITHIN)
    if status.active:
        raise RunError(f"run {run.id} is still {status.state}; its machine has not answered yet")
    typer.echo(f"{run.id}: {status.state}")


@command(group, "resume")
def runs_resume(run_id: RunId, wait: Wait = True) -> None:
    """Goes on with a run that was lost, cancelled or failed, from its last checkpoint.

    Example: nast runs resume trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.executors import resume
    from nast_core.runs.store import RunStore

    _follow(resume(RunStore().open(run_id)), wait)


@command(group, "delete")
def runs_delete(run_id: RunId) -> None:
    """Removes a run's folder, unless it is at work or another run refers to it.

    Example: nast runs delete trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.store import RunStore

    store = RunStore()
    run = store.open(run_id)
    store.delete(run.id)
    typer.echo(f"deleted: {run.id}")


def _follow(run: "Run", wait: bool) -> None:
    """Shows how a run comes along until it ends; exit code 0 only where it finished."""
    from nast_core.runs.executors import wait_for
    from nast_core.runs.recipe import RunError

    status = run.status
    typer.echo(f"{run.id}: {status.state}")
    if not wait and status.state != "failed":
        return
    try:
        with tqdm(disable=not sys.stderr.isatty()) as bar:
            while status.active:
                status = wait_for(run, 0.3)
                bar.set_description(status.label or status.state)
                bar.total, bar.n = status.total or None, status.done
                bar.refresh()
    except KeyboardInterrupt:
        typer.echo(f"it goes on without you; stop it with: nast runs cancel {run.id}", err=True)
        raise typer.Exit(130) from None
    if status.state != "finished" and status.mistake:
        raise RunError(status.message)
    if status.state != "finished":
        typer.echo(f"nast: run {run.id} {status.state}{': ' if status.message else ''}{status.message}", err=True)
        raise typer.Exit(1)
    for name, value in status.figures.items():
        typer.echo(_figure(name, value))
    typer.echo(f"results: {run.folder}")


def _how_far(status: "Status") -> str:
    if status.total and status.active:
        return f"{status.done} of {status.total} {status.label}".strip()
    return status.label if status.active else ""


def _figure(name: str, value: float | None) -> str:
    return f"{name:<20} {'undefined' if value is None else format(value, '.4g')}"


def _plain(status: "Status") -> dict:
    return json.loads(status.model_dump_json())
