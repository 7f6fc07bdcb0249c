"""One X-ray with the same four statements said two ways, and what the model chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.parts import datasets, keeper, repairing, widgets
from dashboard.parts.answers import by_and_by
from dashboard.parts.cases import draw_options
from dashboard.parts.items import items_for
from dashboard.parts.marks import HOW
from dashboard.parts.pictures import draw_picture, named
from nast_core.errors import DatasetError

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder

CASES = 60


class Cases(NamedTuple):
    """The cases and the model's answers to them."""

    items: list[Item]
    scored: pd.DataFrame  # a row per item and form, as ``score_items`` gives it

    @property
    def right(self) -> pd.DataFrame:
        """1 where the answer is right, by item and form."""
        return self.scored.pivot(index="item_id", columns="form", values="correct")

    @property
    def lost(self) -> list[int]:
        """Numbers of the cases that are right affirmatively alone."""
        right = self.right
        ids = [item.item_id for item in self.items]
        return [i for i, name in enumerate(ids) if right.affirmative[name] > right.negated[name]]


def draw(model: DualEncoder) -> None:
    """One case, chosen by number or at the press of a button, and how often the model is right on all of them."""
    dataset = datasets.chosen()
    try:
        items = items_for(dataset, CASES, 1, "validation")
    except DatasetError as error:
        widgets.hint(f"No case to show: {error}. Your own images in the sidebar are read both ways below.")
        return
    st.subheader("One X-ray, the same four statements, said two ways")

    def first(scored: pd.DataFrame) -> None:
        _draw_case(items[0], scored, marks=True)
        st.caption(f"The first of {len(items)} cases. Once all are scored, one can be chosen, and those lost be seen.")

    cases = Cases(items, by_and_by(model, items, f"home-{dataset.fingerprint}", dataset.images, first).scored)
    item = items[_choose(cases)]
    marks = st.toggle(
        "Mark what the parser reads in the statements", value=True, key="marks", bind="query-params", help=HOW
    )
    beside = _repaired(model, items, dataset)
    _draw_case(item, cases.scored, marks=marks, repaired=beside)
    right = cases.right
    st.caption(
        f"On these {len(items)} cases ({datasets.of_split(dataset, 'validation')}) the model is right"
        f" {int(right.affirmative.sum())} times affirmatively and {int(right.negated.sum())} times with negations;"
        " the Benchmark page measures this on thousands, with intervals. Scores are image-text logits;"
        " the answer is the highest."
    )
    if beside is not None:
        st.caption(f"Repaired, it is right {int(beside.right.negated.sum())} times with negations.")


def _repaired(model: DualEncoder, items: list[Item], dataset: Dataset) -> Cases | None:
    """The same cases as a repair of the model answers them; None where it is looked at as it is."""
    if (spec := repairing.choose()) is None:
        return None
    with widgets.advice():
        repaired = keeper.load(spec)
    scored = by_and_by(repaired, items, f"home-{dataset.fingerprint}", dataset.images, lambda _: None).scored
    return Cases(items, scored)


def _choose(cases: Cases) -> int:
    """The number of the case to show."""
    lost = cases.lost
    switch, number, button = st.columns([5, 1, 1], vertical_alignment="bottom")
    label = f"Only cases lost by the negation ({len(lost)} of {len(cases.items)})"
    only = switch.toggle(label, value=True, key="lost", bind="query-params")
    order = lost if only and lost else list(range(len(cases.items)))
    if st.session_state.get("case", 1) > len(order):
        st.session_state["case"] = 1
    case = number.number_input("Case", 1, len(order), key="case", bind="query-params")
    button.button("Another case", on_click=_next, args=(len(order),), width="stretch", type="primary")
    return order[case - 1]


def _next(count: int) -> None:
    """The next of so many cases; after the last, the first."""
    st.session_state["case"] = st.session_state["case"] % count + 1


def _draw_case(item: Item, scored: pd.DataFrame, *, marks: bool, repaired: Cases | None = None) -> None:
    """The picture, and the options as they are answered said either way; with negations also ``repaired``."""
    picture, affirmative, negated, *beside = st.columns([4, 5, 5, *([5] if repaired else [])], gap="medium")
    with picture:
        if (seen := named(item.image)) is not None:
            draw_picture(seen)
    for column, form in ((affirmative, "affirmative"), (negated, "negated")):
        with column:
            split = form == "negated" and repairing.is_repaired(keeper.spec())
            draw_options(item, _row(item, scored, form), marks=marks, split=split)
    if repaired:
        with beside[0]:
            draw_options(item, _row(item, repaired.scored, "negated"), split=True)


def _row(item: Item, scored: pd.DataFrame, form: str) -> pd.Series:
    return scored[(scored.item_id == item.item_id) & (scored.form == form)].iloc[0]
