"""The charts of the Layers page but the flow: data in, plotly figure out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from dashboard.parts.text import chart

MEASURES = {  # of a probe -> what it is called, colour, dash, mark
    "held_out_findings": ("held-out findings", theme.NEGATED, "solid", "circle"),
    "held_out_cues": ("held-out cues", theme.OTHERS[0], "dash", "diamond"),
    "control": ("shuffled labels", theme.BASE, "dot", "x"),
}
TARGETS = {  # of the lens -> what it is called, colour, dash, mark
    "affirmative": ("X", theme.AFFIRMATIVE, "dash", "square"),
    "negated": ("no X", theme.NEGATED, "solid", "circle"),
    "equivalent": ("no X, said affirmatively", theme.OTHERS[0], "dot", "diamond"),
}


def probe_lines(table: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """Accuracy by layer; ``table`` has layer, measure, value, low, high, n."""
    figure = go.Figure()
    hover = "{}, layer %{{x}}: %{{y:.2f}}, n = %{{customdata}}<extra></extra>"
    plots.lines(figure, table, "measure", MEASURES, hover=hover)
    figure.update_xaxes(title_text=plots.layer_title(table.layer.tolist()), dtick=1)
    figure.update_yaxes(title_text="share read rightly", range=[-0.02, 1.04])
    plots.chance_line(figure, 0.5, horizontal=False)
    plots.legend_below(figure)
    return plots.finish(figure, title, subtitle, 380).update_layout(margin_r=56)


def cue_map(table: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """Accuracy by cue and layer; ``table`` has cue, held_out, layer, value, n. Cues not met stand below a line."""
    grid = table.pivot(index="cue", columns="layer", values="value").loc[table.cue.unique()]
    held_out = table.drop_duplicates("cue").held_out.to_numpy()
    names = [f"<i>{chart(cue)}</i>" if out else chart(cue) for cue, out in zip(grid.index, held_out, strict=True)]
    figure = go.Figure(
        go.Heatmap(
            z=grid.values,
            x=grid.columns,
            y=names,
            zmin=0,
            zmax=1,
            colorscale=theme.MAGNITUDE,
            colorbar=plots.colour_bar("share read rightly"),
            hovertemplate="“%{y}”, layer %{x}: %{z:.2f}<extra></extra>",
            **plots.written(grid.values, when=grid.size <= 400),
        )
    )
    met = int((~held_out).sum())
    if 0 < met < len(names):
        figure.add_hline(y=met - 0.5, line={"color": theme.FRAME, "width": 3})
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text=plots.layer_title(grid.columns.tolist()), dtick=1, showgrid=False)
    return plots.finish(figure, title, subtitle, 130 + 26 * len(names))


def lens_lines(panels: Mapping[str, pd.DataFrame], *, title: str, subtitle: str) -> go.Figure:
    """Cosine by layer to each target, a panel a table on one scale; each has layer, target, value, low, high, n."""
    figure = make_subplots(cols=len(panels), shared_yaxes=True, subplot_titles=list(panels), horizontal_spacing=0.04)
    for at, table in enumerate(panels.values(), start=1):
        hover = "{}, layer %{{x}}: cosine %{{y:.3f}}<extra></extra>"
        plots.lines(figure, table, "target", TARGETS, hover=hover, row=1, col=at)
        figure.update_xaxes(title_text=plots.layer_title(table.layer.tolist()), dtick=1, row=1, col=at)
    figure.update_yaxes(title_text="cosine", row=1, col=1)
    figure.update_yaxes(range=[min(-0.05, *(float(one.value.min()) for one in panels.values())), 1.04])
    plots.legend_below(figure)
    return plots.below_titles(plots.finish(figure, title, subtitle, 420))


def part_bars(table: pd.DataFrame, *, title: str, subtitle: str, label: str, chosen: str = "") -> go.Figure:
    """Signed bars, the first row on top; ``table`` has name, value, low, high, and what a click is to give.

    ``chosen``: the name of the bar that is framed.
    """
    framed = [name == chosen for name in table["name"]]
    has_interval = table.low.notna().any()
    figure = go.Figure(
        go.Bar(
            x=table.value,
            y=table["name"].map(chart),
            orientation="h",
            marker={
                "color": [theme.RAISES if value > 0 else theme.LOWERS for value in table.value],
                "pattern": {"shape": ["" if value > 0 else "/" for value in table.value]},
                "line": {"color": theme.FRAME, "width": [3 if one else 0 for one in framed]},
            },
            unselected={"marker": {"opacity": 1}},  # a click chooses, and fades nothing
            error_x=plots.intervals(table) if has_interval else None,
            customdata=table[["name"]],
            hovertemplate="%{y}: %{x:+.4f} logits<extra></extra>",
            text=None if has_interval else [f"{value:+.2f}" for value in table.value],
            textposition="outside",
            cliponaxis=False,
        )
    )
    figure.add_vline(x=0, line={"color": theme.FAINT, "width": 1})
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=4, type="category")  # 2.1 is a name here
    figure.update_xaxes(title_text=label, zeroline=False)
    reach = max(float(table.value.abs().max()), 1e-6) * 1.18
    low, high = float(min(table.value.min(), 0)), float(max(table.value.max(), 0))
    if not has_interval:
        figure.update_xaxes(range=[-reach if low < 0 else -0.02 * reach, reach if high > 0 else 0.02 * reach])
    return plots.finish(figure, title, subtitle, 130 + 22 * len(table))


def word_bars(table: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """Bars by token, two series; ``table`` has label (a tick text), series, value. The second series is narrow."""
    figure, (every, one) = go.Figure(), table.series.unique()
    for series, width in ((every, 0.8), (one, 0.36)):
        part = table[table.series == series]
        narrow = series == one
        figure.add_bar(
            x=part.label,
            y=part.value,
            width=width,
            name=chart(series),
            marker={
                "color": theme.FRAME if narrow else [theme.RAISES if v > 0 else theme.LOWERS for v in part.value],
                "pattern": {"shape": "" if narrow else ["" if v > 0 else "/" for v in part.value]},
            },
            hovertemplate=f"{chart(series)}, from %{{x}}: %{{y:+.4f}} logits<extra></extra>",
        )
    figure.update_yaxes(title_text="logits")
    plots.legend_below(figure, barmode="overlay")
    return plots.finish(figure, title, subtitle, 400)


class Grid(NamedTuple):
    """The states of one text: its tokens by layer."""

    title: str
    labels: Sequence[str]
    values: np.ndarray  # [layer, position], NaN where nothing is known
    chosen: tuple[int, int]  # layer, position


def state_grids(grids: Sequence[Grid], *, title: str, subtitle: str) -> go.Figure:
    """Grids side by side whose cells can be clicked; customdata: layer, position, number of the grid."""
    figure = make_subplots(cols=len(grids), subplot_titles=[chart(one.title) for one in grids], horizontal_spacing=0.1)
    known = np.concatenate([np.nan_to_num(one.values).ravel() for one in grids])
    scale = plots.signed_scale(known, least=1.0)
    for at, one in enumerate(grids, start=1):
        layers, positions = list(range(len(one.values))), list(range(len(one.labels)))
        place = {"row": 1, "col": at}
        figure.add_heatmap(
            z=np.zeros_like(one.values),
            x=positions,
            y=layers,
            xgap=2,
            ygap=2,
            showscale=False,
            hoverinfo="skip",
            opacity=0.25,
            colorscale=[[0, theme.BASE], [1, theme.BASE]],
            **place,
        )
        figure.add_heatmap(
            z=one.values,
            x=positions,
            y=layers,
            hoverinfo="skip",
            showscale=False,
            **scale,
            **plots.written(one.values, when=True),
            hoverongaps=False,
            **place,
        )
        named = "layer %{customdata[0]}, position %{customdata[1]}"
        figure.add_trace(plots.clickable_cells(layers, positions, 20, named, at - 1), **place)
        row, column = one.chosen
        figure.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + 0.5,
            y0=row - 0.5,
            y1=row + 0.5,
            line={"color": theme.FRAME, "width": 3},
            **place,
        )
        bare = {"showgrid": False, "zeroline": False, **place}
        across = {"tickvals": positions, "ticktext": list(one.labels), "tickangle": -45}
        figure.update_xaxes(**across, range=[-0.5, len(positions) - 0.5], **bare)
        figure.update_yaxes(dtick=1, range=[layers[-1] + 0.5, -0.5], **bare)
    figure.update_yaxes(title_text=plots.layer_title(layers), row=1, col=1)
    return plots.below_titles(plots.finish(figure, title, subtitle, 150 + 24 * len(grids[0].values)))
