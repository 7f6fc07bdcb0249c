"""All pairs, each on its own image: the effect pooled by token role, and by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.parts import widgets
from dashboard.tracing import charts, traces
from nast_core.interpret.summaries import AVERAGES, SUMMARIES, offered

if TYPE_CHECKING:
    import xarray as xr

    from dashboard.tracing.swaps import Swap
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


def draw(model: DualEncoder, chosen: tuple[AlignedPair, ...], swap: Swap, traced: xr.Dataset | None) -> None:
    """Which pairs, how they are pooled, and both charts; ends the page where no pair has an effect."""
    if traced is None:
        traces.offer(model, swap.plan, swap.method, swap.on)
        return
    which, averaging, summarising = st.columns(3)
    segment = which.selectbox(
        "Pairs",
        traces.SEGMENTS,
        key="segment",
        bind="query-params",
        format_func=lambda one: traces.segment_label(one, swap.on.finding),
    )
    average = traces.choose_average(averaging, "average", bind="query-params")
    summary = traces.choose_summary(summarising, list(offered(traced)), "summary", bind="query-params")
    tables = traces.tables(traced, segment, average, summary)
    st.caption(tables.counted)
    if tables.profile is None or tables.by_role is None:
        widgets.empty("No pair of this kind has a defined effect, so there is nothing to draw; choose other pairs.")
    pooled = f"{AVERAGES[average]}, {tables.pairs} pairs"
    roles, layers = st.columns(2, gap="medium")
    with roles:
        _draw_roles(tables.by_role, pooled)
    with layers:
        _draw_layers(tables.profile, SUMMARIES[summary].label, pooled)
    if swap.has_identities:
        widgets.ticks(traces.set_ticks(model, traced, chosen), title="Identities over all pairs")


def _draw_roles(by_role: xr.DataArray, pooled: str) -> None:
    widgets.figure(
        charts.role_map(by_role, title="CTE by token role", subtitle=pooled),
        key="tracing-roles",
        data=by_role.to_dataframe(name="cte").reset_index(),
        how_to_read=(
            "The same effect, pooled over pairs by what a token is. It leaves the negator in the layer where the "
            "later tokens have read it. A cue of several words shares some with the affirmative text, and those carry "
            "nothing."
        ),
        alt="Heatmap of the causal tracing effect by layer and token role",
    )


def _draw_layers(profile: pd.DataFrame, summary: str, pooled: str) -> None:
    widgets.figure(
        charts.layer_bars(
            profile,
            title=f"Layer summary: {summary}",
            subtitle=f"{pooled}; 95 % bootstrap interval over pairs",
            label="CTE",
        ),
        key="tracing-layers",
        data=profile,
        how_to_read=(
            "One number a layer. Fine-tuning scales each layer's step by such a profile, and different summaries "
            "give different profiles."
        ),
        alt=f"Bars of the layer summary {summary}",
    )
