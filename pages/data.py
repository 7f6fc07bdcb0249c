"""Data: build multiple-choice items or claims, look through them, and put their wording right."""

import streamlit as st

from dashboard.data import browse, build
from dashboard.parts import fields

DOINGS = {"items": "Build items", "claims": "Build claims", "browse": "Look through a file"}

st.title("Data")
fields.start(**{"data-do": "items"})  # no default: a build sends on to its file
doing = fields.one_of(st, "What to do", DOINGS, key="data-do", label_visibility="collapsed", default=None)
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
