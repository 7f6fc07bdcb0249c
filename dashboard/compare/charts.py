"""Figures of two models side by side: data in, plotly figure out. A is grey, B is green; panels share one scale."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts.plots import AFFIRMATIVE, BASE, MAGNITUDE, NEGATED, SIGNED, TUNED, finish
from dashboard.parts.text import chart

COLOURS = {"A": BASE, "B": TUNED}
_LEGEND = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
_THIN = {"thickness": 1.2, "color": "#8A8F98"}


def _spans(table: pd.DataFrame) -> dict:
    return {
        "type": "data",
        "symmetric": False,
        "array": table.high - table.value,
        "arrayminus": table.value - table.low,
        **_THIN,
    }


def head_maps(heads: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """NSA by layer and head of A, of B, and B - A, all on one scale; ``heads`` as Comparison has it."""
    columns = ["a", "b", *(["change"] if heads.change.notna().any() else [])]
    limit = max(float(heads[columns].abs().max().max()), 1e-6)
    titles = {"a": "A", "b": "B", "change": "B - A"}
    figure = make_subplots(cols=len(columns), subplot_titles=[titles[c] for c in columns], horizontal_spacing=0.05)
    for at, column in enumerate(columns, start=1):
        grid = heads.dropna(subset=column).pivot(index="layer", columns="head", values=column)
        figure.add_heatmap(
            z=grid.values,
            x=grid.columns,
            y=grid.index,
            coloraxis="coloraxis",
            xgap=1,
            ygap=1,
            row=1,
            col=at,
            hovertemplate=f"{titles[column]}: layer %{{y}}, head %{{x}}: %{{z:.3f}}<extra></extra>",
        )
        figure.update_xaxes(title_text="head", dtick=1, showgrid=False, zeroline=False, row=1, col=at)
        figure.update_yaxes(dtick=1, autorange="reversed", showgrid=False, zeroline=False, row=1, col=at)
    figure.update_yaxes(title_text="layer", row=1, col=1)
    bar = {"title": {"text": "NSA", "side": "right"}, "thickness": 12}
    figure.update_layout(coloraxis={"colorscale": SIGNED, "cmin": -limit, "cmax": limit, "colorbar": bar})
    return _below_titles(finish(figure, title, subtitle, 170 + 24 * heads.layer.nunique()))


def _below_titles(figure: go.Figure) -> go.Figure:
    """Room for the panels' own titles below the subtitle."""
    return figure.update_layout(margin_t=88)


