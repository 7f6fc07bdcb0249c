"""Review: people judge the items, blind to one another, and what they accept is kept."""

import streamlit as st

from dashboard.parts import fields
from dashboard.review import judging, results

VIEWS = {
    "Judge": judging.judge,
    "Agreement": results.agree,
    "Conflicts": results.settle,
    "Outcome": results.finish,
}

st.title("Review")
opened = judging.open_items()
view = fields.one_of(st, "View", list(VIEWS), key="review-view", label_visibility="collapsed")
VIEWS[view](opened)
