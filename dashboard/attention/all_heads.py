"""How much every head looks at the negator: one map, whose cells can be clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.attention import charts
from dashboard.parts import pairs, widgets
from dashboard.parts.head_attention import at_once, attention, go_on, layer_interval

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


@dataclass(frozen=True)
class AllHeads:
    """Negator-selective attention of a set of pairs."""

    mean: xr.DataArray  # [layer, head], over pairs
    low: np.ndarray  # [layer]: 95 % interval over pairs of the mean over heads
    high: np.ndarray
    pairs: int
    rest: Callable[[], None] | None = None  # reads the others, where this is a first look

    @property
    def strongest(self) -> tuple[int, int]:
        """Layer and head that look at the negator most."""
        return self.mean.stack(cell=("layer", "head")).idxmax().item()

    def draw(self, chosen: tuple[int, int]) -> None:
        """The map with the chosen layer and head framed."""
        widgets.figure(
            charts.head_map(
                self.mean,
                self.low,
                self.high,
                chosen,
                title="Negator-selective attention by layer and head",
                subtitle="a first look: 1 pair; bars: mean over heads"
                if self.rest
                else f"mean of {self.pairs} pairs; bars: mean over heads, 95 % interval over pairs",
            ),
            key="attention-map",
            data=self.mean.to_dataframe(name="nsa").reset_index(),
            how_to_read=(
                "Share of attention that later tokens pay the negator, more than to the word in its place in the "
                "affirmative text. Red: the head seeks the negator. Click a cell, or choose layer and head below."
            ),
            alt="Heatmap of negator-selective attention by layer and head, with layer means as bars",
            on_select=_take_cell,
        )


def of_pairs(model: DualEncoder, chosen: tuple[AlignedPair, ...]) -> AllHeads:
    """The map's figures, computed or found again; of the first pair alone where those of all take long."""
    key = pairs.set_key(chosen)
    found = at_once(model, chosen, key)
    if found is None:
        first = attention(model, model.fingerprint, chosen[:1], key[:1]).nsa.mean("pair")
        unknown = np.full(len(first["layer"]), np.nan)  # one pair has no interval
        return AllHeads(first, unknown, unknown, 1, lambda: go_on(model, chosen, key))
    low, high = layer_interval(found.nsa.mean("head").values, key)
    return AllHeads(found.nsa.mean("pair"), low, high, len(chosen))


def _take_cell() -> None:
    """Callback of a click: layer and head to look at."""
    for point in st.session_state["attention-map"].selection.points[:1]:
        st.session_state["layer"], st.session_state["head"] = int(point["y"]), int(point["x"])
