"""What moved inside: the captions' embeddings, and the weights layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.compare import charts, comparisons
from nast_core.finetune.shares import shares_told

if TYPE_CHECKING:
    from dashboard.compare.comparisons import View


def draw(view: View) -> None:
    """Either chart, or why there is none."""
    comparison = view.comparison
    if len(comparison.shifts):
        _draw_shifts(view)
    elif not view.lacks("pairs", again=True):
        two = comparisons.load(view.asked.a, view.asked.b)
        st.caption(
            f"The embeddings have {two.a.text.dim} and {two.b.text.dim} dimensions, so texts cannot be compared by"
            " their shift."
        )
    if len(comparison.parameters):
        _draw_moved(view)
    else:
        st.caption(
            "Neither model is a fine-tune of this folder of runs (run:ID), so there is no record of which layers were "
            "trained."
        )


def _draw_shifts(view: View) -> None:
    means = view.comparison.shift_means
    gap = means.set_index("form")["value"]["negated - affirmative"]
    view.sections.draw(
        charts.shift_points(
            view.comparison.shifts,
            means,
            title="Shift of the captions' embeddings",
            subtitle=f"{view.pairs} pairs; line: mean, 95 % interval over pairs; negated - affirmative {gap:+.4f}",
        ),
        key="compare-shift",
        data=view.comparison.shifts,
        how_to_read=(
            "How far the same text lies from where it was. Only negated captions should have to move; affirmative ones"
            " that moved are knowledge at risk. It means nothing between models that were not trained from one another."
        ),
        alt="Points of 1 - cosine between the embeddings of A and B, by form",
    )


def _draw_moved(view: View) -> None:
    table = view.comparison.parameters
    view.sections.draw(
        charts.moved_bars(
            table,
            title="Which layers moved",
            subtitle=(
                "norm of the change / norm of the weights, each fine-tune against its own base; line: w[l] it was "
                "trained with"
            ),
        ),
        key="compare-moved",
        data=table,
        how_to_read=(
            "The bars should follow the line, since w[l] scales each layer's learning rate. Layers that moved more "
            "than their weight says had steadier gradients, or smaller weights to begin with."
        ),
        alt="Bars of relative change by layer, with the layer weights as a line",
    )
    for model, part in table.groupby("model"):
        if "share" in part and (told := shares_told(part.share.tolist())):
            st.caption(f"{model}: {told}")
