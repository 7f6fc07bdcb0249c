"""How wording is read, cue by cue: data in, plotly figure out. A group is told by its heading and its marker's shape as
well as by colour."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from dashboard.parts import plots, theme
from dashboard.parts.text import chart
from nast_core.claims.way_groups import (
    AFFIRMED,
    BOTH,
    CONTRAST,
    FALSE_DENIAL,
    HELD_OUT,
    MEAN,
    NEVER,
    PSEUDO,
    TAUGHT,
    WAY_GROUPS,
)

_ROW = 17  # px
SHAPES = {
    TAUGHT: "circle",
    CONTRAST: "cross",
    HELD_OUT: "diamond",
    NEVER: "square",
    FALSE_DENIAL: "triangle-up",
    AFFIRMED: "triangle-down",
    PSEUDO: "x",
}


HOW_TO_READ = (
    "Orange: texts that deny X, as scores of its absence: 1 is read, 0.5 ignored, 0 taken for X. Blue: texts that"
    " affirm X, as scores of its presence: 1 is right, 0 taken for a denial. A gain in held-out or never-taught"
    " denials counts only where false denial stays near 1. Pseudo-negations hold a word of negation and deny nothing."
    " The large mark is a group's mean; many a cue never taught holds a word that was (“no signs of”)."
)


class Series(NamedTuple):
    """One model's points: group, side, wording, value, low, high, n; the "mean" of a group's both sides heads it."""

    name: str
    table: pd.DataFrame
    colour: str | None = None  # None: by what the group says


def spoken(wording: str, side: str) -> str:
    """ "free of X", "X not seen"."""
    return f"{wording} X" if side == "before" else f"X {wording}"


def points(series: Sequence[Series], *, title: str, subtitle: str) -> go.Figure:
    """Every wording as a row below its group's mean, 0.5 dotted; of several models the first hollow."""
    labels = _rows(series[0].table)
    figure = go.Figure()
    for number, one in enumerate(series):
        shift = 0.16 * (number - (len(series) - 1) / 2)
        rows = one.table[(one.table.wording != MEAN) | (one.table.side == BOTH)]
        for group, part in rows.groupby("group", sort=False):
            colour = one.colour or (theme.NEGATED if WAY_GROUPS[group].denies else theme.AFFIRMATIVE)
            hollow = "-open" if number == 0 and len(series) > 1 else ""
            figure.add_scatter(
                x=part.value,
                y=[labels[group, row.wording].place + shift for row in part.itertuples()],
                mode="markers",
                name=chart(f"{one.name}: {group}" if len(series) > 1 else group),
                marker={
                    "symbol": SHAPES[group] + hollow,
                    "color": colour,
                    "size": [13 if name == MEAN else 8 for name in part.wording],
                    "line": {"width": 2 if hollow else 0},
                },
                error_x=plots.intervals(part),
                text=[chart(labels[group, row.wording].said) for row in part.itertuples()],
                customdata=part.n,
                hovertemplate="%{text}: %{x:.3f}, n = %{customdata:,}<extra>" + chart(one.name) + "</extra>",
                legendgroup=str(number),
            )
    figure.add_vline(x=0.5, line=plots.DOTTED)
    figure.update_yaxes(
        tickvals=[label.place for label in labels.values()],
        ticktext=[label.shown for label in labels.values()],
        range=[len(labels) - 0.4, -0.6],
        showgrid=False,
        tickfont={"size": 11},
    )
    figure.update_xaxes(range=[-0.02, 1.02], title_text="AUROC")
    plots.legend_below(figure)
    return plots.finish(figure, title, subtitle, 150 + _ROW * len(labels))


class _Label(NamedTuple):
    place: int
    said: str
    shown: str


def _rows(table: pd.DataFrame) -> Mapping[tuple[str, str], _Label]:
    """(group, wording) -> its row: groups in their order, each headed by its mean."""
    labels: dict[tuple[str, str], _Label] = {}
    for group in WAY_GROUPS:
        own = table[table.group == group]
        if len(own):
            labels[group, MEAN] = _Label(len(labels), f"mean of {group}", f"<b>{chart(group)}</b>, mean")
        for row in own[own.wording != MEAN].itertuples():
            said = spoken(row.wording, row.side)
            labels[group, row.wording] = _Label(len(labels), said, chart(said))
    return labels
