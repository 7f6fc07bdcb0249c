"""A run carried out by the process that asks for it, with the model at hand: a command's, a page's, a study's.

It is found again like any other, and any other is found: the recipe says what was asked, whoever did the work.
"""

import os
import shutil
import time
from typing import TYPE_CHECKING

from nast_core.errors import NastError
from nast_core.files.writing import need_folder_writable
from nast_core.recipe import Cancelled, Recipe, Reporter, RunError
from nast_core.runs import known_kinds
from nast_core.runs.reporter import FolderReporter
from nast_core.runs.status import BEAT, Process, Status, now
from nast_core.runs.store import Run, RunStore
from nast_core.work.identity import identity
from nast_core.work.surroundings import surroundings

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

_POLL = 0.1  # seconds between looks at a run of another process


def run_in_process(
    recipe: Recipe, report: Reporter, *, model: "DualEncoder | None" = None, store: RunStore | None = None
) -> Run:
    """The finished run of a recipe: found; waited for, where another process is at it; or carried out here and now.

    ``model``: the recipe's, loaded, where the caller has it. Work that is broken off, by an error or by a user who left
    the page, leaves no run behind. Raises NastError where it cannot be done, or was cancelled.
    """
    store = store or RunStore()
    with store.writing():
        need_folder_writable(store.root)  # said before anything is loaded
    with store.made_for_a_run():
        return _in_process(recipe, report, model, store)


def _in_process(recipe: Recipe, report: Reporter, model: "DualEncoder | None", store: RunStore) -> Run:
    wide = model is not None and str(model.dtype) == "torch.float32"
    who = identity(recipe, store.root, model.fingerprint if model is not None and wide else None)
    while True:
        with store.alone():
            alike = list(store.alike(who.key))
            if same := next((row.run for row in alike if row.status.state == "finished"), None):
                return same
            at_work = next((row.run for row in alike if row.status.active), None)
            if at_work is None:
                run = store.create(recipe, who)
                begun = {"state": "running", "started": now(), "process": Process.of(os.getpid())}
                run.set_status(run.written_status.model_copy(update=begun))
                break
        _wait_for(at_work, report)
    try:
        _carry_out(run, report, model)
    except Cancelled:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise RunError(f"run {run.id} was cancelled") from None
    except BaseException:  # Streamlit ends a script with one that is no Exception
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run


def _carry_out(run: Run, report: Reporter, model: "DualEncoder | None") -> None:
    recipe, signs = run.recipe, _Signs(run, report)
    device = str(model.text.device) if model is not None else recipe.device
    run.set_environment(run.environment | surroundings([device]))
    figures = known_kinds()[recipe.kind].work(recipe, run.folder, signs, model)
    if not run.folder.is_dir():
        raise Cancelled
    ended = {"state": "finished", "ended": now(), "figures": {name: float(value) for name, value in figures.items()}}
    run.set_status(run.written_status.model_copy(update=ended))


class _Signs:
    """Passes on to the caller what the work says, and keeps it in the run's folder, for those who look there."""

    def __init__(self, run: Run, report: Reporter):
        self._run, self._report, self._written = run, report, time.monotonic()
        self._folder = FolderReporter(run.folder, self._note)

    def progress(self, done: int, total: int, label: str = "") -> None:
        self._folder.progress(done, total, label)
        self._report.progress(done, total, label)

    def metrics(self, step: int, **values: float) -> None:
        self._folder.metrics(step, **values)
        self._report.metrics(step, **values)

    def say(self, line: str) -> None:
        with (self._run.folder / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(line + "\n")
        self._report.say(line)

    def _note(self, done: int, total: int, label: str) -> None:
        if time.monotonic() - self._written >= BEAT:
            self._written = time.monotonic()
            fields = {"done": done, "total": total, "label": label}
            self._run.set_status(self._run.written_status.model_copy(update=fields))


def _wait_for(run: Run, report: Reporter) -> None:
    """Until a run of another process has ended, or is gone; what it says of its progress is passed on."""
    while (status := _status(run)) is not None and status.active:
        report.progress(status.done, status.total, status.label or status.state)
        time.sleep(_POLL)


def _status(run: Run) -> Status | None:
    try:
        return run.status
    except NastError:  # it was deleted
        return None
