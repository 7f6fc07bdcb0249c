"""Looking through a data set on the Data page: which file, the items that fit, one by one, balance, ways out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.data import beside, charts, edit, statements, tables
from dashboard.parts import asking, correcting, item_cards, memo, widgets
from dashboard.parts.items import items_of
from dashboard.parts.marks import HOW
from dashboard.parts.text import plain
from nast_core.errors import NastError
from nast_core.files.gate import regular
from nast_core.files.jsonl import MOST as FILE_MOST
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.benchmark.reference import Imported
    from nast_core.negation.corrections import Corrections

ITEM_VIEWS = {
    "items": "Items",
    "balance": "Balance",
    "guessing": "Guessing",
    "card": "Card",
    "rejected": "Rejected drafts",
    "export": "Export",
}
_FIRST = 1_000_000  # characters of a first line; a claim has a few hundred
_BESIDE = (".rejected.jsonl", ".edits.jsonl")  # files that go with items and hold none


def show() -> None:
    path = _choose()
    with widgets.advice():
        if path.suffix == ".json":
            _show_reference(path)
        elif _holds_claims(path):
            statements.show(path)
        else:
            _editable(path)


def _choose() -> Path:
    """The file to look through: typed, or one of those in the folder of data sets."""
    if "data-opened" in st.session_state:  # a widget's value may only be set before it is drawn
        st.session_state["data-file"] = st.session_state.pop("data-opened")
    typed = asking.field(
        st, "File", key="data-file", placeholder="items.jsonl, claims.jsonl, or the reference builder's .json"
    )
    here = [
        file
        for file in sorted(item_cards.home().glob("*.jsonl"), key=lambda file: -file.stat().st_mtime)
        if not file.name.endswith(_BESIDE) and file != correcting.kept_in()
    ]
    if here:
        names = {str(file): file.name for file in here[:12]}
        st.pills(
            f"In {plain(item_cards.home())}",
            list(names),
            format_func=lambda file: plain(names[file]),
            key="data-here",
            on_change=_take,
            default=typed if typed in names else None,
        )
    if not typed:
        left, _ = st.columns([2, 5])
        if left.button("Open the demo items", icon=":material/play_arrow:", key="data-demo"):
            with widgets.advice():
                demo = item_cards.demo_items()
            asking.allow("data-file", demo)
            st.session_state["data-opened"] = str(demo)
            st.rerun()
        widgets.empty("Type the path of a file, or build one first; the demo items are drawn chest radiographs.")
    return widgets.path(typed)


def _take() -> None:
    if picked := st.session_state["data-here"]:
        open_file(picked)


def open_file(path: Path | str) -> None:
    """Callback of a button that leads to a file."""
    asking.allow("data-file", path)
    st.session_state["data-file"] = str(path)


def _holds_claims(path: Path) -> bool:
    """Told by the first line; what is wrong with the file, its reader says."""
    try:
        regular(path, most=FILE_MOST)
        with path.open(encoding="utf-8-sig") as file:
            lines = iter(lambda: file.readline(_FIRST), "")
            return '"contradictions"' in next((line for line in lines if line.strip()), "")
    except (NastError, OSError, UnicodeDecodeError):
        return False


def _editable(path: Path) -> None:
    """Items of a file, whose wording can be changed; not those of a dataset, which is kept as it was built."""
    from nast_core.dataset.folder import is_dataset

    part = is_dataset(path.parent)
    if part:
        st.caption(
            f"This file is part of the dataset {plain(path.parent)}, which is kept as it was built: export the items,"
            " and change the wording of the copy."
        )
    show_items(items_of(path), path, editable=not part)


# --- items -----------------------------------------------------------------------------------------------------------


def show_items(
    items: list[Item],
    path: Path,
    *,
    editable: bool = False,
    views: dict[str, str] = ITEM_VIEWS,
    images: str | None = None,
) -> None:
    """Items that fit, by views. ``images``: the folder of their images; without, it is asked for."""
    view = beside.choose_view(views)
    if view == "card":
        beside.card(path)
        return
    if view == "rejected":
        beside.rejected(path)
        return
    shown = _filter_items(items)
    st.caption(f"{len(shown):,} of {len(items):,} items, of {len({item.patient_id for item in shown}):,} patients.")
    if not shown:
        widgets.empty("No item fits these filters; take one away.")
    if view == "items":
        item = _one_item(shown, images)
        if editable:
            edit.edit(item, path)
    elif view == "balance":
        _item_balance(shown)
    elif view == "guessing":
        beside.item_guessing(shown, path)
    else:
        _export_items(shown, path)


def _filter_items(items: list[Item]) -> list[Item]:
    conditions = sorted({condition for item in items for condition in item.conditions})
    cues = sorted({cue for item in items for cue in tables.cues_said(item).values() if cue})
    one, two, three, four, five = st.columns([3, 3, 2, 2, 3])
    return tables.filter_items(
        items,
        conditions=one.multiselect(
            "Condition", conditions, key="data-conditions", bind="query-params", placeholder="any"
        ),
        cues=two.multiselect(
            "Cue (* held out of training)",
            cues,
            key="data-cues",
            bind="query-params",
            placeholder="any",
            format_func=tables.starred,
        ),
        state=three.selectbox(
            "In the right option",
            ["", "present", "absent"],
            format_func=lambda state: state or "any",
            key="data-state",
            bind="query-params",
        ),
        negations=four.multiselect(
            "Negations there", [0, 1, 2, 3], key="data-negations", bind="query-params", placeholder="any"
        ),
        text=five.text_input(
            "Text", key="data-text", bind="query-params", placeholder="in an option or id", icon=":material/search:"
        ),
    )


def _one_item(shown: list[Item], images: str | None) -> Item:
    """The items as a table, and the one that is chosen, which it gives."""
    names = [item.item_id for item in shown]

    def take_row() -> None:
        for row in st.session_state["data-rows"].selection.rows[:1]:
            st.session_state["data-item"] = names[row]

    st.dataframe(
        tables.item_rows(shown),
        hide_index=True,
        height=260,
        key="data-rows",
        on_select=take_row,
        selection_mode="single-row",
    )
    pick, folder, link = st.columns([4, 4, 1], vertical_alignment="bottom")
    name = pick.selectbox("Item", names, key="data-item", bind="query-params", help="Or click a row above.")
    if images is None:
        images = asking.field(folder, "Folder of its image", key="data-images") or None
    with link.popover("Link", icon=":material/link:", type="tertiary"):
        st.caption("Reopens this view; also in the address bar.")
        st.code(widgets.view_link(), language=None, wrap_lines=True)
    item = shown[names.index(name)]
    st.markdown(f"**{plain(item.question)}** {item_cards.badges(item)}")
    item_cards.draw_item(item, images=images, marks=True)
    st.caption(HOW)
    return item


def _item_balance(items: list[Item]) -> None:
    people = f"{len(items):,} items of {len({item.patient_id for item in items}):,} patients"
    left, right = st.columns(2, gap="medium")
    balances = (
        (
            left,
            tables.item_balance(items),
            "data-balance-conditions",
            "Conditions in the right option",
            (
                "How often each condition is present, or denied, where the option is right. Bars half and half: the"
                " condition alone gives nothing away."
            ),
        ),
        (
            right,
            tables.item_cues(items),
            "data-balance-cues",
            "Cues that deny them (* held out of training)",
            "How often each wording of denial stands in a right option. Starred cues appear in no training file.",
        ),
        (
            left,
            tables.item_negations(items),
            "data-balance-negations",
            "Negations in the right option, by its letter",
            (
                "Four equal parts in a bar: the letter gives nothing away. The bars say how many denials right options"
                " hold."
            ),
        ),
    )
    for column, table, key, title, how in balances:
        with column:
            widgets.figure(
                charts.count_bars(table, title=title, subtitle=people),
                key=key,
                data=table,
                how_to_read=how,
                alt=title,
            )


def _export_items(items: list[Item], path: Path) -> None:
    from nast_core.benchmark.reference import reference_json

    st.caption(f"The {len(items):,} items that fit the filters above, in three forms.")
    lines = "".join(item.model_dump_json() + "\n" for item in items)
    name = path.name.removesuffix(".jsonl").removesuffix(".json").removesuffix(".items")
    with st.container(horizontal=True):
        for label, text, file, kind in (
            ("JSONL, for this app and nast", lines, f"{name}.items.jsonl", "application/jsonl"),
            ("JSON of the reference builder", reference_json(items), f"{name}.reference.json", "application/json"),
            ("CSV, a row an item", tables.items_csv(items), f"{name}.csv", "text/csv"),
        ):
            st.download_button(label, text, file, kind, icon=":material/download:", on_click="ignore")


# --- the reference builder's JSON ------------------------------------------------------------------------------------


@memo.copied("Reading the items with the parser")
def _imported(path: Path, stamped: str, _corrections: Corrections, corrected: tuple) -> Imported:
    from nast_core.benchmark.reference import import_reference

    return import_reference(path, _corrections)


def _show_reference(path: Path) -> None:
    from nast_core.benchmark.items import write_items

    corrections = correcting.kept().corrections
    imported = _imported(path, stamp(path), corrections, tuple(corrections.lines()))
    target = path.with_suffix(".items.jsonl")
    save, beside_it = st.columns([2, 5], vertical_alignment="center")
    beside_it.caption(
        f"The reference builder's JSON is looked at as it is. Saved as {plain(target.name)} beside it, its wording can"
        " be changed."
    )
    if save.button("Save as items", icon=":material/save:", disabled=target.exists()):
        write_items(imported.items, target)
        st.rerun()
    if target.exists():
        save.button(f"Open {plain(target.name)}", icon=":material/search:", on_click=open_file, args=(target,))
    if imported.doubted:
        with st.expander(
            f"{len(imported.doubted):,} of {len(imported.items):,} items the parser does not read as their own labels",
            icon=":material/warning:",
        ):
            st.dataframe(pd.DataFrame(imported.doubted.items(), columns=["item", "first complaint"]), hide_index=True)
    show_items(imported.items, path)
