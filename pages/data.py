"""Data: build multiple-choice items or claims, look through them, and put their wording right."""

import streamlit as st

from dashboard import data_browse, data_build

DOINGS = {"items": "Build items", "claims": "Build claims", "browse": "Look through a file"}

st.title("Data")
doing = st.segmented_control(
    "What to do", list(DOINGS), format_func=DOINGS.__getitem__, default="items", required=True, key="data-do",
    bind="query-params", label_visibility="collapsed",
)  # fmt: skip
if doing == "items":
    st.caption(
        "Paired multiple-choice items: the same four options said with negations and said affirmatively, one of them true of "
        "the image. Every option is read back by a parser that did not write it."
    )
    data_build.build_items()
elif doing == "claims":
    st.caption("True statements about a study, each with one that contradicts it in polarity, location or severity.")
    data_build.build_claims()
else:
    data_browse.show()
