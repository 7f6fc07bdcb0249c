"""What fine-tuning runs wrote down: curves while they train, and figures before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.finetune import charts, prepare
from dashboard.parts import widgets

if TYPE_CHECKING:
    from nast_core.runs.store import Row


def draw(rows: Sequence[Row]) -> None:
    """Curves of these runs, and a table of those that have finished."""
    table = prepare.curves(rows)
    if table.empty:
        return
    count = len(set(table.run))
    widgets.figure(
        charts.curves(
            table,
            prepare.FIGURES,
            title="Validation figures while training",
            subtitle=(
                f"{count} run{'s' * (count != 1)}; studies and questions of the validation split; step 0 is the model "
                "as it was"
            ),
        ),
        key="finetune-curves",
        data=table,
        how_to_read=(
            "For cues trained on, the gap should fall while negated accuracy and the AUROC of denials rise together: an"
            " accuracy that rises alone means that the cue is muted, not read. Denials by all other cues count only"
            " where false denial, the AUROC of affirmations in frames that training lacks, stays near 1: at 0 they are"
            " taken for denials. Both are of a fixed sample of wordings. Retrieval and cosine show what is lost."
        ),
        alt="Curves of validation figures by training step",
    )
    done = prepare.results([row for row in rows if row.status.state == "finished"])
    if not done.empty:
        st.dataframe(done, hide_index=True, column_config=prepare.RESULT_COLUMNS)