def layer_bars(table: pd.DataFrame, names: Mapping[str, str], *, title: str, subtitle: str, label: str) -> go.Figure:
    """CTE bars of A and B with intervals; ``table`` has model, layer, value, low, high."""
    figure = go.Figure()
    for model, name in names.items():
        part = table[table.model == model]
        figure.add_bar(
            x=part.layer,
            y=part.value,
            name=chart(name),
            marker_color=COLOURS[model],
            error_y=_spans(part),
            marker_pattern_shape="/" if model == "A" else "",
            hovertemplate=f"{model}, layer %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title_text="layer (0 = embedding)", dtick=1)
    figure.update_yaxes(title_text=label)
    figure.update_layout(barmode="group", showlegend=True, legend=_LEGEND)
    return finish(figure, title, subtitle, 380)


def two_patterns(
    a: np.ndarray, b: np.ndarray, labels: Mapping[str, Sequence[str]], *, title: str, subtitle: str
) -> go.Figure:
    """One head's attention [query, key] on one text in A and B on one scale, and B - A where the tokens are the same."""
    panels = [("A", a, labels["A"], "coloraxis"), ("B", b, labels["B"], "coloraxis")]
    limit = 1e-6
    if list(labels["A"]) == list(labels["B"]):
        panels.append(("B - A", b - a, labels["B"], "coloraxis2"))
        limit = max(float(np.abs(b - a).max()), limit)
    figure = make_subplots(cols=len(panels), subplot_titles=[name for name, *_ in panels], horizontal_spacing=0.04)
    for at, (name, values, ticks, axis) in enumerate(panels, start=1):
        figure.add_heatmap(
            z=values,
            x=list(ticks),
            y=list(ticks),
            xgap=1,
            ygap=1,
            coloraxis=axis,
            row=1,
            col=at,
            hovertemplate=f"{name}: %{{y}} looks at %{{x}}: %{{z:.3f}}<extra></extra>",
        )
        figure.update_xaxes(title_text="key (looked at)", tickangle=-45, showgrid=False, row=1, col=at)
        own = {} if at == 1 or len(panels) == 2 else {"showticklabels": False}
        figure.update_yaxes(autorange="reversed", showgrid=False, row=1, col=at, **own)
    figure.update_yaxes(title_text="query (looks)", row=1, col=1)
    bar = {"orientation": "h", "thickness": 10, "y": -0.42, "yanchor": "top", "nticks": 5, "tickangle": 0}
    figure.update_layout(
        coloraxis={
            "colorscale": MAGNITUDE,
            "cmin": 0,
            "cmax": float(max(a.max(), b.max())),
            "colorbar": bar | {"x": 0.3, "len": 0.5, "title": {"text": "share of attention", "side": "bottom"}},
        },
        coloraxis2={
            "colorscale": SIGNED,
            "cmin": -limit,
            "cmax": limit,
            "colorbar": bar | {"x": 0.88, "len": 0.24, "title": {"text": "difference", "side": "bottom"}},
        },
    )
    return _below_titles(finish(figure, title, subtitle, 560))


def shift_points(shifts: pd.DataFrame, means: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """1 - cosine between A's and B's embedding of each text, by form; the black mark is the mean with its interval."""
    figure = go.Figure()
    for form, colour in (("affirmative", AFFIRMATIVE), ("negated", NEGATED)):
        part, mean = shifts[shifts.form == form], means[means.form == form]
        figure.add_box(
            x=[form] * len(part),
            y=part["shift"],
            boxpoints="all",
            pointpos=0,
            jitter=0.5,
            marker={"color": colour, "size": 5},
            line={"width": 0},
            fillcolor="rgba(0,0,0,0)",
            text=part.text.map(chart),
            hoveron="points",
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
            showlegend=False,
        )
        figure.add_scatter(
            x=[form],
            y=mean.value,
            error_y=_spans(mean) | {"thickness": 2},
            mode="markers",
            marker={"symbol": "line-ew-open", "size": 34, "color": "#8A8F98", "line": {"width": 3}},
            hovertemplate="mean %{y:.4f}<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(title_text="1 - cosine (A, B)", rangemode="tozero")
    return finish(figure, title, subtitle, 380)


def moved_bars(table: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """Relative change of each layer's weights as bars, and the layer weight w[l] that training gave it as a line."""
    figure = make_subplots(specs=[[{"secondary_y": True}]])
    for model, part in table.groupby("model"):
        name = f" of {model}" if table.model.nunique() > 1 else ""
        figure.add_bar(
            x=part.layer,
            y=part.change,
            name=f"change{name}",
            marker_color=COLOURS[str(model)],
            hovertemplate="layer %{x}: change %{y:.2e}<extra></extra>",
        )
        figure.add_scatter(
            x=part.layer,
            y=part.weight,
            name=f"w[l]{name}",
            mode="lines+markers",
            secondary_y=True,
            line={"color": "#E69F00", "dash": "dot" if model == "A" else "solid"},
            hovertemplate="layer %{x}: w %{y:.2f}<extra></extra>",
        )
    figure.update_xaxes(title_text="layer", dtick=1)
    figure.update_yaxes(title_text="change / size of the weights", rangemode="tozero", secondary_y=False)
    figure.update_yaxes(
        title_text="layer weight w[l]", rangemode="tozero", showgrid=False, tickmode="auto", nticks=5, secondary_y=True
    )
    figure.update_layout(barmode="group", showlegend=True, legend=_LEGEND)
    return finish(figure, title, subtitle, 380)


def claim_points(table: pd.DataFrame, names: Mapping[str, str], *, title: str, subtitle: str) -> go.Figure:
    """Every measure of ``claim_changes`` as a row: A's point, B's point, their intervals, and the change in words."""
    table = table.iloc[::-1]  # the first row on top
    figure = go.Figure()
    for model, symbol, shift in (("a", "circle-open", 0.13), ("b", "circle", -0.13)):
        at = np.arange(len(table)) + shift
        figure.add_scatter(
            x=table[model],
            y=at,
            mode="markers",
            name=chart(names[model.upper()]),
            customdata=table.measure.map(chart),
            marker={"color": COLOURS[model.upper()], "size": 10, "symbol": symbol, "line": {"width": 2}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": table[f"{model}_high"] - table[model],
                "arrayminus": table[model] - table[f"{model}_low"],
                **_THIN,
            },
            hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
        )
    said = [f"{row.change:+.3f} ({row.low:+.3f} to {row.high:+.3f}), n = {row.n:,}" for row in table.itertuples()]
    for place, text in enumerate(said):
        figure.add_annotation(x=1, xref="paper", xanchor="left", y=place, text=text, showarrow=False, font={"size": 11})
    figure.add_vline(x=0.5, line={"dash": "dot", "color": "#8A8F98"})
    figure.update_yaxes(
        tickvals=np.arange(len(table)), ticktext=table.measure.map(chart).tolist(), range=[-0.6, len(table) - 0.4]
    )
    figure.update_xaxes(range=[0, 1.02], title_text="share, or AUROC")
    figure.update_layout(showlegend=True, legend=_LEGEND, margin={"r": 210})
    return finish(figure, title, subtitle, 110 + 48 * len(table)).update_layout(margin={"r": 210})
