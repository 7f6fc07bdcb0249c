"""The items that B fixed, and those it broke: one by one, with both answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.compare import comparisons
from dashboard.parts import datasets, fields, widgets
from dashboard.parts.cases import draw_options
from dashboard.parts.pictures import item_picture
from dashboard.parts.text import plain
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from dashboard.compare.comparisons import View

VERDICTS = ("fixed", "broken", "right in both", "wrong in both", "unscored")  # in A and B, as Comparison.items has them


def draw(view: View) -> None:
    """Which items, how many there are of each kind, and one of them."""
    if view.lacks("questions", again=True):
        return
    pick_form, pick_verdict = st.columns([1, 3])
    form = fields.one_of(pick_form, "Form", list(reversed(FORMS)), key="item-form")
    rows = view.comparison.items
    rows = rows[rows.form == form]
    verdict = fields.one_of(pick_verdict, "Show", VERDICTS, key="verdict")
    st.caption("  ·  ".join(f"{name}: {(rows.verdict == name).sum():,}" for name in VERDICTS))
    names = rows[rows.verdict == verdict].item_id.tolist()
    if not names:
        widgets.hint(f"No item is {verdict} in this form.")
        return
    name = st.selectbox("Item", names, key="compare-item", bind="query-params")
    _draw_item(view, rows[rows.item_id == name].iloc[0])


def _draw_item(view: View, row: pd.Series) -> None:
    with widgets.advice():
        item = next(one for one in comparisons.items(view.asked) if one.item_id == row.item_id)
    folder = datasets.load(view.asked.dataset).images
    picture_at, *sides = st.columns([3, 4, 4], gap="medium")
    if picture := item_picture(item.image, str(folder) if folder else None):
        caption = plain(f"{item.patient_id}: {', '.join(item.conditions)}")
        picture_at.image(picture.image, caption=caption, width="stretch")
    for column, model in zip(sides, ("A", "B"), strict=True):
        with column:
            st.markdown(f"**{plain(view.names[model])}**")
            draw_options(item, answer(row, model))


def answer(row: pd.Series, model: str) -> pd.Series:
    """One model's answer to an item, as ``draw_options`` takes it."""
    own = f"_{model.lower()}"
    mine = {name.removesuffix(own): row[name] for name in row.index if name.endswith(own)}
    return pd.Series({"form": row.form, **mine})
