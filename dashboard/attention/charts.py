"""The two charts of the attention page: data in, plotly figure out."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme


def head_map(
    nsa: xr.DataArray, low: np.ndarray, high: np.ndarray, chosen: tuple[int, int], *, title: str, subtitle: str
) -> go.Figure:
    """NSA by layer and head, with layer means as bars on the same layers; the cell ``chosen`` is framed.

    ``nsa`` [layer, head]; ``low`` and ``high`` [layer]: the interval of each layer's mean; ``chosen``: layer, head.
    """
    layers, heads = nsa["layer"].values.tolist(), nsa["head"].values.tolist()
    figure = make_subplots(cols=2, shared_yaxes=True, column_widths=[0.72, 0.28], horizontal_spacing=0.02)
    figure.add_heatmap(
        z=nsa.values,
        x=heads,
        y=layers,
        hoverinfo="skip",
        colorbar=plots.colour_bar("NSA"),
        row=1,
        col=1,
        **plots.signed_scale(nsa.values),
        **plots.written(nsa.values, when=len(heads) <= 12),
    )
    named = "layer %{customdata[0]}, head %{customdata[1]}"
    figure.add_trace(plots.clickable_cells(layers, heads, 24, named), row=1, col=1)
    layer, head = chosen
    corners = {"x0": head - 0.5, "x1": head + 0.5, "y0": layer - 0.5, "y1": layer + 0.5}
    figure.add_shape(type="rect", **corners, line={"color": theme.FRAME, "width": 3}, row=1, col=1)
    mean = nsa.mean("head").values
    figure.add_bar(
        x=mean,
        y=layers,
        orientation="h",
        marker_color=theme.NEGATED,
        error_x=plots.interval(mean, low, high),
        hovertemplate="layer %{y}: mean NSA %{x:.3f}<extra></extra>",
        row=1,
        col=2,
    )
    bare = {"dtick": 1, "showgrid": False, "zeroline": False, "row": 1, "col": 1}
    figure.update_xaxes(title_text="head", **bare)
    figure.update_xaxes(title_text="mean over heads", row=1, col=2)
    figure.update_yaxes(title_text="layer", range=[layers[-1] + 0.5, layers[0] - 0.5], **bare)
    return plots.finish(figure, title, subtitle, 110 + 30 * len(layers))


def attention_patterns(
    negated: np.ndarray,
    affirmative: np.ndarray,
    labels: Sequence[Sequence[str]],
    *,
    title: str,
    subtitle: str,
    label: str = plots.SHARE,
) -> go.Figure:
    """One head's attention [query, key] for both texts on one scale, and negated minus affirmative.

    ``labels``: of the negated text's tokens, and of the affirmative's; ``label``: of the scale.
    """
    panels = [plots.Panel("negated", negated, labels[0]), plots.Panel("affirmative", affirmative, labels[1])]
    difference = plots.Panel("negated - affirmative", negated - affirmative, labels[0])
    return plots.attention_panels(panels, difference, title=title, subtitle=subtitle, height=540, label=label)
