"""The benchmark with some heads switched off, beside the whole model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.heads import effects
from dashboard.parts import datasets, plots, widgets

if TYPE_CHECKING:
    from dashboard.heads.scatter import Heads
    from nast_core.models import DualEncoder


def choose(heads: Heads) -> list[str]:
    """Names (layer.head) of the heads to switch off."""
    return st.multiselect(
        "Heads to switch off",
        heads.names,
        key="off",
        bind="query-params",
        placeholder="click a head above, or choose here",
        help=(
            "Each is replaced by its mean output over both texts of all pairs: what it always adds stays, what it says "
            "of a text goes."
        ),
    )


def draw(model: DualEncoder, off: list[str]) -> None:
    """Accuracies with and without; where no head is chosen, what to do."""
    if not off:
        widgets.empty("Choose one or more heads to see how the benchmark changes without them.")
    count = st.select_slider("Questions", [300, 1000, 3000], key="ablation-n", bind="query-params")
    with widgets.lacking():
        asked, of = len(effects.questions(count)), datasets.of_split(datasets.chosen(), "validation")
    before = effects.answers(model, count)
    after = effects.answers(model, count, tuple(sorted(off)))
    table = effects.accuracies(before, after)
    widgets.figure(
        plots.accuracy_bars(
            table,
            title="Accuracy with and without the chosen heads",
            subtitle=f"{asked} questions on {of}; 95 % interval over patients",
        ),
        key="heads-ablation",
        data=table,
        how_to_read=(
            "If these heads caused the failure on negation, the negated bar would rise without them; if they read "
            "it, it would fall. A fall of both bars says that they do general work."
        ),
        alt="Bars of accuracy with and without the chosen heads",
    )
    st.caption(effects.in_words(before, after))
