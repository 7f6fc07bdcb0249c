"""The runs of a kind as a table: how each stands, its log, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import starmap
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.parts import jobs, widgets
from dashboard.parts.text import plain
from nast_core.files.gate import printable

if TYPE_CHECKING:
    from nast_core.runs.store import Row, Run

_REFUSED = "runs-refused"  # what the last press of a button could not do
_ASKED = {"arm": "arm", "seed": "seed", "method": "method", "learning_rate": "rate"}  # of a recipe, by its column


@st.fragment(run_every=2)
def show(kind: str, start: str = "", more: Callable[[Sequence[Row]], None] | None = None) -> None:
    """The table of a kind's runs, drawn anew every two seconds; controls and logs of the chosen, and ``more`` of them.

    ``start``: how a first run is begun. Where none is chosen, ``more`` draws the four latest at work or finished.
    """
    from nast_core.runs.store import Run, RunStore

    store = RunStore()
    table = store.table()
    rows = [row for row in table.rows if row.recipe.kind == kind]
    if not rows and not table.broken:
        widgets.hint(f"No run yet. {start}".strip())
        return
    lines = [*map(_line, rows), *starmap(_broken, table.broken.items())]
    event = st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        key=f"runs-{kind}-{len(lines)}-{lines[0]['run']}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "progress": st.column_config.ProgressColumn("progress", min_value=0, max_value=1, format="percent")
        },
    )
    chosen = [number for number in event.selection.rows if number < len(lines)]
    picked = [rows[number] for number in chosen if number < len(rows)]
    damaged = [Run(store.root / name) for number, name in enumerate(table.broken, len(rows)) if number in chosen]
    shown = picked or [row for row in rows if row.status.active or row.status.state == "finished"][:4]
    st.caption(
        "Curves of the chosen runs; with none chosen, of the four latest. Tick rows to cancel, resume, delete or read a"
        " log."
    )
    _controls(picked, damaged)
    _computed(shown)
    if more:
        more(shown)


def _computed(rows: Sequence[Row]) -> None:
    """What the runs that asked for it are computed in, and what was measured."""
    from nast_core.work.precision import noted, said

    for row in rows:
        if computed := said(noted(row.run.folder)):
            st.caption(plain(f"{row.run.id}: {computed}"))


def _line(row: Row) -> dict[str, object]:
    from nast_core.runs.pace import time_left

    recipe, status = row.recipe, row.status
    doing = "" if status.state == "finished" else status.label
    settings = {name: getattr(recipe, name) for name in _ASKED if hasattr(recipe, name)}
    return {
        "run": row.run.id,
        **{_ASKED[name]: value for name, value in settings.items()},
        "state": status.state,
        "progress": 1.0 if status.state == "finished" else min(status.done / (status.total or 1), 1.0),
        "now": status.message or ", ".join(filter(None, (doing, time_left(status, recipe)))),
    }


def _broken(run_id: str, reason: str) -> dict[str, object]:
    return {"run": printable(run_id), "state": "cannot be read", "progress": 0.0, "now": reason}


def _controls(picked: Sequence[Row], damaged: Sequence[Run]) -> None:
    from nast_core.runs.store import RunStore
    from nast_core.work.executors import cancel, resume

    active = [row.run for row in picked if row.status.active]
    stopped = [row.run for row in picked if row.status.state in ("cancelled", "failed", "lost")]
    ended = [*(row.run for row in picked if not row.status.active), *damaged]
    actions = (
        ("Cancel", ":material/stop:", active, cancel),
        ("Resume", ":material/play_arrow:", stopped, resume),
        ("Delete", ":material/delete:", ended, lambda run: RunStore().delete(run.id)),
    )
    with st.container(horizontal=True):
        for label, icon, runs, act in actions:
            if label == "Delete" and runs:  # nothing brings a run back
                with st.popover(f"Delete {len(runs)}", icon=icon, key="runs-ask"):
                    wanted = st.button(
                        plain(f"Delete for good: {', '.join(run.id for run in runs)}"), key="runs-Delete"
                    )
            else:
                wanted = st.button(label, icon=icon, disabled=not runs, key=f"runs-{label}")
            if wanted:
                st.session_state[_REFUSED] = jobs.each(act, runs)
                jobs.draw_again()
    for reason in st.session_state.pop(_REFUSED, ()):
        # the table is drawn anew every two seconds
        st.toast(plain(reason), icon=":material/error:", duration="infinite")
    for run in [*(row.run for row in picked), *damaged][:2]:
        with st.expander(f"Log of {plain(run.id)}", icon=":material/description:"):
            st.code(run.log[-6000:] or "nothing yet", language=None)
