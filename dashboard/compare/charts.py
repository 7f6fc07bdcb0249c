"""Figures of two models side by side: data in, plotly figure out. A is grey, B is green; panels share one scale."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from dashboard.parts.text import chart

COLOURS = {"A": theme.BASE, "B": theme.TUNED}


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
        bare = {"dtick": 1, "showgrid": False, "zeroline": False, "row": 1, "col": at}
        figure.update_xaxes(title_text="head", **bare)
        figure.update_yaxes(autorange="reversed", **bare)
    figure.update_yaxes(title_text="layer", row=1, col=1)
    figure.update_layout(
        coloraxis={"colorscale": theme.SIGNED, "cmin": -limit, "cmax": limit, "colorbar": plots.colour_bar("NSA")}
    )
    return plots.below_titles(plots.finish(figure, title, subtitle, 170 + 24 * heads.layer.nunique()))


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
            error_y=plots.intervals(part),
            marker_pattern_shape="/" if model == "A" else "",
            hovertemplate=f"{model}, layer %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    figure.update_xaxes(title_text=plots.layer_title(table.layer.tolist()), dtick=1)
    figure.update_yaxes(title_text=label)
    plots.legend_below(figure, barmode="group")
    return plots.finish(figure, title, subtitle, 380)


def layer_lines(
    table: pd.DataFrame,
    series: Mapping[str, str],
    names: Mapping[str, str],
    *,
    title: str,
    subtitle: str,
    label: str,
    line_at: float | None = None,
) -> go.Figure:
    """A panel a series, named, in each a line and its band for A and for B; ``table`` has model, series, layer, value,
    low, high, n. ``line_at``: a dotted line."""
    figure = make_subplots(cols=len(series), shared_yaxes=True, subplot_titles=list(series.values()))
    styles = {model: (name, COLOURS[model], "dot" if model == "A" else "solid", "x") for model, name in names.items()}
    for at, one in enumerate(series, start=1):
        part = table[table.series == one]
        hover = "{}, layer %{{x}}: %{{y:.3f}}<extra></extra>"
        plots.lines(figure, part, "model", styles, hover=hover, row=1, col=at)
        figure.update_xaxes(title_text=plots.layer_title(table.layer.tolist()), dtick=1, row=1, col=at)
    if line_at is not None:
        figure.add_hline(y=line_at, line=plots.DOTTED)
    figure.update_yaxes(title_text=label, row=1, col=1)
    plots.legend_below(figure)
    return plots.below_titles(plots.finish(figure, title, subtitle, 400))


def two_patterns(
    a: np.ndarray, b: np.ndarray, labels: Mapping[str, Sequence[str]], *, title: str, subtitle: str
) -> go.Figure:
    """One head's attention [query, key] on one text in A and B, on one scale, and B - A where tokens are the same."""
    panels = [plots.Panel("A", a, labels["A"]), plots.Panel("B", b, labels["B"])]
    same = list(labels["A"]) == list(labels["B"])
    difference = plots.Panel("B - A", b - a, labels["B"]) if same else None
    figure = plots.attention_panels(panels, difference, title=title, subtitle=subtitle, height=560, hover="{}: ")
    return plots.below_titles(figure)


def shift_points(shifts: pd.DataFrame, means: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """1 - cosine between A's and B's embedding of each text, by form; the black mark is the mean with its interval."""
    figure = go.Figure()
    for form, (colour, _) in theme.FORMS.items():
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
            error_y=plots.intervals(mean, thickness=2),
            mode="markers",
            marker={"symbol": "line-ew-open", "size": 34, "color": theme.FAINT, "line": {"width": 3}},
            hovertemplate="mean %{y:.4f}<extra></extra>",
            showlegend=False,
        )
    figure.update_yaxes(title_text="1 - cosine (A, B)", rangemode="tozero")
    return plots.finish(figure, title, subtitle, 380)


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
            line={"color": theme.FRAME, "dash": "dot" if model == "A" else "solid"},
            hovertemplate="layer %{x}: w %{y:.2f}<extra></extra>",
        )
    figure.update_xaxes(title_text="layer", dtick=1)
    figure.update_yaxes(title_text="change / size of the weights", rangemode="tozero", secondary_y=False)
    figure.update_yaxes(
        title_text="layer weight w[l]", rangemode="tozero", showgrid=False, tickmode="auto", nticks=5, secondary_y=True
    )
    plots.legend_below(figure, barmode="group")
    return plots.finish(figure, title, subtitle, 380)


def claim_points(table: pd.DataFrame, names: Mapping[str, str], *, title: str, subtitle: str) -> go.Figure:
    """Every measure of ``claim_changes`` as a row: A's point, B's point, their intervals, and the change in words."""
    from nast_core.statistics.rates import Rate

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
            error_x=plots.interval(table[model], table[f"{model}_low"], table[f"{model}_high"]),
            hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
        )
    changes = [f"{Rate(row.change, row.low, row.high, row.n):+.3f}" for row in table.itertuples()]
    for place, text in enumerate(changes):
        figure.add_annotation(x=1, xref="paper", xanchor="left", y=place, text=text, showarrow=False, font={"size": 11})
    figure.add_vline(x=0.5, line=plots.DOTTED)
    figure.update_yaxes(
        tickvals=np.arange(len(table)), ticktext=table.measure.map(chart).tolist(), range=[-0.6, len(table) - 0.4]
    )
    figure.update_xaxes(range=[0, 1.02], title_text="share, or AUROC")
    plots.legend_below(figure)
    return plots.finish(figure, title, subtitle, 110 + 48 * len(table)).update_layout(margin={"r": 210})
