"""Charts of a data set: counts as bars, and what a reader of the wording alone guesses. Data in, plotly figure out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.data.tables import ABSENT
from dashboard.parts import plots, theme
from dashboard.parts.text import chart

_COLOURS = {ABSENT: theme.NEGATED, "contradictions": theme.NEGATED}
_LETTERS = {"A": "#4B4F58", "B": "#7A808C", "C": "#A9AEB8", "D": "#D5D8DE"}


def count_bars(table: pd.DataFrame, *, title: str, subtitle: str, label: str = "items") -> go.Figure:
    """Stacked counts by group; ``table`` has group, series, n. What is denied is orange and hatched."""
    figure = go.Figure()
    for series in table.series.unique():
        part = table[table.series == series]
        denied = series in _COLOURS
        figure.add_bar(
            x=part.n,
            y=part.group.map(chart),
            orientation="h",
            name=chart(series),
            marker={
                "color": _COLOURS.get(series) or _LETTERS.get(series, theme.BASE),
                "pattern": {"shape": "/" if denied else ""},
                "line": {"width": 0.5, "color": "rgba(128,128,128,0.6)"},
            },
            hovertemplate=f"%{{y}}, {chart(series)}: %{{x:,}}<extra></extra>",
        )
    groups = table.group.nunique()
    figure.update_xaxes(title_text=label)
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    plots.legend_below(figure, shown=table.series.nunique() > 1, barmode="stack", legend_traceorder="normal")
    plots.finish(figure, title, subtitle, 170 + 24 * groups)
    # a share of a tall figure would push it into the bars
    return figure.update_layout(title={"y": 1, "pad": {"t": 10}})


def guess_bars(guessed: Mapping[str, tuple], *, chance: float, title: str, subtitle: str) -> go.Figure:
    """Accuracy in per cent of guessers by name, each (value, low, high, n), with intervals and the chance line."""
    names = list(guessed)
    value, low, high, counts = (np.array(column) for column in zip(*guessed.values(), strict=True))
    figure = go.Figure(
        go.Scatter(
            x=100 * value,
            y=names,
            mode="markers",
            marker={"color": theme.BASE, "size": 12},
            error_x=plots.interval(value, low, high, scale=100, thickness=2, width=6, color=theme.BASE),
            customdata=counts,
            hovertemplate="%{y}: %{x:.1f} %, n = %{customdata:,}<extra></extra>",
        )
    )
    plots.chance_line(figure, 100 * chance, horizontal=True)
    figure.update_xaxes(title_text="guessed rightly (%)", range=[0, 102])
    figure.update_yaxes(autorange="reversed", type="category")
    return plots.finish(figure, title, subtitle, 150 + 42 * len(names))


def verdict_map(
    table, names: tuple[str, str], verdicts: tuple[str, ...], *, title: str, subtitle: str, of: str = "items"
) -> go.Figure:
    """Counts of two reviewers' verdicts [first, second]; agreement lies on the diagonal."""
    names = chart(names[0]), chart(names[1])
    figure = go.Figure(
        go.Heatmap(
            z=table,
            x=list(verdicts),
            y=list(verdicts),
            colorscale=theme.MAGNITUDE,
            xgap=2,
            ygap=2,
            zmin=0,
            texttemplate="%{z:.0f}",
            textfont={"size": 15},
            showscale=False,
            hovertemplate=f"{names[0]}: %{{y}}, {names[1]}: %{{x}}: %{{z:.0f}} {of}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text=names[1], showgrid=False)
    figure.update_yaxes(title_text=names[0], autorange="reversed", showgrid=False)
    return plots.finish(figure, title, subtitle, 330)
