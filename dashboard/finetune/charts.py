"""Figures of the fine-tune page: layer weights beside the effect they come from, and curves of validation figures."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from nast_core.finetune.arms import ARMS, Arm


def weight_bars(table: pd.DataFrame, arms: Sequence[Arm], *, title: str, subtitle: str) -> go.Figure:
    """The effect by layer, over its mean, and beside it what each arm multiplies the layer's step by."""
    figure = go.Figure()
    figure.add_bar(
        x=table.layer,
        y=table.effect,
        name="effect / its mean",
        marker_color=theme.NEGATED,
        marker_pattern_shape="/",
        hovertemplate="layer %{x}: effect %{y:.2f} of its mean<extra></extra>",
    )
    for arm in arms:
        values = table[arm] if arm in table else [float(ARMS[arm].trains)] * len(table)
        figure.add_bar(
            x=table.layer,
            y=values,
            name=arm,
            marker_color=theme.ARMS[arm][0],
            hovertemplate=f"layer %{{x}}: {arm} %{{y:.2f}}<extra></extra>",
        )
    figure.add_hline(y=1, line=plots.DOTTED)
    figure.update_xaxes(title_text="layer", dtick=1)
    figure.update_yaxes(title_text="learning rate, times the mean")
    plots.legend_below(figure, barmode="group")
    return plots.finish(figure, title, subtitle, 380)


def curves(table: pd.DataFrame, labels: dict[str, str], *, title: str, subtitle: str) -> go.Figure:
    """One panel a figure, one line a run; ``table`` as ``prepare.curves`` makes it."""
    shown = [name for name in labels if name in set(table.figure)]
    columns = 4
    rows = -(-len(shown) // columns)
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=[labels[name] for name in shown],
        shared_xaxes="all",
        vertical_spacing=0.36 / rows,
        horizontal_spacing=0.05,
    )
    for place, name in enumerate(shown):
        for (run, arm, said, seed), part in table[table.figure == name].groupby(["run", "arm", "learnt", "seed"]):
            colour, dash = theme.ARMS[arm]
            figure.add_scatter(
                x=part.step,
                y=part.value,
                mode="lines+markers",
                name=f"{said}, seed {seed}",
                legendgroup=run,
                showlegend=place == 0,
                line={"color": colour, "dash": dash, "width": 2},
                marker={"size": 5},
                hovertemplate=f"{said}, seed {seed}, step %{{x}}: %{{y:.3f}}<extra></extra>",
                row=place // columns + 1,
                col=place % columns + 1,
            )
    figure.update_xaxes(title_text="step", row=rows)
    plots.legend_below(figure)
    figure.update_annotations(font_size=11)
    return plots.below_titles(plots.finish(figure, title, subtitle, 150 + 220 * rows), 100)
