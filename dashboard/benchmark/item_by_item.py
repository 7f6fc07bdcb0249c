"""Tab Items: every question with its image and both answers; the item is in the link."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.benchmark.slices import View
from dashboard.parts import fields, widgets
from dashboard.parts.cases import draw_options
from dashboard.parts.pictures import item_picture
from dashboard.parts.repairing import is_repaired
from dashboard.parts.text import plain


def draw(view: View) -> None:
    shown = view.answers[view.detail]
    table = shown.scored.pivot(index="item_id", columns="form", values="correct")
    views = {
        "lost by the negation": table[(table.affirmative == 1) & (table.negated == 0)],
        "won by the negation": table[(table.affirmative == 0) & (table.negated == 1)],
        "wrong both ways": table[(table.affirmative == 0) & (table.negated == 0)],
        "right both ways": table[(table.affirmative == 1) & (table.negated == 1)],
        "unscored": table[table.isna().any(axis=1)],
        "all": table,
    }
    group = fields.one_of(st, "Show", list(views), key="show")
    st.caption("  ·  ".join(f"{name}: {len(rows):,}" for name, rows in views.items()))
    kept = set(views[group].index)
    by_id = {item.item_id: item for item in view.items if item.item_id in kept}
    if by_id:
        _one(view, by_id)
    else:
        widgets.hint(f"No item of this slice is {group}; choose another group.")
    st.download_button(
        "All items as CSV",
        pd.concat([one.scored.assign(model=spec) for spec, one in view.answers.items()]).to_csv(index=False),
        "benchmark-items.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    if "warning" in shown.scored and (shown.scored.warning != "").any():  # results of before it was kept have none
        table = shown.scored.loc[shown.scored.warning != "", ["item_id", "warning"]].drop_duplicates()
        with st.expander(f"{len(table)} items have an image that may not show what it should"):
            st.dataframe(table, hide_index=True)
    if shown.failed:
        with st.expander(f"{len(shown.failed)} images could not be read; their items are unscored"):
            st.dataframe(pd.DataFrame(shown.failed.items(), columns=["image", "reason"]), hide_index=True)


def _one(view: View, by_id: dict) -> None:
    choose, link = st.columns([5, 1], vertical_alignment="bottom")
    name = choose.selectbox("Item", list(by_id), key="item", bind="query-params")
    with link.popover("Link", icon=":material/link:", width="stretch"):
        st.caption("Reopens this item.")
        st.code(widgets.view_link(), language=None, wrap_lines=True)
    item = by_id[name]
    left, affirmative, negated = st.columns([3, 4, 4], gap="medium")
    with left:
        if picture := item_picture(item.image, view.folder):
            st.image(picture.image, caption=plain(f"{item.patient_id}: {', '.join(item.conditions)}"), width="stretch")
    scored = view.answers[view.detail].scored
    for column, form in ((affirmative, "affirmative"), (negated, "negated")):
        with column:
            row = scored[(scored.item_id == name) & (scored.form == form)].iloc[0]
            draw_options(item, row, split=form == "negated" and is_repaired(view.detail))
    if len(view.answers) > 1:
        st.markdown("**The other models on this item**")
        rows = [
            {"model": spec, "form": row.form, "chosen": row.choice, "true": row.answer, "right": row.correct == 1}
            for spec, one in view.answers.items()
            for row in one.scored[one.scored.item_id == name].itertuples()
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True)
