"""Benchmark items on a page: asking the model, and showing what it chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts.items import benchmark
from dashboard.parts.marks import marked
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.models import DualEncoder

_HEADINGS = {"affirmative": ":blue[Affirmative]", "negated": ":orange[With negations]"}


def ask_items(model: DualEncoder, items: list[Item], key: str) -> pd.DataFrame:
    """A row per item and form, as ``score_items`` gives it."""
    return benchmark(model, items, key).scored


def draw_options(item: Item, row: pd.Series, *, marks: bool = False) -> None:
    """The four options with scores; which is true and which the model chose, by word and icon, not colour alone. ``marks``: what the
    parser reads in them, too."""
    form, right = row.form, row.correct == 1
    verdict = ":green[:material/check_circle: right]" if right else ":red[:material/cancel: wrong]"
    if np.isnan(row.correct):
        verdict = ":gray[not scored: the image could not be read]"
    st.markdown(f"##### {_HEADINGS[form]} — {verdict}")
    for letter, text in zip("ABCD", getattr(item, form), strict=True):
        tags = []
        if letter == row.choice:
            tags.append(f":{'green' if right else 'red'}-badge[:material/arrow_forward: chosen]")
        if letter == item.answer:
            tags.append(":blue-badge[:material/done: true]")
        with st.container(border=True, gap=None):
            st.markdown(f"**{letter}**&nbsp;&nbsp;{marked(text) if marks else plain(text)}")
            st.markdown(f":small[:gray[score {row[f'score_{letter}']:.2f}]] {' '.join(tags)}")


def read_image_table(model: DualEncoder, vector: np.ndarray) -> pd.DataFrame:
    """Per condition: logits of "X", "no X" and the affirmative equivalent of absence on one image."""
    import torch

    from nast_core.negation.phrases import CHEXPERT_CONDITIONS, sentence_case, vocabulary

    image, rows = torch.from_numpy(vector)[None], []
    for condition in model.card.conditions or CHEXPERT_CONDITIONS:
        words = vocabulary()[condition]
        noun = words.nouns[0]
        texts = [
            f"There {noun.verb} {noun.phrase}.",
            f"There {noun.verb} no {noun.text}.",
            sentence_case(f"{words.normal[0]}."),
        ]
        present, denied, normal = model.score(model.encode_texts(texts), image)[:, 0].tolist()
        rows.append((condition, round(present, 2), round(denied, 2), round(normal, 2), words.normal[0]))
    return pd.DataFrame(rows, columns=["X", "X is present", "no X", "normal", "normal, said as"])
