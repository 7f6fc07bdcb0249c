"""Figures: data in, plotly figure out. No Streamlit, no engine calls.

One colour means one thing everywhere (Okabe-Ito, safe for colour-blind readers). Magnitudes are drawn on
cividis, signed values on a red-blue scale centred at 0.
"""

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from dashboard.parts.text import chart

AFFIRMATIVE, NEGATED, BASE, TUNED = "#0072B2", "#D55E00", "#999999", "#009E73"
SIGNED, MAGNITUDE = "RdBu_r", "Cividis"
_MARGIN = {"l": 10, "r": 10, "t": 66, "b": 10}
_FORM_COLOURS = {"affirmative": AFFIRMATIVE, "negated": NEGATED}


def finish(figure: go.Figure, title: str, subtitle: str, height: int) -> go.Figure:
    figure.update_layout(
        title={
            "text": chart(title),
            "font": {"size": 15},
            "x": 0,
            "xanchor": "left",
            "y": 0.98,
            "yanchor": "top",
            "subtitle": {"text": chart(subtitle), "font": {"size": 12}},
        },
        height=height,
        margin=_MARGIN,
        dragmode=False,
        showlegend=bool(figure.layout.showlegend),
    )
    return figure


def token_labels(pieces: Sequence[str], negator: Sequence[int]) -> list[str]:
    """Tick texts; the negator is underlined as well as coloured. Numbered, since a word may stand twice."""
    shown = [
        f'<b><u><span style="color:{NEGATED}">{escape(p)}</span></u></b>' if i in negator else escape(p)
        for i, p in enumerate(pieces)
    ]
    return [f"{text}<span style='font-size:1px'> {i}</span>" for i, text in enumerate(shown)]


def _clickable_cells(rows: Sequence[int], columns: Sequence[int], size: float) -> go.Scatter:
    """Unseen squares over a heatmap's cells: Streamlit reports clicks on points, never on heatmap cells."""
    grid = [(row, column) for row in rows for column in columns]
    return go.Scatter(
        x=[column for _, column in grid],
        y=[row for row, _ in grid],
        customdata=[[row, column] for row, column in grid],
        mode="markers",
        marker={"symbol": "square", "size": size, "opacity": 0},
        hovertemplate="layer %{customdata[0]}, head %{customdata[1]}<extra></extra>",
        showlegend=False,
    )


def head_map(
    nsa: xr.DataArray, low: np.ndarray, high: np.ndarray, layer: int, head: int, *, title: str, subtitle: str
) -> go.Figure:
    """NSA by layer and head, with layer means as bars on the same layers; the chosen cell is framed.

    ``nsa`` [layer, head]; ``low`` and ``high`` [layer]: the interval of each layer's mean.
    """
    layers, heads = nsa["layer"].values.tolist(), nsa["head"].values.tolist()
    limit = max(float(abs(nsa).max()), 1e-6)
    height = 110 + 30 * len(layers)
    figure = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.72, 0.28], horizontal_spacing=0.02)
    figure.add_heatmap(
        z=nsa.values,
        x=heads,
        y=layers,
        zmin=-limit,
        zmax=limit,
        colorscale=SIGNED,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
        text=np.round(nsa.values, 2),
        texttemplate="%{text:.2f}" if len(heads) <= 12 else None,
        textfont={"size": 11},
        colorbar={"title": {"text": "NSA", "side": "right"}, "thickness": 12},
        row=1,
        col=1,
    )
    figure.add_trace(_clickable_cells(layers, heads, 24), row=1, col=1)
    figure.add_shape(
        type="rect",
        x0=head - 0.5,
        x1=head + 0.5,
        y0=layer - 0.5,
        y1=layer + 0.5,
        line={"color": "#E69F00", "width": 3},
        row=1,
        col=1,
    )
    mean = nsa.mean("head").values
    figure.add_bar(
        x=mean,
        y=layers,
        orientation="h",
        marker_color=NEGATED,
        row=1,
        col=2,
        error_x={
            "type": "data",
            "symmetric": False,
            "array": high - mean,
            "arrayminus": mean - low,
            "thickness": 1.2,
            "color": "#8A8F98",
        },
        hovertemplate="layer %{y}: mean NSA %{x:.3f}<extra></extra>",
    )
    figure.update_xaxes(title_text="head", dtick=1, showgrid=False, zeroline=False, row=1, col=1)
    figure.update_xaxes(title_text="mean over heads", row=1, col=2)
    figure.update_yaxes(
        title_text="layer",
        dtick=1,
        range=[layers[-1] + 0.5, layers[0] - 0.5],
        showgrid=False,
        zeroline=False,
        row=1,
        col=1,
    )
    return finish(figure, title, subtitle, height)


