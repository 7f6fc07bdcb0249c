"""The board of fine-tuning runs: how each stands, its curves, its log, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.finetune import charts, prepare
from dashboard.parts import jobs, widgets
from dashboard.parts.text import plain
from nast_core.files.gate import printable

if TYPE_CHECKING:
    from nast_core.runs.store import Row, Run

_REFUSED = "board-refused"  # what the last press of a button could not do
_ASKED = {"arm": "arm", "seed": "seed", "method": "method", "learning_rate": "rate"}  # of a recipe, by its column


@st.fragment(run_every=2)
def show(kind: str) -> None:
    """The table of a kind's runs, drawn anew every two seconds; the chosen ones' curves, figures, log and controls."""
    from nast_core.runs.store import Run, RunStore

    store = RunStore()
    found = store.table()
    rows = [row for row in found.rows if row.recipe.kind == kind]
    if not rows and not found.broken:
        st.info("No run yet. Choose arms above and press Train.", icon=":material/lightbulb:")
        return
    lines = [*map(_line, rows), *starmap(_broken, found.broken.items())]
    event = st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        key=f"board-{kind}-{len(lines)}-{lines[0]['run']}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "progress": st.column_config.ProgressColumn("progress", min_value=0, max_value=1, format="percent")
        },
    )
    chosen = [number for number in event.selection.rows if number < len(lines)]
    picked = [rows[number] for number in chosen if number < len(rows)]
    damaged = [Run(store.root / name) for number, name in enumerate(found.broken, len(rows)) if number in chosen]
    shown = picked or [row for row in rows if row.status.active or row.status.state == "finished"][:4]
    st.caption(
        "Curves of the chosen runs; with none chosen, of the four latest. Tick rows to cancel, resume, delete or read a"
        " log."
    )
    _controls(picked, damaged)
    if kind == "finetune":
        _curves(shown)


def _line(row: Row) -> dict[str, object]:
    from nast_core.runs.pace import time_left

    recipe, status = row.recipe, row.status
    doing = "" if status.state == "finished" else status.label
    said = {name: getattr(recipe, name) for name in _ASKED if hasattr(recipe, name)}
    return {
        "run": row.run.id,
        **{_ASKED[name]: value for name, value in said.items()},
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
                with st.popover(f"Delete {len(runs)}", icon=icon, key="job-ask"):
                    wanted = st.button(plain(f"Delete for good: {', '.join(run.id for run in runs)}"), key="job-Delete")
            else:
                wanted = st.button(label, icon=icon, disabled=not runs, key=f"job-{label}")
            if wanted:
                st.session_state[_REFUSED] = jobs.each(act, runs)
                jobs.draw_again()
    for reason in st.session_state.pop(_REFUSED, ()):
        # the table is drawn anew every two seconds
        st.toast(plain(reason), icon=":material/error:", duration="infinite")
    for run in [*(row.run for row in picked), *damaged][:2]:
        with st.expander(f"Log of {plain(run.id)}", icon=":material/description:"):
            st.code(run.log[-6000:] or "nothing yet", language=None)


def _curves(rows: Sequence[Row]) -> None:
    table = prepare.curves(rows)
    if table.empty:
        return
    widgets.figure(
        charts.curves(
            table,
            prepare.FIGURES,
            title="Validation figures while training",
            subtitle=(
                f"{(n := len(set(table.run)))} run{'s' * (n != 1)}; studies and questions of the validation split; step"
                " 0 is the model as it was"
            ),
        ),
        key="curves",
        data=table,
        how_to_read=(
            "For cues trained on, the gap should fall while negated accuracy and the AUROC of denials rise together: an"
            " accuracy that rises alone means that the cue is muted, not read. Other cues mostly stay as they were."
            " Retrieval and cosine show what is lost."
        ),
        alt="Curves of validation figures by training step",
    )
    done = prepare.results([row for row in rows if row.status.state == "finished"])
    if not done.empty:
        st.dataframe(done, hide_index=True, column_config=prepare.RESULT_COLUMNS)
