"""Figures of the Benchmark page: data in, plotly figure out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.parts import plots, theme
from dashboard.parts.text import chart
from nast_core.files.places import DEMO_TUNED
from nast_core.recipe import run_of

_PATTERNS = ("", "\\", "x", ".", "-", "|")
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def model_styles(specs: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and pattern of each model: the first grey, the first fine-tune green, others as they come."""
    tuned = next((spec for spec in specs if run_of(spec) is not None or spec == DEMO_TUNED), None)
    others = iter(theme.OTHERS * len(specs))
    colours = [theme.TUNED if spec == tuned else theme.BASE if i == 0 else next(others) for i, spec in enumerate(specs)]
    return {
        spec: (colour, _PATTERNS[i % len(_PATTERNS)])
        for i, (spec, colour) in enumerate(zip(specs, colours, strict=True))
    }


def stars(p: float) -> str:
    """Of a corrected p-value."""
    return next((signs for limit, signs in _STARS if p < limit), "n.s.")


def figure_three(table: pd.DataFrame, tests: Mapping[str, float], *, title: str, subtitle: str) -> go.Figure:
    """Accuracy of either form by model, and above each how sure the difference is.

    ``table``: group, form, value, low, high, n; ``tests``: group -> corrected p-value.
    """
    figure = plots.accuracy_bars(table, title=title, subtitle=subtitle)
    for group, part in table[table.form.isin(theme.FORMS)].groupby("group", sort=False):
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
