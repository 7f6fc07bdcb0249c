"""Runs on a page: started, watched, cancelled, gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard.parts import pace, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from pydantic import BaseModel
    from streamlit.delta_generator import DeltaGenerator

    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.runs.status import Status
    from nast_core.runs.store import Row, Run

Made = TypeVar("Made", bound="BaseModel")
Asked = TypeVar("Asked", bound="Recipe")
NOTE = "It runs on its own and goes on when this page is closed; the result is kept and found again."
_BADLY = ("failed", "lost")  # ends that a new start should know of


def offer(
    recipe: Recipe,
    model_fingerprint: str | None,
    label: str,
    *,
    key: str,
    note: str = NOTE,
    icon: str = ":material/play_arrow:",
    disabled: bool = False,
    ready: Callable[[], None] | None = None,
    ended: Callable[[Status], None] | None = None,
) -> None:
    """How the recipe's run stands, with a button to cancel it; or a button that starts it, and why the last one failed.

    The one way in which a page offers a run (``offer_all``: several). ``ready``: what must be so before a start; its
    NastError is a sentence, and the page ends. ``ended``: draws what came of the last run, where it finished.
    """
    from nast_core.runs.store import RunStore
    from nast_core.work.identity import identity

    store = RunStore()
    with widgets.advice():
        latest = next(store.alike(identity(recipe, store.root, model_fingerprint).key), None)
    if latest is not None and latest.status.active:
        watch(latest.run)
        return
    if latest is not None and latest.status.state in _BADLY:
        _warn(latest)
    elif latest is not None and latest.status.state == "finished" and ended:
        ended(latest.status)
    if st.button(label, type="primary", icon=icon, disabled=disabled, key=key):
        with widgets.advice():
            if ready:
                ready()
        start([recipe], model_fingerprint)
        st.rerun()
    st.caption(note)


def here_or_offered(recipe: Recipe, model: DualEncoder, what: str, seconds: float, *, key: str) -> Run | None:
    """The recipe's run: found; carried out here where that takes a moment; else None, and it is offered with its time.

    ``what``: as in "Probe every layer"; a finished run is found again by whoever asks for the same.
    """
    from nast_core.runs.pace import duration
    from nast_core.work.identity import find_run

    with widgets.advice():
        run = find_run(recipe, model_fingerprint=model.fingerprint)
        if run is None and seconds <= pace.AT_ONCE:
            run = run_now(recipe, model, what)
    if run is None:
        offer(recipe, model.fingerprint, f"{what}: {duration(seconds)}", key=key)
    return run


def offer_all(
    recipes: Sequence[Asked],
    fingerprints: Sequence[str | None],
    label: Callable[[Sequence[Asked]], str],
    *,
    key: str,
    note: str = NOTE,
) -> None:
    """As ``offer``, of several recipes that one button starts, one run after another; ``fingerprints``: of their
    models, None where it is looked up. ``label``: of the button, given those that are not at work."""
    from nast_core.runs.store import RunStore
    from nast_core.work.identity import identity

    store, waiting = RunStore(), list[tuple[Asked, str | None]]()
    for recipe, fingerprint in zip(recipes, fingerprints, strict=True):
        with widgets.advice():
            latest = next(store.alike(identity(recipe, store.root, fingerprint).key), None)
        if latest is not None and latest.status.active:
            watch(latest.run)
            continue
        waiting.append((recipe, fingerprint))
        if latest is not None and latest.status.state in _BADLY:
            _warn(latest)
    if not waiting:
        return
    said = label([recipe for recipe, _ in waiting])
    if st.button(said, type="primary", icon=":material/play_arrow:", key=key):
        for fingerprint in dict.fromkeys(fingerprint for _, fingerprint in waiting):
            start([recipe for recipe, of in waiting if of == fingerprint], fingerprint)
        st.rerun()
    st.caption(note)


def _warn(latest: Row) -> None:
    """Why the last run of a recipe has ended badly."""
    reason = latest.status.message or "its process is gone"
    st.warning(plain(f"Run {latest.run.id} {latest.status.state}: {reason}"), icon=":material/warning:")


def made(kind: Callable[..., Made], fields: Mapping[str, Any]) -> Made:
    """A recipe of these fields. An impossible choice is one sentence, and the page ends."""
    from pydantic import ValidationError

    from nast_core.errors import what_is_wrong

    try:
        return kind(**fields)
    except ValidationError as error:
        widgets.refuse(f"These settings do not go together: {what_is_wrong(error)}")


def run_now(recipe: Recipe, model: DualEncoder, what: str) -> Run:
    """The recipe's run: found, or carried out here under a progress bar. Raises NastError where it cannot be done."""
    from nast_core.work.in_process import run_in_process

    bar = st.progress(0.0, plain(what))
    try:
        return run_in_process(recipe, _Bar(bar, what), model=model)
    finally:
        bar.empty()


class _Bar:
    """What a run's work says, on a progress bar of the page."""

    def __init__(self, bar: DeltaGenerator, what: str):
        self._bar, self._what = bar, what

    def progress(self, done: int, total: int, label: str = "") -> None:
        self._bar.progress(
            min(done / total, 1.0) if total else 0.0, plain(f"{self._what}: {done:,} of {total:,} {label}")
        )

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None: ...


@st.fragment(run_every=1)
def watch(run: Run) -> None:
    """How a run at work stands, drawn anew every second; the whole page once it has ended."""
    from nast_core.recipe import RunError
    from nast_core.runs.pace import time_left
    from nast_core.work.executors import cancel

    try:
        status = run.status
    except RunError as error:  # somebody has deleted it
        st.info(f"{error}.", icon=":material/delete:")
        if st.button("Go on", key=f"gone-{run.id}", icon=":material/refresh:"):
            st.rerun()
        return
    if not status.active:
        st.rerun()
    share = status.done / status.total if status.total else 0.0
    label = f"{run.id}: {status.state}"
    if status.total:
        label += f", {status.done:,} of {status.total:,} {status.label}"
    elif status.label:
        label += f", {status.label}"
    if left := time_left(status, run.recipe):
        label += f", {left}"
    bar, stop = st.columns([6, 1], vertical_alignment="center")
    bar.progress(min(share, 1.0), plain(label))
    if stop.button("Cancel", key=f"cancel-{run.id}", icon=":material/stop:"):
        for reason in each(cancel, [run]):  # it may have ended a moment ago
            st.toast(plain(reason), icon=":material/error:")
        draw_again()


def each(act: Callable[[Run], object], runs: Sequence[Run]) -> list[str]:
    """Does it to every run; says why not, where it cannot be done."""
    from nast_core.errors import NastError

    refused = []
    for run in runs:
        try:
            act(run)
        except NastError as error:
            refused.append(str(error))
    return refused


def draw_again() -> None:
    """Draws a fragment anew; the page, where its press was heard while all of it was being drawn."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


def start(recipes: Sequence[Recipe], model_fingerprint: str | None) -> None:
    """Queues a run for each recipe; what was run before is found again."""
    from nast_core.work.executors import submit

    with widgets.advice():
        for recipe in recipes:
            submit(recipe, model_fingerprint=model_fingerprint)
    st.toast(f"{len(recipes)} queued; they go on when this page is closed", icon=":material/check:")


def forget(recipe: Recipe) -> None:
    """Before something is made anew: an old success would be found again in its place."""
    from nast_core.runs.store import RunStore
    from nast_core.work.identity import identity

    store = RunStore()
    for row in list(store.alike(identity(recipe, store.root).key)):
        if row.status.state == "finished":
            store.delete(row.run.id)
