"""From a recipe to a run at work: on this machine or on a cluster; found again, stopped, and gone on with."""

import os
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from nast_core.runs import slurm
from nast_core.runs.key import identity
from nast_core.runs.launch import SAFE, search_path
from nast_core.runs.recipe import Recipe, RunError
from nast_core.runs.reporter import GRACE, ask_to_stop, withdraw
from nast_core.runs.status import Process, Status, now
from nast_core.runs.store import Run, RunStore, settled

_POLL = 0.1


def run(recipe: Recipe, *, wait: bool = True) -> Run:
    """A recipe's run, finished; or at work, where ``wait`` is false. For notebooks and scripts.

        traced = run(TraceRecipe(pairs="pairs.jsonl"))
        xarray.open_dataset(traced.folder / "trace.nc")

    Raises RunError where it does not finish.
    """
    begun = submit(recipe)
    if wait and (status := wait_for(begun)).state != "finished":
        raise RunError(f"run {begun.id} {status.state}: {status.message or 'see its log.txt'}")
    return begun


def open_run(name: str) -> Run:
    """The run of an id, or of its unmistakable beginning. Raises RunError where there is none."""
    return RunStore().open(name)


def submit(recipe: Recipe, store: RunStore | None = None, *, model_fingerprint: str | None = None) -> Run:
    """The run of a recipe, started where there is none yet; it goes on without whoever asked.

    The same recipe on the same model and data is found again: finished, it is given back; at work, it is joined;
    stopped on the way, it goes on from its last checkpoint. Raises NastError where it cannot begin.
    """
    store = store or RunStore()
    recipe = settled(recipe)
    found = identity(recipe, store.root, model_fingerprint)
    store.root.mkdir(parents=True, exist_ok=True)
    with _alone(store.root):
        alike = [(run.status, run) for run in store.alike(found.key)]
        if finished := [run for status, run in alike if status.state == "finished"]:
            return finished[0]
        if active := [run for status, run in alike if status.active]:
            return active[0]
        return _resume(alike[0][1], recipe) if alike else _start(store.create(recipe, found))


def resume(run: Run) -> Run:
    """Starts a run that stopped on the way; its work goes on from its last checkpoint, or from the beginning.

    Raises RunError for a run that is at work or has finished.
    """
    with _alone(run.folder.parent):
        return _resume(run, run.recipe)


def _resume(run: Run, recipe: Recipe) -> Run:
    """``recipe``, of the same key, replaces the run's: another device, say."""
    status = run.status
    if status.active:
        raise RunError(f"run {run.id} is {status.state}; only a run that stopped can go on")
    if status.state == "finished":
        raise RunError(f"run {run.id} has finished; its results are in {run.folder}")
    run.set_recipe(recipe)
    withdraw(run.folder)
    run.set_status(Status(created=status.created))
    return _start(run)


def _alone(root: Path) -> FileLock:
    """Two who submit, resume or cancel at once, in whatever processes, do so one after the other."""
    return FileLock(root / ".submit.lock")


def _start(run: Run) -> Run:
    executor = run.recipe.executor
    if executor.name == "local":
        _start_here(run)
        return run
    try:
        job = slurm.submit(run.folder, executor)
    except RunError as error:
        run.set_status(Status(state="failed", ended=now(), message=str(error), mistake=True))
        raise
    run.set_status(run.written_status.model_copy(update={"job": job}))
    return run


def _start_here(run: Run) -> None:
    """A process of a session of its own: it outlives the page, the server, the terminal and a log-out.

    Not submitit's local executor: its controller stays in the server's session, so that Ctrl-C in the server's terminal,
    or closing it, ends the run; and it ends a run at a time limit.
    """
    env = os.environ | {"PYTHONPATH": search_path()}
    with (run.folder / "log.txt").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, SAFE, "-m", "nast_core.runs.execute", str(run.folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=env,
            start_new_session=True,
        )
    assert child.stdin is not None
    run.set_status(run.written_status.model_copy(update={"process": Process.of(child.pid)}))
    child.stdin.close()  # only now it begins: two never write one status


def cancel(run: Run) -> None:
    """Asks a run to stop; it does within five seconds, and keeps its last checkpoint. Returns at once.

    Raises RunError for a run that is not at work.
    """
    with _alone(run.folder.parent):
        status = run.status
        if status.state == "lost" or (status.process is None and status.active):
            if status.job is not None:
                ask_to_stop(run.folder)  # should it be starting just now
                slurm.cancel(run.folder, status.job)
            run.set_status(status.model_copy(update={"state": "cancelled", "ended": now(), "message": ""}))
        elif status.active:
            ask_to_stop(run.folder)
        else:
            raise RunError(f"run {run.id} is not at work: it is {status.state}")


def wait_for(run: Run, seconds: float | None = None) -> Status:
    """How a run ended, or how it stands after that many seconds."""
    until = None if seconds is None else time.monotonic() + seconds
    while (status := run.status).active and (until is None or time.monotonic() < until):
        time.sleep(_POLL)
    return status


STOPPED_WITHIN = GRACE + 2  # seconds after which a cancelled run's own process should have written so
