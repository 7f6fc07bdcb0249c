"""The charts of causal tracing: data in, plotly figure out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr

from dashboard.parts import plots, theme


def cte_map(
    cte: np.ndarray, labels: Sequence[str], *, title: str, subtitle: str, first_layer: int = 0, x: str = "token"
) -> go.Figure:
    """CTE by layer (0 = embedding) and token, or whatever ``x`` names, of one pair."""
    layers = list(range(first_layer, first_layer + len(cte)))
    figure = go.Figure(
        go.Heatmap(
            z=cte,
            x=list(labels),
            y=layers,
            colorbar=plots.colour_bar("CTE"),
            hovertemplate="layer %{y}, %{x}: CTE %{z:.3f}<extra></extra>",
            **plots.signed_scale(cte if np.isfinite(cte).any() else 1.0),
            **plots.written(cte, when=cte.size <= 220),
        )
    )
    figure.update_yaxes(title_text=plots.layer_title(layers), dtick=1, autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text=f"{x} swapped", showgrid=False)
    return plots.finish(figure, title, subtitle, 110 + 28 * len(layers))


def cells(values: np.ndarray, first_layer: int, column: str = "position", first_column: int = 0) -> pd.DataFrame:
    """The data behind a map of [layer, column], a row a cell."""
    rows, columns = np.indices(values.shape)
    return pd.DataFrame(
        {"layer": rows.ravel() + first_layer, column: columns.ravel() + first_column, "cte": values.ravel()}
    )


def role_map(by_role: xr.DataArray, *, title: str, subtitle: str) -> go.Figure:
    """CTE by layer and token role, pooled over pairs."""
    values = by_role.transpose("layer", "role")
    first, roles = int(values.layer[0]), values.role.values.tolist()
    return cte_map(values.values, roles, title=title, subtitle=subtitle, first_layer=first, x="token role")


def layer_bars(table: pd.DataFrame, *, title: str, subtitle: str, label: str) -> go.Figure:
    """Bars with intervals; ``table`` has layer, value, low, high."""
    figure = go.Figure(
        go.Bar(
            x=table.layer,
            y=table.value,
            marker_color=theme.NEGATED,
            error_y=plots.intervals(table),
            hovertemplate="layer %{x}: %{y:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text=plots.layer_title(table.layer.tolist()), dtick=1)
    figure.update_yaxes(title_text=label)
    return plots.finish(figure, title, subtitle, 360)