def attention_patterns(
    negated: np.ndarray,
    affirmative: np.ndarray,
    labels_negated: Sequence[str],
    labels_affirmative: Sequence[str],
    *,
    title: str,
    subtitle: str,
) -> go.Figure:
    """One head's attention [query, key] for both texts on one scale, and negated minus affirmative."""
    figure = make_subplots(
        cols=3, subplot_titles=("negated", "affirmative", "negated - affirmative"), horizontal_spacing=0.04
    )
    top = float(max(negated.max(), affirmative.max()))
    difference = negated - affirmative
    limit = float(max(np.abs(difference).max(), 1e-6))
    panels = (
        (negated, labels_negated, {"coloraxis": "coloraxis"}),
        (affirmative, labels_affirmative, {"coloraxis": "coloraxis"}),
        (difference, labels_negated, {"coloraxis": "coloraxis2"}),
    )
    for column, (values, labels, colour) in enumerate(panels, start=1):
        figure.add_heatmap(
            z=values,
            x=labels,
            y=labels,
            xgap=1,
            ygap=1,
            row=1,
            col=column,
            **colour,
            hovertemplate="%{y} looks at %{x}: %{z:.3f}<extra></extra>",
        )
        figure.update_xaxes(title_text="key (looked at)", tickangle=-45, showgrid=False, row=1, col=column)
        first = {"title_text": "query (looks)"} if column == 1 else {"showticklabels": False}
        figure.update_yaxes(autorange="reversed", showgrid=False, row=1, col=column, **first)
    bar = {
        "orientation": "h",
        "thickness": 10,
        "y": -0.42,
        "yanchor": "top",
        "title": {"side": "bottom"},
        "nticks": 5,
        "tickangle": 0,
    }
    figure.update_layout(
        coloraxis={
            "colorscale": MAGNITUDE,
            "cmin": 0,
            "cmax": top,
            "colorbar": bar | {"x": 0.3, "len": 0.5, "title": {"text": "share of attention", "side": "bottom"}},
        },
        coloraxis2={
            "colorscale": SIGNED,
            "cmin": -limit,
            "cmax": limit,
            "colorbar": bar | {"x": 0.88, "len": 0.24, "title": {"text": "difference", "side": "bottom"}},
        },
    )
    return finish(figure, title, subtitle, 540)


def cte_map(
    cte: np.ndarray, labels: Sequence[str], *, title: str, subtitle: str, first_layer: int = 0, x: str = "token"
) -> go.Figure:
    """CTE by layer (0 = embedding) and token, or whatever ``x`` names, of one pair."""
    layers = list(range(first_layer, first_layer + len(cte)))
    limit = float(np.nanmax(np.abs(cte))) if np.isfinite(cte).any() else 1.0
    figure = go.Figure(
        go.Heatmap(
            z=cte,
            x=list(labels),
            y=layers,
            zmin=-limit,
            zmax=limit,
            colorscale=SIGNED,
            xgap=1,
            ygap=1,
            text=np.round(cte, 2),
            texttemplate="%{text:.2f}" if cte.size <= 220 else None,
            textfont={"size": 11},
            colorbar={"title": {"text": "CTE", "side": "right"}, "thickness": 12},
            hovertemplate="layer %{y}, %{x}: CTE %{z:.3f}<extra></extra>",
        )
    )
    title_y = "layer (0 = embedding)" if first_layer == 0 else "layer"
    figure.update_yaxes(title_text=title_y, dtick=1, autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text=f"{x} swapped", showgrid=False)
    return finish(figure, title, subtitle, 110 + 28 * len(layers))


def cells(values: np.ndarray, first_layer: int, column: str = "position", first_column: int = 0) -> pd.DataFrame:
    """The data behind a map of [layer, column], a row a cell."""
    rows, columns = np.indices(values.shape)
    return pd.DataFrame(
        {"layer": rows.ravel() + first_layer, column: columns.ravel() + first_column, "cte": values.ravel()}
    )


def role_map(by_role: xr.DataArray, *, title: str, subtitle: str) -> go.Figure:
    """CTE by layer and token role, pooled over pairs."""
    values = by_role.transpose("layer", "role")
    first = int(values.layer[0])
    return cte_map(
        values.values, values.role.values.tolist(), title=title, subtitle=subtitle, first_layer=first, x="token role"
    )


