"""The user's own images, each read both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts import datasets
from dashboard.parts.pictures import image_vector, uploads
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.vocabulary.model import Vocabulary


def draw(model: DualEncoder) -> None:
    """Per image and condition, three statements scored; without an image, how to give one."""
    pictures = uploads()
    if not pictures:
        st.caption("Drop a PNG, JPEG or DICOM into the sidebar to see the model read your own image both ways.")
        return
    st.subheader("Your images, read both ways")
    st.caption(
        "Per condition, three statements scored on your image, in logits (any image gets scores: whether it is a chest"
        " X-ray is not checked). A model that reads “no” puts “no X” on the side of the affirmative equivalent, not on"
        " the side of “X”."
    )
    for picture in pictures:
        left, right = st.columns([2, 5], gap="medium")
        left.image(picture.image, caption=plain(picture.title), width="stretch")
        table = scores(model, image_vector(model, picture), datasets.vocabulary())
        numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in table.select_dtypes("number")}
        right.dataframe(table, hide_index=True, width="stretch", height="content", column_config=numbers)


def scores(model: DualEncoder, vector: np.ndarray, vocabulary: Vocabulary) -> pd.DataFrame:
    """Per condition: logits of "X", "no X" and the affirmative equivalent of absence on one image."""
    import torch

    from nast_core.negation.phrases import sentence_case

    image, rows = torch.from_numpy(vector)[None], []
    known = [condition for condition in model.card.conditions if condition in vocabulary]
    for condition in known or vocabulary.conditions:
        words = vocabulary[condition]
        noun, normal = words.prompt_nouns[0], next(iter(words.prompt_equivalents), None)
        if normal is None:
            continue  # nothing to read its denial against
        texts = [
            f"There {noun.verb} {noun.phrase}.",
            f"There {noun.verb} no {noun.text}.",
            sentence_case(f"{normal}."),
        ]
        present, denied, absent = model.score(model.encode_texts(texts), image)[:, 0].tolist()
        rows.append((condition, round(present, 2), round(denied, 2), round(absent, 2), normal))
    return pd.DataFrame(rows, columns=["X", "X is present", "no X", "normal", "normal, said as"])
