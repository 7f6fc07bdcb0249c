"""Data: build datasets, multiple-choice items or claims, look through them, and put their wording right."""

import streamlit as st

from dashboard.data import browse, build, studies, vocabulary
from dashboard.parts import datasets, fields

DOINGS = {
    "dataset": "Build a dataset",
    "items": "Build items",
    "claims": "Build claims",
    "studies": "Look through the dataset",
    "browse": "Look through a file",
    "vocabulary": "The vocabulary",
}

st.title("Data")
# no default: a build sends on to its file
fields.start(**{"data-do": "items" if datasets.drawn() else "studies"})
doing = fields.one_of(st, "What to do", DOINGS, key="data-do", label_visibility="collapsed", default=None)
if doing == "dataset":
    st.caption(
        "Your own labels and images, put together once: studies, questions, statements, pairs and a card in one folder."
        " Chosen in the sidebar, every page obeys it. Images stay where they are."
    )
    build.build_dataset()
elif doing == "items":
    st.caption(
        "Paired multiple-choice items: the same four options said with negations and said affirmatively, one of them"
        " true of the image. Every option is read back by a parser that did not write it."
    )
    build.build_items()
elif doing == "claims":
    st.caption("True statements about a study, each with one that contradicts it in polarity, location or severity.")
    build.build_claims()
elif doing == "studies":
    studies.show()
elif doing == "vocabulary":
    vocabulary.show()
else:
    browse.show()