def layer_bars(table: pd.DataFrame, *, title: str, subtitle: str, label: str) -> go.Figure:
    """Bars with intervals; ``table`` has layer, value, low, high."""
    figure = go.Figure(
        go.Bar(
            x=table.layer,
            y=table.value,
            marker_color=NEGATED,
            error_y={
                "type": "data",
                "symmetric": False,
                "array": table.high - table.value,
                "arrayminus": table.value - table.low,
                "thickness": 1.2,
                "color": "#8A8F98",
            },
            hovertemplate="layer %{x}: %{y:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="layer (0 = embedding)" if 0 in set(table.layer) else "layer", dtick=1)
    figure.update_yaxes(title_text=label)
    return finish(figure, title, subtitle, 360)


def accuracy_bars(table: pd.DataFrame, *, title: str, subtitle: str, horizontal: bool = False) -> go.Figure:
    """Accuracy by group and form in per cent, with intervals and the chance line; ``table`` as ``by_group`` gives it."""
    figure = go.Figure()
    for form, colour in _FORM_COLOURS.items():
        part = table[table.form == form]
        error = {
            "type": "data",
            "symmetric": False,
            "array": 100 * (part.high - part.value),
            "arrayminus": 100 * (part.value - part.low),
            "thickness": 1.2,
            "color": "#8A8F98",
        }
        groups, values = (
            [chart(f"{group} ({n})") for group, n in zip(part.group, part.n, strict=True)],
            100 * part.value,
        )
        figure.add_bar(
            x=values if horizontal else groups,
            y=groups if horizontal else values,
            name=form,
            marker_color=colour,
            orientation="h" if horizontal else "v",
            customdata=part.n,
            marker_pattern_shape="/" if form == "negated" else "",
            **{"error_x" if horizontal else "error_y": error},
            hovertemplate=(
                f"%{{{'y' if horizontal else 'x'}}}, {form}: %{{{'x' if horizontal else 'y'}:.1f}} %, n ="
                " %{customdata}<extra></extra>"
            ),
        )
    line = {"line": {"dash": "dot", "color": "#8A8F98"}}
    label = {"text": "chance", "showarrow": False, "font": {"size": 11}}
    if horizontal:
        figure.add_vline(x=25, **line)
        figure.add_annotation(x=25, y=1, yref="paper", yanchor="bottom", **label)
    else:
        figure.add_hline(y=25, **line)
        figure.add_annotation(y=25, x=1, xref="paper", xanchor="left", **label)
    axis = {"title_text": "accuracy (%)", "range": [0, 102]}
    figure.update_xaxes(**axis) if horizontal else figure.update_yaxes(**axis)
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    figure.update_layout(
        barmode="group",
        showlegend=True,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
    )
    finish(figure, title, subtitle, 170 + 46 * table.group.nunique() if horizontal else 380)
    return figure if horizontal else figure.update_layout(margin_r=50)


def head_scatter(table: pd.DataFrame, chosen: Sequence[str], *, title: str, subtitle: str) -> go.Figure:
    """Heads by how much they look at the negator and how much they carry; ``table`` has head, layer, nsa, cte."""
    named = set(chosen) | set(table.reindex(table.cte.abs().sort_values(ascending=False).index).head(6)["name"])
    named |= set(table.sort_values("nsa", ascending=False).head(4)["name"])
    figure = go.Figure(
        go.Scatter(
            x=table.nsa,
            y=table.cte,
            mode="markers+text",
            customdata=table[["name"]],
            text=[name if name in named else "" for name in table["name"]],
            textposition="top center",
            textfont={"size": 11},
            marker={
                "size": 11,
                "color": table.layer,
                "colorscale": MAGNITUDE,
                "colorbar": {"title": {"text": "layer", "side": "right"}, "thickness": 12},
                "symbol": ["star-diamond" if name in set(chosen) else "circle" for name in table["name"]],
                "line": {"width": [2.5 if name in set(chosen) else 0.5 for name in table["name"]], "color": "#E69F00"},
            },
            hovertemplate="%{customdata[0]}: NSA %{x:.3f}, CTE %{y:.3f}<extra></extra>",
        )
    )
    line = {"line": {"dash": "dot", "color": "#8A8F98", "width": 1}}
    figure.add_hline(y=0, **line)
    figure.add_vline(x=0, **line)
    figure.update_xaxes(title_text="NSA: looks at the negator", zeroline=False)
    figure.update_yaxes(title_text="CTE: carries the negation", zeroline=False)
    return finish(figure, title, subtitle, 460)
