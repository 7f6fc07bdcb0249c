"""Looking through the chosen dataset on the Data page: its studies page by page, questions, statements and card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.data import beside, browse, statements, tables
from dashboard.parts import datasets, fields, pictures, widgets
from dashboard.parts.text import plain
from nast_core.data.studies import SPLITS
from nast_core.dataset.manifest import CARD, CLAIMS, ITEMS

if TYPE_CHECKING:
    import pandas as pd

    from nast_core.dataset.folder import FolderDataset
    from nast_core.dataset.study_file import Known

PARTS = {"studies": "Studies", "questions": "Questions", "statements": "Statements", "card": "Card"}
_STATES: dict[Known, str] = {"present": "present", "absent": "absent", "unknown": "uncertain or blank"}
_ROWS = 20  # of a page


def show() -> None:
    """The part that is chosen; for a dataset that has no folder, what can be looked at instead."""
    from nast_core.dataset.folder import FolderDataset

    dataset = datasets.chosen()
    if not isinstance(dataset, FolderDataset):
        widgets.empty(
            f"{dataset.name}: patients who are drawn as they are asked for, and have no folder. Build items or claims"
            " of them here and look through the file; or build a dataset from your own labels and images, or choose one"
            " in the sidebar."
        )
    part = fields.one_of(st, "Part", PARTS, key="data-part", label_visibility="collapsed")
    with widgets.advice():
        if part == "studies":
            _studies(dataset)
        elif part == "questions":
            _questions(dataset)
        elif part == "statements":
            _statements(dataset)
        else:
            beside.draw_card(dataset.folder / CARD)


def _questions(dataset: FolderDataset) -> None:
    if not sum(part.items for part in dataset.manifest.splits.values()):
        widgets.empty(f"{dataset.name} has no question: {'; '.join(dataset.manifest.notes) or 'none was built'}.")
    path = dataset.folder / ITEMS
    views = {view: label for view, label in browse.ITEM_VIEWS.items() if view not in ("card", "rejected")}
    browse.show_items(browse.items_of(path), path, views=views, images=str(dataset.images))


def _statements(dataset: FolderDataset) -> None:
    if not sum(part.claims for part in dataset.manifest.splits.values()):
        widgets.empty(f"{dataset.name} has no statement: none of its studies has a label that is present or absent.")
    views = {view: label for view, label in statements.CLAIM_VIEWS.items() if view != "card"}
    statements.show(dataset.folder / CLAIMS, views)


def _studies(dataset: FolderDataset) -> None:
    """Studies that fit, some at a time: no more of the table is read than is shown, and what is sought by."""
    condition, state, split = _sought(dataset.vocabulary.conditions)
    numbers = dataset.studies.found(condition, state, split)
    pages = -(-len(numbers) // _ROWS)
    st.caption(f"{len(numbers):,} of {len(dataset.studies):,} studies of {plain(dataset.name)}.")
    if not pages:
        widgets.empty("No study fits these filters; take one away.")
    if st.session_state.get("data-page", 1) > pages:
        st.session_state["data-page"] = 1
    left, right = st.columns([3, 2], gap="medium")
    with left:
        page = st.number_input(f"Page, of {pages:,}", 1, pages, key="data-page", bind="query-params", width=200)
        table = dataset.studies.rows(numbers[(page - 1) * _ROWS : page * _ROWS].tolist())
        picked = st.dataframe(
            tables.study_rows(table),
            hide_index=True,
            height=560,
            key="data-study-rows",
            on_select="rerun",
            selection_mode="single-row",
        )
    chosen = picked.selection.rows[:1]
    with right:
        _one_study(dataset, table.iloc[chosen[0] if chosen and chosen[0] < len(table) else 0])


def _sought(conditions: Sequence[str]) -> tuple[str, Known, str]:
    """Condition, state and split that are sought; empty for any."""
    one, two, three = st.columns([3, 2, 2])
    condition = one.selectbox(
        "Condition",
        ["", *conditions],
        format_func=lambda name: name or "any",
        key="data-condition",
        bind="query-params",
    )
    state = two.selectbox(
        "Its label",
        list(_STATES),
        format_func=_STATES.__getitem__,
        key="data-label",
        bind="query-params",
        disabled=not condition,
    )
    split = three.selectbox(
        "Split", ["", *SPLITS], format_func=lambda name: name or "any", key="data-study-split", bind="query-params"
    )
    return condition, state, split


def _one_study(dataset: FolderDataset, row: pd.Series) -> None:
    """Its image, and what is known of it. The first of the page, until a row is clicked."""
    if (picture := pictures.item_picture(row.image, str(dataset.images))) is not None:
        pictures.draw_picture(picture)
    st.caption(f"patient {plain(row.patient)}, study {plain(row.study)}, {plain(row.split)} split. Or click a row.")
