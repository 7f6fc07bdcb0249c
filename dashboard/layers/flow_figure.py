"""The flow of direct contributions, as a figure: tokens left to right, layers bottom to top, a line for each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from dashboard.parts.text import chart

MOST = 250  # lines a panel: more is felt, not read
_WIDEST, _NARROWEST, _STEPS = 11.0, 1.2, 7  # px of a line; and how many widths there are, each one trace
_ALONG = np.linspace(0, 1, 13)  # where a line's curve is drawn
_CLICKED = (0.3, 0.5, 0.7, 0.85)  # where along it can be clicked
_ROW = 52  # px a layer


class Text(NamedTuple):
    """One text's contributions, or the difference of two."""

    title: str
    labels: Sequence[str]  # tick texts of its positions
    names: Sequence[str]  # the same in words
    heads: np.ndarray  # [layer, head, position], logits
    mlps: np.ndarray  # [layer]
    pooled: int


class Line(NamedTuple):
    layer: int  # from 1
    head: int  # from 1
    position: int
    value: float


def lines(heads: np.ndarray, threshold: float, most: int = MOST) -> list[Line]:
    """Contributions of at least ``threshold`` logits either way, the largest ``most`` of them, smallest first."""
    at = np.argwhere(np.abs(heads) >= threshold)
    found = [Line(layer + 1, head + 1, p, float(heads[layer, head, p])) for layer, head, p in at.tolist()]
    return sorted(found, key=lambda line: abs(line.value))[-most:]


def curve(line: Line, heads: int, pooled: int) -> tuple[np.ndarray, np.ndarray]:
    """From the token, below its layer, up and over to the pooled position, where every head has its own height."""
    end = line.layer - 0.75 + 0.6 * (line.head - 1) / max(heads - 1, 1)
    x0, y0, t = float(line.position), line.layer - 1.0, _ALONG
    bow = 0.5 if line.position == pooled else 0.0  # a loop, beside its own column
    points = np.array([[x0, y0], [x0 + bow, end], [x0 + 0.55 * (pooled - x0) + bow, end], [float(pooled), end]])
    weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    x, y = points.T @ weights
    return x, y


def flow(texts: Sequence[Text], threshold: float, chosen: tuple[int, int], *, title: str, subtitle: str) -> go.Figure:
    """A panel a text on one scale; a click on a line gives layer, head, position. ``chosen``: the head in the frame's
    colour."""
    largest = max(max(float(np.abs(one.heads).max()) for one in texts), 1e-12)
    figure = make_subplots(
        cols=len(texts), shared_yaxes=True, subplot_titles=[chart(one.title) for one in texts], horizontal_spacing=0.03
    )
    for at, text in enumerate(texts, start=1):
        _panel(figure, text, threshold, largest, chosen, {"row": 1, "col": at})
    layers = len(texts[0].mlps)
    for name, colour in (("raises", theme.RAISES), ("lowers", theme.LOWERS), ("chosen head", theme.FRAME)):
        figure.add_scatter(x=[None], y=[None], mode="lines", line={"color": colour, "width": 4}, name=name)
    figure.update_yaxes(
        tickvals=[layer - 0.5 for layer in range(1, layers + 1)],
        ticktext=list(range(1, layers + 1)),
        range=[-0.25, layers + 0.3],
        showgrid=False,
        zeroline=False,
    )
    figure.update_yaxes(title_text="layer", row=1, col=1)
    plots.legend_below(figure)
    return plots.below_titles(plots.finish(figure, title, subtitle, 190 + _ROW * layers))


