"""Data: build multiple-choice items or claims, look through them, and put their wording right."""

import streamlit as st

from dashboard.data import browse, build

DOINGS = {"items": "Build items", "claims": "Build claims", "browse": "Look through a file"}

st.title("Data")
if "data-do" not in {*st.session_state, *st.query_params}:  # a start, not a default: a build sends on to its file
    st.session_state["data-do"] = "items"
doing = st.segmented_control(
    "What to do",
    list(DOINGS),
    format_func=DOINGS.__getitem__,
    required=True,
    key="data-do",
    bind="query-params",
    label_visibility="collapsed",
)
if doing == "items":
    st.caption(
        "Paired multiple-choice items: the same four options said with negations and said affirmatively, one of them"
        " true of the image. Every option is read back by a parser that did not write it."
    )
    build.build_items()
elif doing == "claims":
    st.caption("True statements about a study, each with one that contradicts it in polarity, location or severity.")
    build.build_claims()
else:
    browse.show()
