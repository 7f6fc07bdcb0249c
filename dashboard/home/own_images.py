"""The user's own images, each read both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts.pictures import image_vector, uploads
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder


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
        table = scores(model, image_vector(model, picture))
        numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in table.select_dtypes("number")}
        right.dataframe(table, hide_index=True, width="stretch", height="content", column_config=numbers)


def scores(model: DualEncoder, vector: np.ndarray) -> pd.DataFrame:
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