def _panel(
    figure: go.Figure, text: Text, threshold: float, largest: float, chosen: tuple[int, int], place: dict[str, int]
) -> None:
    layers, n_heads, positions = text.heads.shape
    _streams(figure, text, layers, positions, place)
    drawn = lines(text.heads, threshold)
    for sign, colour in ((1, theme.RAISES), (-1, theme.LOWERS)):
        for step in range(_STEPS):
            some = [one for one in drawn if one.value * sign > 0 and _step(one.value, largest) == step]
            _curves(figure, some, n_heads, text.pooled, colour, _width(step), place)
    own = [one for one in drawn if (one.layer, one.head) == chosen]
    for step in range(_STEPS):
        same = [one for one in own if _step(one.value, largest) == step]
        _curves(figure, same, n_heads, text.pooled, theme.FRAME, max(_width(step) / 2.5, 1.5), place, opacity=1)
    _mlps(figure, text, threshold, largest, place)
    _to_click(figure, text, drawn, n_heads, place)
    figure.update_xaxes(
        tickvals=list(range(positions)),
        ticktext=list(text.labels),
        tickangle=-45,
        range=[-0.6, positions - 0.1],
        showgrid=False,
        zeroline=False,
        **place,
    )


def _step(value: float, largest: float) -> int:
    return min(int(abs(value) / largest * _STEPS), _STEPS - 1)


def _width(step: int) -> float:
    return _NARROWEST + (_WIDEST - _NARROWEST) * step / (_STEPS - 1)


def _streams(figure: go.Figure, text: Text, layers: int, positions: int, place: dict[str, int]) -> None:
    """Every token's column, faint; the pooled one's, which the score is read from, as a beam."""
    x, y = [], []
    for position in range(positions):
        x += [position, position, None]
        y += [-0.1, layers - 1.0, None]
    quiet = {"mode": "lines", "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=x, y=y, line={"color": theme.FAINT, "width": 1}, opacity=0.35, **quiet, **place)
    beam = {"color": theme.FAINT, "width": 14}
    figure.add_scatter(x=[text.pooled] * 2, y=[-0.1, layers + 0.15], line=beam, opacity=0.3, **quiet, **place)


def _curves(
    figure: go.Figure,
    some: Sequence[Line],
    heads: int,
    pooled: int,
    colour: str,
    width: float,
    place: dict[str, int],
    opacity: float = 0.72,
) -> None:
    if not some:
        return
    x, y = [], []
    for line in some:
        own_x, own_y = curve(line, heads, pooled)
        x += [*own_x, None]
        y += [*own_y, None]
    style = {"color": colour, "width": width}
    figure.add_scatter(x=x, y=y, mode="lines", line=style, opacity=opacity, hoverinfo="skip", showlegend=False, **place)


def _mlps(figure: go.Figure, text: Text, threshold: float, largest: float, place: dict[str, int]) -> None:
    """Squares on the beam, at the top of their layer."""
    shown = [layer for layer in range(1, len(text.mlps) + 1) if abs(text.mlps[layer - 1]) >= threshold]
    values = [float(text.mlps[layer - 1]) for layer in shown]
    figure.add_scatter(
        x=[text.pooled] * len(shown),
        y=shown,
        mode="markers",
        marker={
            "symbol": "square",
            "size": [7 + 11 * min(abs(value) / largest, 1) for value in values],
            "color": [theme.RAISES if value > 0 else theme.LOWERS for value in values],
            "line": {"color": theme.FAINT, "width": 1},
        },
        unselected={"marker": {"opacity": 1}},  # a click chooses, and fades nothing
        customdata=[[layer, value] for layer, value in zip(shown, values, strict=True)],
        hovertemplate="layer %{customdata[0]}, MLP: %{customdata[1]:+.3f} logits<extra></extra>",
        showlegend=False,
        **place,
    )


def _to_click(figure: go.Figure, text: Text, drawn: Sequence[Line], heads: int, place: dict[str, int]) -> None:
    """Unseen points along the lines: Streamlit reports clicks on points, never on lines."""
    x, y, custom = [], [], []
    at = [round(share * (len(_ALONG) - 1)) for share in _CLICKED]
    for line in drawn:
        own_x, own_y = curve(line, heads, text.pooled)
        x += own_x[at].tolist()
        y += own_y[at].tolist()
        custom += [[line.layer, line.head, line.position, chart(text.names[line.position]), line.value]] * len(at)
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 9, "opacity": 0},
        customdata=custom,
        hovertemplate=(
            "layer %{customdata[0]}, head %{customdata[1]}, from “%{customdata[3]}”: %{customdata[4]:+.3f} logits"
            "<extra></extra>"
        ),
        showlegend=False,
        **place,
    )
