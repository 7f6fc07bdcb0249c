"""The benchmark with some heads switched off, beside the whole model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.heads import effects
from dashboard.parts import datasets, fields, plots, widgets

if TYPE_CHECKING:
    from dashboard.heads.scatter import Heads
    from nast_core.models import DualEncoder


HOW: dict[effects.How, str] = {"off": "Off", "sink": "Sink"}
_TITLES = {
    "off": "Accuracy with and without the chosen heads",
    "sink": "Accuracy as it is and with the chosen heads sunk",
}
_CHANGED = {"off": "without the chosen heads", "sink": "with the chosen heads sunk"}
_GROUPS = {"off": "without the chosen", "sink": "the chosen sunk"}
_READ = {
    "off": (
        "If these heads caused the failure on negation, the negated bar would rise without them; if they read "
        "it, it would fall. A fall of both bars says that they do general work."
    ),
    "sink": (
        "If what these heads fetch from the words causes the failure, the negated bar would rise; if it is how the "
        "negation is read, it would fall. What they add whatever the words are stays."
    ),
}


class Change(NamedTuple):
    """Heads by name (layer.head), and what is done to them."""

    heads: list[str]
    how: effects.How


def choose(heads: Heads) -> Change:
    which, doing = st.columns([5, 2], vertical_alignment="bottom")
    names = which.multiselect(
        "Heads to change",
        heads.names,
        key="off",
        bind="query-params",
        placeholder="click a head above, or choose here",
    )
    how = fields.one_of(
        doing,
        "How",
        HOW,
        key="ablation-how",
        help=(
            "Off: each is replaced by its mean output over both texts of all pairs: what it always adds stays, what it "
            "says of a text goes. Sink: it goes on, but from the pooled position it may look at the first token and "
            "itself only."
        ),
    )
    return Change(names, how)


def draw(model: DualEncoder, change: Change) -> None:
    """Accuracies with and without; where no head is chosen, what to do."""
    if not change.heads:
        widgets.empty("Choose one or more heads to see how the benchmark changes without them.")
    count = st.select_slider("Questions", [300, 1000, 3000], key="ablation-n", bind="query-params")
    with widgets.lacking():
        asked, of = len(effects.questions(count)), datasets.of_split(datasets.chosen(), "validation")
    before = effects.answers(model, count)
    with widgets.advice():
        after = effects.answers(model, count, tuple(sorted(change.heads)), change.how)
    table = effects.accuracies(before, after, _GROUPS[change.how])
    widgets.figure(
        plots.accuracy_bars(
            table,
            title=_TITLES[change.how],
            subtitle=f"{asked} questions on {of}; 95 % interval over patients",
        ),
        key="heads-ablation",
        data=table,
        how_to_read=_READ[change.how],
        alt="Bars of accuracy with all heads and with the chosen ones changed",
    )
    st.caption(effects.in_words(before, after, _CHANGED[change.how]))
