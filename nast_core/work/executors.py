"""From a recipe to a run at work: on this machine or on a cluster; found again, stopped, and gone on with."""

import os
import subprocess
import sys
import time

from nast_core.files.writing import need_folder_writable
from nast_core.recipe import Recipe, RunError
from nast_core.runs.reporter import GRACE, ask_to_stop, withdraw
from nast_core.runs.status import Process, Status, now
from nast_core.runs.store import Run, RunStore, settled
from nast_core.work import slurm
from nast_core.work.identity import identity
from nast_core.work.launch import SAFE, search_path

_POLL = 0.1
_LOOK = 0.3  # seconds between two drawings of the bar


def run(recipe: Recipe, *, wait: bool = True, quiet: bool = False) -> Run:
    """A recipe's run, finished; or at work, where ``wait`` is false. For notebooks and scripts.

        run(TraceRecipe(pairs="pairs.jsonl")).result  # an xarray.Dataset; nast_core.work.results has the other kinds

    A bar shows its progress, and a line says which run it waits for, unless ``quiet``. Interrupted (Ctrl-C, a
    notebook's stop button), only the waiting ends: the run goes on, and a line says how to stop it; the same call joins
    it again. Raises RunError where it does not finish.
    """
    begun = submit(recipe)
    if wait and (status := follow(begun, quiet=quiet)).state != "finished":
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
    with store.writing():
        need_folder_writable(store.root)  # said before a model is loaded
    with store.made_for_a_run():
        return _submit(recipe, store, model_fingerprint)


def _submit(recipe: Recipe, store: RunStore, model_fingerprint: str | None) -> Run:
    own = identity(recipe, store.root, model_fingerprint)
    with store.alone():
        alike = list(store.alike(own.key))
        if finished := [row.run for row in alike if row.status.state == "finished"]:
            return finished[0]
        if active := [row.run for row in alike if row.status.active]:
            return active[0]
        if alike:
            return _resume(alike[0].run, alike[0].status, recipe)
        begun = store.create(recipe, own)
        try:
            return _start(begun)
        except BaseException:
            if begun.written_status.state == "queued":  # nothing was started, and nothing says why
                store.discard(begun)
            raise


def resume(run: Run) -> Run:
    """Starts a run that stopped on the way; its work goes on from its last checkpoint, or from the beginning.

    Raises RunError for a run that is at work or has finished.
    """
    with _store(run).alone():
        return _resume(run, run.status, run.recipe)


def _resume(run: Run, status: Status, recipe: Recipe) -> Run:
    """``recipe``, of the same key, replaces the run's: another device, say."""
    if status.active:
        raise RunError(f"run {run.id} is {status.state}; only a run that stopped can go on")
    if status.state == "finished":
        raise RunError(f"run {run.id} has finished; its results are in {run.folder}")
    with _store(run).writing():
        run.set_recipe(recipe)
        withdraw(run.folder)
        run.set_status(Status(created=status.created))
    return _start(run)


def _store(run: Run) -> RunStore:
    return RunStore(run.folder.parent)


def _start(run: Run) -> Run:
    executor = run.recipe.executor
    if executor.name == "local":
        with _store(run).writing():
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

    Not submitit's local executor: its controller stays in the server's session, so that Ctrl-C in the server's
    terminal, or closing it, ends the run; and it ends a run at a time limit.
    """
    env = os.environ | {"PYTHONPATH": search_path()}
    words = [sys.executable, SAFE, "-m", "nast_core.work.execute", str(run.folder)]
    with (run.folder / "log.txt").open("ab") as log:
        try:
            child = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=log, stderr=log, env=env, start_new_session=True
            )
        except OSError as error:
            reason = error.strerror or error
            raise RunError(f"no process can be started for the run ({reason}); end others, and try again") from None
    assert child.stdin is not None
    try:
        run.set_status(run.written_status.model_copy(update={"process": Process.of(child.pid)}))
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.stdin.close()  # only now it begins: two never write one status


def cancel(run: Run) -> None:
    """Asks a run to stop; it does within five seconds, and keeps its last checkpoint. Returns at once.

    Raises RunError for a run that is not at work.
    """
    store = _store(run)
    with store.alone(), store.writing():
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


def follow(run: Run, *, quiet: bool = False) -> Status:
    """How a run ended, watched until then: a bar on a terminal and in a notebook, and a line for what it waits for.

    Raises KeyboardInterrupt where the waiting is interrupted, after a line that says how to stop the run, which goes
    on.
    """
    if not (status := run.status).active:
        return status
    from tqdm.auto import tqdm

    last_label = ""
    try:
        with tqdm(desc=status.state, disable=True if quiet else None) as bar:  # None: not into a file
            while (status := wait_for(run, _LOOK)).active:
                bar.set_description(status.label if status.state == "running" and status.label else status.state)
                bar.total, bar.n = status.total or None, status.done
                bar.refresh()
                if status.state == "queued" and status.label not in ("", last_label) and not quiet:
                    last_label = status.label
                    bar.write(f"{run.id}: {last_label}", file=sys.stderr)
            if status.state == "finished":
                bar.n = bar.total or bar.n
                bar.refresh()
    except KeyboardInterrupt:
        print(f"run {run.id} goes on without you; stop it with: nast runs cancel {run.id}", file=sys.stderr)
        raise
    return status


def wait_for(run: Run, seconds: float | None = None) -> Status:
    """How a run ended, or how it stands after that many seconds."""
    until = None if seconds is None else time.monotonic() + seconds
    while (status := run.status).active and (until is None or time.monotonic() < until):
        time.sleep(_POLL)
    return status


STOPPED_WITHIN = GRACE + 2  # seconds after which a cancelled run's own process should have written so
