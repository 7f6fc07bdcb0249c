"""Review: people judge items or mappings, blind to one another, and what they accept is kept."""

import streamlit as st

from dashboard.parts import fields
from dashboard.review import judging, mappings, results, subjects

OF = {
    "items": ("Items", subjects.open_items),
    "mappings": ("Mappings", mappings.open_mappings),
}
VIEWS = {
    "Judge": judging.judge,
    "Agreement": results.agree,
    "Conflicts": results.settle,
    "Outcome": results.finish,
}

st.title("Review")
of = fields.one_of(
    st, "What", {name: label for name, (label, _) in OF.items()}, key="review-of", label_visibility="collapsed"
)
opened = OF[of][1]()
view = fields.one_of(st, "View", list(VIEWS), key="review-view", label_visibility="collapsed")
VIEWS[view](opened)
