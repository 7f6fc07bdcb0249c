"""A run whose work its caller does itself, with the model at hand: what a page computes is found again like any other."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from nast_core.recipe import Recipe
from nast_core.runs.status import Process, now
from nast_core.runs.store import Run, RunStore

Figures = dict[str, float]


def keep_here(
    recipe: Recipe, model_fingerprint: str, work: Callable[[Path], Figures], store: RunStore | None = None
) -> Run:
    """Makes a run, calls ``work`` with its folder, and marks it finished with the figures that ``work`` returns.

    Work that is broken off, by an error or by a user who left the page, leaves no run behind.
    """
    from nast_core.work.identity import identity

    store = store or RunStore()
    run = store.create(recipe, identity(recipe, store.root, model_fingerprint))
    try:
        at_work = {"state": "running", "started": now(), "process": Process.of(os.getpid())}
        run.set_status(run.written_status.model_copy(update=at_work))
        figures = work(run.folder)
        ended = {"state": "finished", "ended": now(), "figures": figures}
        run.set_status(run.written_status.model_copy(update=ended))
    except BaseException:  # Streamlit ends a script with one that is no Exception
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run
