"""One item on a page, as the Data and Review pages show it; and where data sets lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts.marks import marked
from dashboard.parts.pictures import item_picture
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item

DEMO_ITEMS = 24
_FORMS = (("affirmative", ":blue[Affirmative]"), ("negated", ":orange[With negations]"))


def home() -> Path:
    """The folder that data sets go to where the user names none: $NAST_DATA, or ./datasets."""
    return Path(os.environ.get("NAST_DATA") or "datasets").expanduser().absolute()


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
            draw_four(getattr(item, form), item.answer, marks=marks)


def draw_four(texts: Sequence[str], answer: str | None, *, marks: bool = False) -> None:
    for letter, text in zip("ABCD", texts, strict=True):
        mark = " :blue-badge[:material/done: right]" if letter == answer else ""
        with st.container(border=True, gap=None):
            st.markdown(f"**{letter}**&nbsp;&nbsp;{marked(text) if marks else plain(text)}{mark}")


def badges(item: Item) -> str:
    """The conditions asked and their states in the right option, in a line."""
    from dashboard.parts.item_states import cues_said, starred, truth

    cue_by_condition = cues_said(item)
    return " ".join(
        (
            f":gray-badge[{plain(condition)}: present]"
            if state
            else f":orange-badge[{plain(condition)}: {plain(starred(cue_by_condition[condition]) or 'absent')}]"
        )
        for condition, state in truth(item).items()
    )


def demo_items() -> Path:
    """A small file of phantom items to try things on; made once."""
    from nast_core.benchmark.dataset import build_dataset
    from nast_core.benchmark.writers import writer_named

    path = home() / "demo.items.jsonl"
    if not path.exists():
        build_dataset("phantom", path, writer_named("template", "phantom"), count=DEMO_ITEMS)
    return path
