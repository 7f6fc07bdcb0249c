"""Did the mechanism move: attention by head, the causal tracing effect by layer, and what the layers know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.compare import charts
from dashboard.tracing import traces
from nast_core.interpret.summaries import SUMMARIES

if TYPE_CHECKING:
    from dashboard.compare.comparisons import View


def draw(view: View) -> None:
    """Both charts of both models, and their layers; why there are none, where the dataset has no pair to look at."""
    if view.lacks("pairs"):
        return
    view.sections.draw(
        charts.head_maps(
            view.comparison.heads,
            title="Negator-selective attention",
            subtitle=f"means of {view.pairs} pairs, one scale",
        ),
        key="compare-heads",
        data=view.comparison.heads,
        how_to_read=(
            "Red: the head's later tokens look at the negator. The third map is what changed; it is there where "
            "both text towers have the same layers and heads, and means most where B was trained from A."
        ),
        alt="Heatmaps of negator-selective attention of A, of B and of their difference",
    )
    layers = view.comparison.layers
    summary = traces.choose_summary(st, list(layers.summary.unique()), "summary", bind="query-params")
    profile = layers[layers.summary == summary]
    view.sections.draw(
        charts.layer_bars(
            profile,
            view.names,
            title=f"Causal tracing effect: {SUMMARIES[summary].label}",
            label="CTE",
            subtitle=f"{view.pairs} pairs, block outputs; ratio of means; 95 % bootstrap interval over pairs",
        ),
        key="compare-layers",
        data=profile,
        how_to_read=(
            "Where the negation travels to the score. Bars that moved to other layers: another path. Bars alike: "
            "the same path, whatever the score does."
        ),
        alt="Bars of the causal tracing effect by layer, A beside B",
    )
    from dashboard.compare import known  # torch, which the headline does without

    known.draw(view)
