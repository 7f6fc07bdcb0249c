"""One item on a page, as the Data and Review pages show it; and where data sets lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import correcting
from dashboard.parts.marks import marked
from dashboard.parts.pictures import item_picture
from dashboard.parts.sets import home as home
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item

DEMO_ITEMS = 24
_FORMS = (("affirmative", ":blue[Affirmative]"), ("negated", ":orange[With negations]"))


def draw_item(item: Item, *, images: str | None = None, picture: bool = True, marks: bool = False) -> None:
    """The image, and the four options in both forms with the right one marked; ``marks``: what is read, too."""
    widths = [3, 4, 4] if picture else [1, 1]
    columns = iter(st.columns(widths, gap="medium"))
    if picture:
        with next(columns):
            shown = item_picture(item.image, images) if item.image else None
            if shown:
                st.image(shown.image, width="stretch")
            elif not item.image:
                st.caption("The label table names no image for this study.")
            st.caption(f"patient {plain(item.patient_id)}, study {plain(item.study_id)}")
    for form, heading in _FORMS:
        with next(columns):
            st.markdown(f"##### {heading}")
            draw_four(getattr(item, form), item.answer, marks=form if marks else "")


def draw_four(texts: Sequence[str], answer: str | None, *, marks: str = "") -> None:
    """Four options; with ``marks``, which names their place on the page, as the parser reads them, to be corrected."""
    for letter, text in zip("ABCD", texts, strict=True):
        mark = " :blue-badge[:material/done: right]" if letter == answer else ""
        with st.container(border=True, gap=None):
            st.markdown(f"**{letter}**&nbsp;&nbsp;{marked(text) if marks else plain(text)}{mark}")
            if marks:
                correcting.control(text, f"{marks}-{letter}")


def badges(item: Item) -> str:
    """The conditions asked and their states in the right option, in a line; and what a person read otherwise."""
    from dashboard.parts.item_states import cues_said, starred, truth

    cue_by_condition = cues_said(item)
    corrected = ", ".join(dict.fromkeys(f"{one.condition} {one.state}" for one in item.corrected))
    record = [f":violet-badge[read by a person: {plain(corrected)}]"] if corrected else []
    states = (
        (
            f":gray-badge[{plain(condition)}: present]"
            if state
            else f":orange-badge[{plain(condition)}: {plain(starred(cue_by_condition[condition]) or 'absent')}]"
        )
        for condition, state in truth(item).items()
    )
    return " ".join([*states, *record])


def demo_items() -> Path:
    """A small file of items about drawn patients, to try things on."""
    from nast_core.benchmark.dataset import demo_items

    return demo_items(home() / "demo.items.jsonl", DEMO_ITEMS)
