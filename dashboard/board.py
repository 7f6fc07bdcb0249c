"""The board of fine-tuning runs: how each stands, its curves, its log, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import pandas as pd
import streamlit as st

from dashboard import finetune, finetune_charts, widgets
from dashboard.text import plain

if TYPE_CHECKING:
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.runs.store import Row, Run


_REFUSED = "board-refused"  # what the last press of a button could not do


@st.fragment(run_every=2)
def show(kind: str) -> None:
    """The table of a kind's runs, drawn anew every two seconds; the chosen ones' curves, figures, log and controls."""
    from nast_core.runs.store import RunStore

    found = RunStore().table()
    rows = [row for row in found.rows if row.recipe.kind == kind]
    for reason in found.broken.values():
        st.warning(plain(reason), icon=":material/broken_image:")
    if not rows:
        st.info("No run yet. Choose arms above and press Train.", icon=":material/lightbulb:")
        return
    event = st.dataframe(
        _table(rows), hide_index=True, key=f"board-{kind}-{len(rows)}-{rows[0].run.id}", on_select="rerun", selection_mode="multi-row",
        column_config={"progress": st.column_config.ProgressColumn("progress", min_value=0, max_value=1, format="percent")},
    )  # fmt: skip
    picked = [rows[i] for i in event.selection.rows if i < len(rows)]
    shown = picked or [row for row in rows if row.status.active or row.status.state == "finished"][:4]
    st.caption(
        "Curves of the chosen runs; with none chosen, of the four latest. Tick rows to cancel, resume, delete or read a log."
    )
    _controls(picked)
    _curves([row.run for row in shown])


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    asked = [cast("FinetuneRecipe", row.recipe) for row in rows]
    return pd.DataFrame(
        [
            {
                "run": row.run.id, "arm": recipe.arm, "seed": recipe.seed, "method": recipe.method,
                "rate": recipe.learning_rate, "state": row.status.state,
                "progress": 1.0 if row.status.state == "finished" else row.status.done / (row.status.total or 1),
                "now": row.status.message or ("" if row.status.state == "finished" else row.status.label),
            }
            for row, recipe in zip(rows, asked, strict=True)
        ]
    )  # fmt: skip


def _controls(picked: Sequence[Row]) -> None:
    from nast_core.runs.executors import cancel, resume
    from nast_core.runs.store import RunStore

    active = [row.run for row in picked if row.status.active]
    stopped = [row.run for row in picked if row.status.state in ("cancelled", "failed", "lost")]
    ended = [row.run for row in picked if not row.status.active]
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
                st.session_state[_REFUSED] = _each(act, runs)
                st.rerun(scope="fragment")
    for reason in st.session_state.pop(_REFUSED, ()):
        st.toast(
            plain(reason), icon=":material/error:", duration="infinite"
        )  # the table is drawn anew every two seconds
    for row in picked[:2]:
        with st.expander(f"Log of {plain(row.run.id)}", icon=":material/description:"):
            st.code(row.run.log[-6000:] or "nothing yet", language=None)


def _each(act: Callable[[Run], object], runs: Sequence[Run]) -> list[str]:
    """Does it to every run; says why not, where it cannot be done."""
    from nast_core.errors import NastError

    refused = []
    for run in runs:
        try:
            act(run)
        except NastError as error:
            refused.append(str(error))
    return refused


def _curves(runs: Sequence[Run]) -> None:
    table = finetune.curves(list(runs))
    if table.empty:
        return
    widgets.figure(
        finetune_charts.curves(
            table, finetune.FIGURES, title="Validation figures while training",
            subtitle=f"{(n := len(set(table.run)))} run{'s' * (n != 1)}; studies and questions of the validation split; step 0 is the model as it was",
        ),
        key="curves",
        data=table,
        how_to_read="For cues trained on, the gap should fall while negated accuracy and the AUROC of denials rise together: an accuracy "
        "that rises alone means that the cue is muted, not read. Other cues mostly stay as they were. Retrieval and cosine show what is lost.",
        alt="Curves of validation figures by training step",
    )  # fmt: skip
    done = finetune.results([run for run in runs if run.status.state == "finished"])
    if not done.empty:
        st.dataframe(done, hide_index=True, column_config=finetune.RESULT_COLUMNS)
