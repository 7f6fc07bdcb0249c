"""Figures of the Repair page: data in, plotly figure out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from dashboard.parts.text import chart

# series -> colour, symbol: of accuracies, of AUROCs of denials, of what should stay
ACCURACIES = {
    "affirmative": (theme.AFFIRMATIVE, "circle"),
    "negated, seen cues": (theme.NEGATED, "circle"),
    "negated, unseen cues": (theme.NEGATED, "circle-open"),
}
DENIALS = {"seen cues": (theme.NEGATED, "square"), "unseen cues": (theme.NEGATED, "square-open")}
KEPT = {"zero-shot AUROC": (theme.AFFIRMATIVE, "diamond"), "recall at 5": (theme.AFFIRMATIVE, "diamond-open")}
_PANELS = (("Accuracy", ACCURACIES, 0.25), ("AUROC of denials", DENIALS, 0.5), ("What should stay", KEPT, None))
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def figure_points(table: pd.DataFrame, *, title: str, subtitle: str) -> go.Figure:
    """A row a model, in three panels on one scale; ``table``: model, series, value, low, high, n."""
    models = list(dict.fromkeys(table.model))
    figure = make_subplots(
        cols=len(_PANELS), subplot_titles=[name for name, _, _ in _PANELS], shared_yaxes=True, horizontal_spacing=0.03
    )
    for column, (_, styles, chance) in enumerate(_PANELS, start=1):
        for place, (series, (colour, symbol)) in enumerate(styles.items()):
            part = table[table.series == series]
            shift = 0.22 * (place - (len(styles) - 1) / 2)
            figure.add_scatter(
                x=part.value,
                y=[models.index(model) + shift for model in part.model],
                mode="markers",
                name=chart(series),
                marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}},
                error_x=plots.intervals(part),
                customdata=list(zip(part.model.map(chart), part.n, strict=True)),
                hovertemplate=f"%{{customdata[0]}}, {chart(series)}: %{{x:.3f}}, n = %{{customdata[1]:,}}"
                "<extra></extra>",
                row=1,
                col=column,
            )
        if chance is not None:
            figure.add_vline(x=chance, line=plots.DOTTED, row=1, col=column)
        figure.update_xaxes(range=[0, 1.02], row=1, col=column)
    ticks = {"tickvals": list(range(len(models))), "ticktext": [chart(model) for model in models]}
    figure.update_yaxes(range=[len(models) - 0.4, -0.6], showgrid=False, **ticks)
    plots.legend_below(figure)
    return plots.below_titles(plots.finish(figure, title, subtitle, 190 + 52 * len(models)))


def strength_curves(
    table: pd.DataFrame,
    ceiling: float,
    crossings: Mapping[str, float],
    lines: Mapping[str, tuple[str, str]],
    *,
    title: str,
    subtitle: str,
) -> go.Figure:
    """AUROC of denials against strength; ``table``: model, strength, chosen, denials, acc_negated; ``lines``: as
    ``styles`` gives them.

    Dotted: 0.5, and AUROC(X). A cross: where a line crosses 0.5. Filled: the strength that was chosen.
    """
    figure = go.Figure()
    for name in dict.fromkeys(table.model):
        colour, dash = lines[name]
        part = table[table.model == name].sort_values("strength")
        figure.add_scatter(
            x=part.strength,
            y=part.denials,
            mode="lines+markers",
            name=chart(name),
            line={"color": colour, "dash": dash},
            marker={
                "size": np.where(part.chosen, 12, 4),
                "symbol": np.where(part.chosen, "circle", "circle-open"),
                "color": colour,
            },
            customdata=100 * part.acc_negated,
            hovertemplate=f"{chart(name)}, at %{{x:.3~g}}: AUROC %{{y:.3f}}, negated %{{customdata:.1f}} %"
            "<extra></extra>",
        )
        if np.isfinite(crossings.get(name, np.nan)):
            figure.add_scatter(
                x=[crossings[name]],
                y=[0.5],
                mode="markers",
                marker={"symbol": "x", "size": 11, "color": colour},
                hovertemplate=f"{chart(name)} crosses 0.5 at %{{x:.3~g}}<extra></extra>",
                showlegend=False,
            )
    figure.add_hline(y=0.5, line=plots.DOTTED, annotation_text="0.5: the cue is ignored", annotation_font_size=11)
    if np.isfinite(ceiling):
        figure.add_hline(y=ceiling, line=plots.DOTTED, annotation_text="AUROC(X)", annotation_font_size=11)
    figure.update_xaxes(title_text="strength")
    figure.update_yaxes(title_text="AUROC of “there is no X”", range=[0, 1.05])
    return plots.finish(plots.legend_below(figure), title, subtitle, 420)


def negation_lines(
    table: pd.DataFrame, lines: Mapping[str, tuple[str, str]], *, title: str, subtitle: str
) -> go.Figure:
    """Negated accuracy by number of negations, a line a model; ``table``: model, negations, value, low, high, n."""
    figure = go.Figure()
    for name, (colour, dash) in lines.items():
        part = table[table.model == name]
        figure.add_scatter(
            x=part.negations,
            y=100 * part.value,
            error_y=plots.intervals(part, scale=100),
            mode="lines+markers",
            name=chart(name),
            line={"color": colour, "dash": dash},
            customdata=part.n,
            hovertemplate=f"{chart(name)}, %{{x}} negations: %{{y:.1f}} %, n = %{{customdata:,}}<extra></extra>",
        )
    plots.chance_line(figure, 25, horizontal=False)
    figure.update_xaxes(title_text="negations in the true statement", dtick=1)
    figure.update_yaxes(title_text="accuracy (%)", range=[0, 102])
    return plots.finish(plots.legend_below(figure), title, subtitle, 400).update_layout(margin_r=56)


def styles(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and dash of each model's line; the first is the model as it is, and grey."""
    colours = (theme.BASE, theme.TUNED, *theme.OTHERS)
    return {
        name: (colours[place % len(colours)], _DASHES[place // len(colours) % len(_DASHES)])
        for place, name in enumerate(names)
    }
