"""Flow: every direct contribution above a threshold as a line from the token it comes from to the score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.layers import chosen_head, flow_figure, readings
from dashboard.parts import fields, plots, widgets
from dashboard.parts.pictures import choose_picture, image_vector
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

_SHOWN = {"both": "Both texts", "difference": "Their difference"}
_SHARE = 12  # per cent of the largest contribution: what is smaller is no line at first


def draw(model: DualEncoder, pair: AlignedPair) -> None:
    """The fields, the picture, and the head that a line has led to."""
    image, what, least = st.columns(3, vertical_alignment="bottom")
    with image:
        picture = choose_picture(pair.pair.finding)
    shown = fields.one_of(what, "Draw", _SHOWN, key="flow-of")
    share = least.slider(
        "Threshold, % of the largest contribution", 1, 100, _SHARE, key="flow-threshold", bind="query-params"
    )
    vector = image_vector(model, picture)
    found = readings.one_apart(model, pair, vector)
    above = st.container()
    cell = chosen_head.choose(found)
    with above:
        _draw_flow(pair, found, shown, share, cell)
    chosen_head.draw(model, pair, picture, vector, found, cell)


def _draw_flow(pair: AlignedPair, found: xr.Dataset, shown: str, share: int, cell: tuple[int, int]) -> None:
    texts = panels(pair, found, shown)
    largest = max(float(np.abs(one.heads).max()) for one in texts)
    threshold = largest * share / 100
    of = "S(no X) - S(X)" if shown == "difference" else "the score"
    data = table(texts)
    drawn = data[data.logits.abs() >= threshold]
    held = drawn.logits.abs().sum() / max(data.logits.abs().sum(), 1e-12)
    widgets.figure(
        flow_figure.flow(
            texts,
            threshold,
            cell,
            title=f"Which words make {of}, through which heads",
            subtitle=(
                f"lines of {threshold:.3g} logits or more: {min(len(drawn), flow_figure.MOST * len(texts))} of"
                f" {len(data)}, {held:.0%} of all; 1 pair, 1 image"
            ),
        ),
        key="layers-flow",
        data=data,
        how_to_read=(
            f"A line begins at the token that a head reads and ends where it adds to {of}, at the pooled position (the"
            " beam): wide for much, red for more, blue for less. Squares on the beam: MLPs. Layers go up. Click a line"
            " to open its head below."
        ),
        alt="Lines of direct contributions from tokens, layer by layer, to the pooled position",
        on_select=_take_line,
    )


def _take_line() -> None:
    """Callback of a click: the head behind the line."""
    for point in st.session_state["layers-flow"].selection.points[:1]:
        custom = point["customdata"]
        if len(custom) > 2:  # an MLP has no head
            chosen_head.take(int(custom[0]), int(custom[1]))


def panels(pair: AlignedPair, found: xr.Dataset, shown: str) -> list[flow_figure.Text]:
    """Negated beside affirmative, or their difference; positions that are padding are left out."""
    from nast_core.interpret.contributions import of_the_negation

    at = list(pair.positions)
    pooled = at.index(pair.pooled)

    def text(title: str, labels: list[str], names: tuple[str, ...], part: xr.Dataset) -> flow_figure.Text:
        own = part["heads"].values[:, :, at]
        return flow_figure.Text(
            title, [labels[p] for p in at], [names[p] for p in at], own, part["mlps"].values, pooled
        )

    if shown == "difference":
        labels = plots.pair_labels(pair.pieces_affirmative, pair.pieces_negated, pair.negator)
        return [text("negated - affirmative", labels, pair.pieces_negated, of_the_negation(found))]
    pieces = {form: getattr(pair, f"pieces_{form}") for form in FORMS}
    return [
        text(form, plots.token_labels(pieces[form], pair.negator), pieces[form], found.sel(form=form))
        for form in reversed(FORMS)
    ]


def table(texts: list[flow_figure.Text]) -> pd.DataFrame:
    """Every contribution of a head, a row each: of, layer, head, position, token, logits."""
    parts = []
    for one in texts:
        layer, head, position = (axis.ravel() for axis in np.indices(one.heads.shape))
        token = np.array(one.names, dtype=object)[position]
        columns = {"of": one.title, "layer": layer + 1, "head": head + 1, "position": position, "token": token}
        parts.append(pd.DataFrame(columns | {"logits": one.heads.ravel()}))
    return pd.concat(parts, ignore_index=True)
