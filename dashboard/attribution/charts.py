"""The two charts of the attribution page: data in, plotly figure out."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import plots, theme
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from PIL import Image

    from dashboard.attribution.attributions import Maps

_SHOWN = 640  # px, longest side of an X-ray drawn under a map
# Clear at 0, so that the X-ray stays to be seen; brighter than RdBu, whose dark ends vanish on black.
_OVERLAY = [
    [0.0, "rgba(33,113,221,0.95)"], [0.25, "rgba(72,150,240,0.6)"], [0.5, "rgba(128,128,128,0)"],
    [0.75, "rgba(248,110,78,0.6)"], [1.0, "rgba(225,38,28,0.95)"],
]  # fmt: skip


def token_strip(table: pd.DataFrame, negator: tuple[int, ...], *, title: str, subtitle: str) -> go.Figure:
    """A row a token: both texts and their difference on one signed scale; special tokens are named, not filled."""
    panels, special = (*FORMS, "difference"), table.special.to_numpy()
    values = np.where(special[:, None], np.nan, table[list(panels)].to_numpy())
    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=panels,
            y=list(range(len(table))),
            xgap=4,
            ygap=2,
            text=_cell_texts(table, negator),
            texttemplate="%{text}",
            textfont={"size": 13},
            hoverongaps=False,
            colorbar=plots.colour_bar("logits"),
            hovertemplate="%{x}: %{z:+.4f} logits<extra></extra>",
            **plots.signed_scale(values),
        )
    )
    for row in np.flatnonzero(special):
        for column in FORMS:
            figure.add_annotation(
                x=column,
                y=row,
                text=escape(table[f"token_{column}"].iloc[row]),
                showarrow=False,
                font={"size": 12, "color": theme.FAINT},
            )
    figure.update_yaxes(autorange="reversed", showticklabels=False, ticks="", showgrid=False, zeroline=False)
    figure.update_xaxes(side="top", ticks="", showgrid=False, zeroline=False)
    figure = plots.finish(figure, title, subtitle, 130 + 30 * len(table))
    return figure.update_layout(margin_t=96)


def _cell_texts(table: pd.DataFrame, negator: tuple[int, ...]) -> list[list[str]]:
    def named(row, column: str) -> str:
        name = escape(getattr(row, f"token_{column}"))
        return f"<b><u>{name}</u></b>" if row.position in negator else f"<b>{name}</b>"

    return [
        (
            ["", "", ""]
            if row.special
            else [
                f"{named(row, 'affirmative')}  {row.affirmative:+.2f}",
                f"{named(row, 'negated')}  {row.negated:+.2f}",
                f"{row.difference:+.2f}",
            ]
        )
        for row in table.itertuples()
    ]


def overlay(
    image: Image.Image,
    shown: Maps,
    scores: tuple[float, float],
    opacity: float,
    *,
    smooth: bool,
    title: str,
    subtitle: str,
) -> go.Figure:
    """The X-ray three times, each under a map on one signed scale that is clear at 0; dotted: what the model sees."""
    width, height = image.size
    names = (
        f"S(affirmative) = {scores[0]:.2f}",
        f"S(negated) = {scores[1]:.2f}",
        f"difference = {scores[0] - scores[1]:.2f}",
    )
    figure = make_subplots(cols=3, subplot_titles=names, horizontal_spacing=0.02)
    figure.update_annotations(font_size=13)
    source, x, y = _picture(image), shown.x * width, shown.y * height
    places = {"x": _centres(x), "y": _centres(y), "zsmooth": "best"} if smooth else {"x": x, "y": y, "zsmooth": False}
    whole = {"x": 0, "y": 0, "sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
    for column, values in enumerate(shown.values, start=1):
        at = {"row": 1, "col": column}
        figure.add_layout_image(source=source, **whole, **at)
        hover = "%{z:+.3f} logits<extra></extra>"
        figure.add_heatmap(z=values, coloraxis="coloraxis", opacity=opacity, hovertemplate=hover, **places, **at)
        if shown.cropped:
            corners = {"x0": x[0], "x1": x[-1], "y0": y[0], "y1": y[-1]}
            figure.add_shape(type="rect", line={"color": theme.FRAME, "width": 1, "dash": "dot"}, **corners, **at)
        axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "constrain": "domain"}
        square = {"scaleanchor": "x" if column == 1 else f"x{column}", "constraintoward": "top"}
        figure.update_xaxes(range=[0, width], **axis, **at)
        figure.update_yaxes(range=[height, 0], **square, **axis, **at)
    limit = max(float(np.abs(shown.values).max()), 1e-6)
    bar = plots.colour_bar("logits") | {"lenmode": "pixels", "len": 250, "y": 1, "yanchor": "top"}
    figure.update_layout(
        coloraxis={"colorscale": _OVERLAY, "cmin": -limit, "cmax": limit, "colorbar": bar},
        plot_bgcolor="rgba(0,0,0,0)",
    )
    tall = 150 + round(260 * min(max(height / width, 0.5), 1.5))
    return plots.below_titles(plots.finish(figure, title, subtitle, tall), 100)


def _centres(edges: np.ndarray) -> np.ndarray:
    return (edges[:-1] + edges[1:]) / 2


def _picture(image: Image.Image) -> str:
    """A data address of the image, no larger than a screen shows it."""
    small = image.convert("RGB")
    small.thumbnail((_SHOWN, _SHOWN))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=92)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
