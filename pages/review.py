"""Review: people judge the items, blind to one another, and what they accept is kept."""

import streamlit as st

from dashboard.review import judging, results

VIEWS = {
    "Judge": judging.judge,
    "Agreement": results.agree,
    "Conflicts": results.settle,
    "Outcome": results.finish,
}

st.title("Review")
opened = judging.open_file()
view = st.segmented_control(
    "View",
    list(VIEWS),
    default="Judge",
    required=True,
    key="review-view",
    bind="query-params",
    label_visibility="collapsed",
)
VIEWS[view](opened)
