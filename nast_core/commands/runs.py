"""``nast run`` and ``nast runs``: recipes carried out, and the runs there are."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nast_core.commands.common import command, refused
from nast_core.files.gate import faults, printable
from nast_core.recipe import Where

if TYPE_CHECKING:
    from nast_core.runs.status import Status
    from nast_core.runs.store import Run

app = typer.Typer()
group = typer.Typer(no_args_is_help=True, help="The runs of ./runs, or of the folder that NAST_RUNS names.")
app.add_typer(group, name="runs")


RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or its unmistakable beginning.")]
RunIds = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Ids of runs, or their unmistakable beginnings; each is tried.")
]
ExecutorName = Annotated[
    Where | None,
    typer.Option(
        help="Instead of what the recipe says. Its executor also names, for slurm: partition, account, qos, "
        "constraint, gpus, cpus, memory_gb, minutes, and extra for further options of sbatch."
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--detach", help="Wait for the end, or return at once.")]
_INTERRUPTED = 130


@command(app, "run")
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="kind: trace, and the fields of that kind.")],
    executor: ExecutorName = None,
    wait: Wait = True,
) -> None:
    """Carries out a recipe of any kind; the same recipe on the same model and data is found again.

    On a cluster: executor: {name: slurm, partition: gpu, account: lab, gpus: 1, cpus: 8, memory_gb: 32, extra:
    {reservation: mri}}

    Example: nast run trace.yaml --detach
    """
    from nast_core.work.executors import submit
    from nast_core.work.kinds import read_recipe

    task = read_recipe(recipe)
    if executor is not None:
        task = task.model_copy(update={"executor": task.executor.model_copy(update={"name": executor})})
    _follow(submit(task), wait)


@command(group, "list")
def runs_list(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Every run, the newest first.

    Example: nast runs list
    """
    from nast_core.recipe import RunError
    from nast_core.runs.store import RunStore

    store = RunStore()
    with faults(store.root, RunError):
        if store.root.exists():
            os.listdir(store.root)  # of a folder that cannot be read, the table is empty
    table = store.table()
    if as_json:
        rows = [
            {"id": r.run.id, "kind": r.recipe.kind, "model": r.recipe.model, **_plain(r.status)} for r in table.rows
        ]
        typer.echo(json.dumps({"runs": rows, "broken": table.broken}, indent=2))
        return
    for run, recipe, status, _ in table.rows:
        typer.echo(f"{run.id:<40} {status.state:<10} {_how_far(status):<22} {printable(recipe.model)}")
    for reason in table.broken.values():
        typer.echo(f"not read: {reason}", err=True)
    if not table.rows and not table.broken:
        typer.echo("no runs yet; start one with: nast run RECIPE.yaml", err=True)


@command(group, "show")
def runs_show(run_id: RunId) -> None:
    """What was asked, how it stands, what came out, and the end of the log.

    Example: nast runs show trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.pace import time_left
    from nast_core.runs.store import RunStore
    from nast_core.work.precision import noted, said

    run = RunStore().open(run_id)
    recipe, status, names = run.recipe, run.status, sorted(os.listdir(run.folder))
    typer.echo(
        f"{run.folder}\n{status.state}  {', '.join(filter(None, (_how_far(status), time_left(status, recipe))))}"
    )
    if status.message:
        typer.echo(printable(status.message))
    for name, value in status.figures.items():
        typer.echo(_figure(name, value))
    if computed := said(noted(run.folder)):
        typer.echo(printable(computed))
    typer.echo(recipe.model_dump_json(indent=2, exclude_defaults=True, exclude={"kind"}))
    typer.echo("files: " + ", ".join(printable(name) for name in names if not name.startswith(".")))
    for line in run.log.splitlines()[-10:]:
        typer.echo(f"| {printable(line)}")


@command(group, "cancel", untouched="run_ids")
def runs_cancel(run_ids: RunIds) -> None:
    """Stops runs, each within five seconds; their last checkpoints are kept.

    Example: nast runs cancel trace-20260310-141500-1a2b3c4d
    """
    from nast_core.recipe import RunError
    from nast_core.work.executors import STOPPED_WITHIN, cancel, wait_for

    def end(run: "Run") -> None:
        status = wait_for(run, STOPPED_WITHIN)
        if status.active:
            raise RunError(f"run {run.id} is still {status.state}; its machine has not answered yet")
        typer.echo(f"{run.id}: {status.state}")

    runs, codes = _each(run_ids, cancel)
    _leave([*codes, *_each([run.id for run in runs], end)[1]])  # all are asked before the first is waited for


@command(group, "resume", untouched="run_ids")
def runs_resume(run_ids: RunIds, wait: Wait = True) -> None:
    """Goes on with runs that were lost, cancelled or failed, from their last checkpoints.

    Example: nast runs resume trace-20260310-141500-1a2b3c4d
    """
    from nast_core.work.executors import resume

    begun, codes = _each(run_ids, resume)
    _leave([*codes, *_each([run.id for run in begun], lambda run: _follow(run, wait))[1]])


@command(group, "delete", untouched="run_ids")
def runs_delete(run_ids: RunIds) -> None:
    """Removes the folders of runs, unless they are at work or another run refers to them.

    Example: nast runs delete trace-20260310-141500-1a2b3c4d
    """
    from nast_core.runs.store import RunStore

    def delete(run: "Run") -> None:
        RunStore().delete(run.id)
        typer.echo(f"deleted: {printable(run.id)}")

    _leave(_each(run_ids, delete, newest_first=True)[1])  # a run goes before the older ones that it refers to


def _each(
    names: list[str], act: Callable[["Run"], object], *, newest_first: bool = False
) -> tuple[list["Run"], list[int]]:
    """Does it to every run that is named, each but once. Gives those it was done to, and an exit code for each of the
    others.

    What stands against it is a line each, and does not keep the others from being tried.
    """
    from nast_core.errors import NastError
    from nast_core.runs.store import RunStore

    store, runs, done, codes = RunStore(), [], [], []
    for name in names:
        try:
            runs.append(store.open(name))
        except NastError as error:
            codes.append(refused(error))
    if newest_first:
        runs = [run for run in store.runs() if run in runs]
    for run in dict.fromkeys(runs):
        try:
            act(run)
            done.append(run)
        except NastError as error:
            codes.append(refused(error))
        except typer.Exit as end:
            if end.exit_code == _INTERRUPTED:
                raise
            codes.append(end.exit_code)
    return done, codes


def _leave(codes: list[int]) -> None:
    if any(codes):
        raise typer.Exit(max(codes))


def _follow(run: "Run", wait: bool) -> None:
    """Shows how a run comes along until it ends; exit code 0 only where it finished."""
    from nast_core.recipe import RunError
    from nast_core.work.executors import follow

    status = run.status
    typer.echo(f"{run.id}: {status.state}")
    if not wait and status.state != "failed":
        return
    try:
        status = follow(run)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None
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
        return printable(f"{status.done} of {status.total} {status.label}".strip())
    return printable(status.label) if status.active else ""


def _figure(name: str, value: float | None) -> str:
    return f"{printable(name):<20} {'undefined' if value is None else format(value, '.4g')}"


def _plain(status: "Status") -> dict:
    return json.loads(status.model_dump_json())
