"""What is swapped from text to text, and how the effect is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import fields, pairs
from dashboard.tracing import traces

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.interpret.patching import PatchPlan
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


@dataclass(frozen=True)
class Swap:
    """A plan of swaps and the method that carries it out."""

    plan: PatchPlan
    method: traces.Method
    on: traces.On = traces.ON_ONE

    @property
    def has_identities(self) -> bool:
        """Whether the effect is known in advance somewhere: whole blocks, one layer at a time, every swap run."""
        return self.plan.component == "block" and self.plan.window == 1 and self.method == "exact"

    @property
    def called(self) -> str:
        """The method, within a sentence."""
        return traces.METHODS[self.method].lower()

    def traced(self, model: DualEncoder, chosen: tuple[AlignedPair, ...]) -> xr.Dataset | None:
        """The trace of the chosen pairs, out of the whole set's; None where that takes long and was not made yet."""
        whole = traces.traced_set(model, self.plan, self.method, self.on)
        return None if whole is None else whole.isel(pair=np.isin(whole.negated.values, pairs.set_key(chosen)))


def choose(model: DualEncoder) -> Swap:
    """The page's first row of fields."""
    what, how, wide = st.columns([3, 2, 2], vertical_alignment="bottom")
    component = fields.one_of(
        what,
        "Swap in the negated text's",
        traces.COMPONENTS,
        key="component",
        help="Block output: all that a layer passes on. Attention and MLP output: what one branch of the layer adds.",
    )
    method = fields.one_of(
        how,
        "Method",
        traces.METHODS,
        key="method",
        help="Exact: every swap is run. Estimate: attribution patching, all swaps from one gradient.",
    )
    window = wide.number_input(
        "Layers swapped together",
        1,
        model.text.n_layers,
        1,
        key="window",
        bind="query-params",
        disabled=method == "attribution",
        help="1 asks of each layer alone; more finds what several layers do jointly.",
    )
    plan = traces.plan(component=component, window=1 if method == "attribution" else window)
    return Swap(plan, method)
