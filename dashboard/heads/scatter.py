"""Every head by how much it looks at the negator and how much it carries: one chart, whose points can be clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.heads import charts, effects
from dashboard.parts import datasets, fields, pairs, widgets
from dashboard.parts.head_attention import attention
from dashboard.parts.pairs import alignment
from dashboard.parts.pictures import image_vector, of_set, titled
from dashboard.tracing import traces

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.interpret.plan import Method, PatchPlan
    from nast_core.interpret.summaries import Average
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


@dataclass(frozen=True)
class Heads:
    """What is drawn: a row a head, the trace behind it, and its method."""

    table: pd.DataFrame
    traced: xr.Dataset
    method: traces.Method
    pairs: int
    on: traces.On
    rest: Callable[[], None] | None = None  # offers the whole set, where this is a first look

    @property
    def names(self) -> list[str]:
        return self.table["name"].tolist()

    def draw(self, off: list[str]) -> None:
        """The chart, with the heads that are switched off marked."""
        if self.method == "attribution":
            traces.estimate_badge(self.traced)
        widgets.figure(
            charts.head_scatter(
                self.table,
                off,
                title="Heads that look at the negator, and heads that matter",
                subtitle=(
                    f"{traces.METHODS[self.method].lower()}; {self._on}; "
                    f"correlation {effects.correlation(self.table):.2f}"
                ),
            ),
            key="heads-scatter",
            data=self.table,
            how_to_read=(
                "Right: later tokens look at the negator through this head, more than at the word in its place. Up:"
                " with this head's output taken from the negated text at every token, the affirmative text scores"
                " nearer the negated one. Heads are named layer.head; click one to switch it off below."
            ),
            alt="Scatter of heads by negator-selective attention and causal tracing effect",
            on_select=_take_head,
        )
        if self.rest:
            self.rest()

    @property
    def _on(self) -> str:
        if self.rest:
            return "a first look: 1 pair, 1 image"
        return f"means of {self.pairs} pairs, each on {datasets.image_with(*self.on)}"


def of_pairs(model: DualEncoder) -> Heads:
    """Asks how effects are found and averaged, and finds them; ends the page where no pair aligns."""
    how, averaging, which, many = st.columns([4, 4, 4, 2], vertical_alignment="bottom")
    method = fields.one_of(
        how,
        "Method",
        traces.METHODS,
        key="head-method",
        help="Exact: every head is swapped and run. Estimate: attribution patching, all heads from one gradient.",
    )
    average = traces.choose_average(averaging, "average", bind="query-params")
    plan = traces.plan(component="head", positions="all")
    on = traces.choose_images(which, many)
    aligned = alignment(model, present=on.finding).aligned
    traced = traces.traced_set(model, plan, method, on)
    if traced is None:
        return _first_look(model, traces.shortest(aligned), plan, method, average, on)
    nsa = attention(model, model.fingerprint, aligned, pairs.set_key(aligned))
    return Heads(effects.table(nsa, traced, average), traced, method, len(aligned), on)


def _first_look(
    model: DualEncoder, pair: AlignedPair, plan: PatchPlan, method: Method, average: Average, on: traces.On
) -> Heads:
    """The heads on one pair and one image: what is seen before the whole set is traced, which takes long."""
    picture = titled(of_set([pair], present=on.finding)[0]) or widgets.end_page()
    traced = traces.trace_of(model, pair, plan, method, image_vector(model, picture))
    nsa = attention(model, model.fingerprint, (pair,), pairs.set_key((pair,)))
    table = effects.table(nsa, traced, average)
    return Heads(table, traced, method, 1, on, lambda: traces.offer(model, plan, method, on))


def _take_head() -> None:
    """Callback of a click: the head is switched off, or on again."""
    for point in st.session_state["heads-scatter"].selection.points[:1]:
        name = point["customdata"][0]
        now = st.session_state.get("off", [])
        st.session_state["off"] = [n for n in now if n != name] if name in now else [*now, name]
