"""A benchmark item as a model answered it: the four options with scores, which is true and which was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts import correcting, repairing
from dashboard.parts.marks import marked
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item

_HEADINGS = {"affirmative": ":blue[Affirmative]", "negated": ":orange[With negations]"}


def draw_options(item: Item, row: pd.Series, *, marks: bool = False, split: bool = False) -> None:
    """The four options with scores; which is true and which the model chose, by word and icon, not colour alone.

    ``marks``: what the parser reads in them, too. ``split``: the answer is a repaired model's, and under each option
    stands what it was split into.
    """
    form, right = row.form, row.correct == 1
    verdict = ":green[:material/check_circle: right]" if right else ":red[:material/cancel: wrong]"
    if np.isnan(row.correct):
        verdict = ":gray[not scored: the image could not be read]"
    st.markdown(f"##### {_HEADINGS[form]}{', repaired' * split} — {verdict}")
    for letter, text in zip("ABCD", getattr(item, form), strict=True):
        tags = []
        if letter == row.choice:
            tags.append(f":{'green' if right else 'red'}-badge[:material/arrow_forward: chosen]")
        if letter == item.answer:
            tags.append(":blue-badge[:material/done: true]")
        with st.container(border=True, gap=None):
            st.markdown(f"**{letter}**&nbsp;&nbsp;{marked(text) if marks else plain(text)}")
            st.markdown(f":small[:gray[score {row[f'score_{letter}']:.2f}]] {' '.join(tags)}")
            if marks:
                correcting.control(text, f"{form}-{letter}")
            if split:
                repairing.draw_split(repairing.split(text))
