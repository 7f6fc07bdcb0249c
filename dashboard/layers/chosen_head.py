"""One head that a bar or a line leads to: what it adds, looks at and carries, and the pages that say more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.layers import readings
from dashboard.parts import fields, ways

if TYPE_CHECKING:
    import xarray as xr

    from dashboard.parts.pictures import Picture
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

_FIELDS = ("contribution-layer", "contribution-head")


def take(layer: int, head: int) -> None:
    """A click has chosen a head."""
    st.session_state[_FIELDS[0]], st.session_state[_FIELDS[1]] = layer, head


def choose(found: xr.Dataset) -> tuple[int, int]:
    """Layer and head to look at; at first the one that adds most to the change of score."""
    if fields.fresh(*_FIELDS):
        take(*_largest(found))
    layers, numbers = found["layer"].values.tolist(), found["head"].values.tolist()
    left, right = st.columns(2)
    layer = left.selectbox("Layer", layers, key="contribution-layer", bind="query-params")
    return layer, right.selectbox("Head", numbers, key="contribution-head", bind="query-params")


def _largest(found: xr.Dataset) -> tuple[int, int]:
    from nast_core.interpret.contributions import of_the_negation

    by = abs(of_the_negation(found)["heads"].sum("position"))
    layer, head = by.stack(cell=("layer", "head")).idxmax().item()
    return int(layer), int(head)


def draw(
    model: DualEncoder,
    pair: AlignedPair,
    picture: Picture,
    vector: np.ndarray,
    found: xr.Dataset,
    cell: tuple[int, int],
) -> None:
    """The head's figures on this pair and image, each beside the page that shows it."""
    from nast_core.interpret.contributions import of_the_negation

    layer, head = cell
    adds = float(of_the_negation(found)["heads"].sel(layer=layer, head=head).sum())
    of = readings.of_head(model, pair, vector, layer, head)
    st.markdown(f"##### Head {layer}.{head}")
    figures = st.columns(3)
    figures[0].metric("adds, logits", f"{adds:+.3f}")
    figures[1].metric("NSA", f"{of.nsa:.3f}", help="How much more later tokens look at the negator through it.")
    figures[2].metric(
        "CTE" if of.exact else "CTE, estimate",
        f"{of.cte:.3f}",
        help="How far the affirmative text scores as the negated one with this head's output taken from that.",
    )
    name = f"{layer}.{head}"
    ways.to("attention", "Where it looks, token by token", icon="grid_on", pair=pair.pair, layer=layer, head=head)
    ways.to("heads", "All heads, and the benchmark without it", icon="scatter_plot", off=name)
    ways.to(
        "tracing",
        "What the layers carry, on this image",
        icon="timeline",
        pair=pair.pair,
        image=picture.title,
        component="Attention output",
    )
