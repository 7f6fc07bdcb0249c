"""Data: build datasets, items or claims, look through them, put their wording right, and edit the vocabulary."""

import streamlit as st

from dashboard.data import browse, build, studies, vocabulary
from dashboard.parts import datasets, fields

DOINGS = {
    "dataset": ("Build a dataset", build.build_dataset),
    "items": ("Build items", build.build_items),
    "claims": ("Build claims", build.build_claims),
    "studies": ("Look through the dataset", studies.show),
    "browse": ("Look through a file", browse.show),
    "vocabulary": ("The vocabulary", vocabulary.show),
}
TOLD = {
    "dataset": "Your own labels and images, put together once: studies, questions, statements, pairs and a card in one"
    " folder. Chosen in the sidebar, every page obeys it. Images stay where they are.",
    "items": "Paired multiple-choice items: the same four options said with negations and said affirmatively, one of"
    " them true of the image. Every option is read back by a parser that did not write it.",
    "claims": "True statements about a study, each with one that contradicts it in polarity, location or severity.",
    "vocabulary": "What is spoken of: conditions, the words for them, and how their absence is said affirmatively. A"
    " first one of your own is drafted from a table's columns by: nast vocabulary draft --labels FILE --out FILE",
}

st.title("Data")
# no default: a build sends on to its file
fields.start(**{"data-do": "items" if datasets.drawn() else "studies"})
labels = {name: label for name, (label, _) in DOINGS.items()}
doing = fields.one_of(st, "What to do", labels, key="data-do", label_visibility="collapsed", default=None)
if doing in TOLD:
    st.caption(TOLD[doing])
DOINGS[doing][1]()
