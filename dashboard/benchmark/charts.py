"""Figures of the Benchmark page: data in, plotly figure out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.parts.plots import AFFIRMATIVE, BASE, NEGATED, TUNED, accuracy_bars, finish
from dashboard.parts.text import chart
from nast_core.recipe import run_of

_LEGEND = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
_THIN = {"thickness": 1.2, "color": "#8A8F98"}
FORMS = {"affirmative": (AFFIRMATIVE, ""), "negated": (NEGATED, "/")}
_OTHERS = ("#CC79A7", "#56B4E9", "#E69F00", "#F0E442")  # of Okabe and Ito's eight, those that mean nothing else here
_PATTERNS = ("", "\\", "x", ".", "-", "|")


def model_styles(specs: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and pattern of each model: the first grey, the first fine-tune green, others as they come."""
    tuned = next((spec for spec in specs if run_of(spec) is not None), None)
    others = iter(_OTHERS * len(specs))
    colours = [TUNED if spec == tuned else BASE if i == 0 else next(others) for i, spec in enumerate(specs)]
    return {
        spec: (colour, _PATTERNS[i % len(_PATTERNS)])
        for i, (spec, colour) in enumerate(zip(specs, colours, strict=True))
    }


def stars(p: float) -> str:
    """Of a corrected p-value."""
    return next((said for limit, said in ((0.001, "***"), (0.01, "**"), (0.05, "*")) if p < limit), "n.s.")


def figure_three(table: pd.DataFrame, tests: Mapping[str, float], *, title: str, subtitle: str) -> go.Figure:
    """Accuracy of either form by model, and above each how sure the difference is. ``table``: group, form, value, low,
    high, n; ``tests``: group -> corrected p-value."""
    figure = accuracy_bars(table[table.form.isin(FORMS)], title=title, subtitle=subtitle)
    for group, part in table[table.form.isin(FORMS)].groupby("group", sort=False):
        if np.isfinite(part.high).any():
            figure.add_annotation(
                x=chart(f"{group} ({part.n.iloc[0]})"),
                y=100 * part.high.max() + 1,
                yanchor="bottom",
                showarrow=False,
                text=stars(tests[str(group)]),
                font={"size": 14},
            )
    return figure.update_yaxes(range=[0, 112], tickvals=[0, 25, 50, 75, 100])


def rate_bars(
    table: pd.DataFrame,
    styles: Mapping[str, tuple[str, str]],
    *,
    title: str,
    subtitle: str,
    label: str,
    scale: float = 100,
    chance: float | None = None,
    horizontal: bool = False,
) -> go.Figure:
    """Grouped bars with intervals; ``table`` has group, series, value, low, high, n; ``styles``: series -> colour, pattern.

    Values, and ``chance``, are drawn times ``scale``; n is in the hover text.
    """
    figure = go.Figure()
    for series, (colour, pattern) in styles.items():
        part = table[table.series == series]
        spans = {
            "type": "data",
            "symmetric": False,
            "array": scale * (part.high - part.value),
            "arrayminus": scale * (part.value - part.low),
            **_THIN,
        }
        across, along = ("y", "x") if horizontal else ("x", "y")
        figure.add_bar(
            **{across: part.group.map(chart), along: scale * part.value, f"error_{along}": spans},
            name=chart(series),
            marker_color=colour,
            marker_pattern_shape=pattern,
            orientation="h" if horizontal else "v",
            customdata=part.n,
            hovertemplate=f"%{{{across}}}, {chart(series)}: %{{{along}:.3~g}}, n = %{{customdata:,}}<extra></extra>",
        )
    if chance is not None:
        line = {"line": {"dash": "dot", "color": "#8A8F98"}, "annotation_text": "chance", "annotation_font_size": 11}
        if horizontal:
            figure.add_vline(x=scale * chance, annotation_position="top", **line)
        else:
            figure.add_hline(y=scale * chance, annotation_position="right", **line)
    top = {"title_text": label, "range": [0, max(1.02 * scale, 1.02)] if table.value.max() > 0.5 else None}
    figure.update_xaxes(**top) if horizontal else figure.update_yaxes(**top)
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    figure.update_layout(barmode="group", showlegend=True, legend=_LEGEND)
    count = table.group.nunique() * max(1, len(styles))
    finish(figure, title, subtitle, 170 + 24 * count if horizontal else 380)
    return below_subtitle(figure) if horizontal else figure.update_layout(margin_r=56 if chance is not None else 10)


def below_subtitle(figure: go.Figure) -> go.Figure:
    """Room for a line's label between the subtitle and the bars."""
    return figure.update_layout(margin_t=86, height=figure.layout.height + 20)
