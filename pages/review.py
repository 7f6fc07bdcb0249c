"""Review: people judge the items, blind to one another, and what they accept is kept."""

import streamlit as st

from dashboard import review, review_results

VIEWS = {
    "Judge": review.judge,
    "Agreement": review_results.agree,
    "Conflicts": review_results.settle,
    "Outcome": review_results.finish,
}

st.title("Review")
opened = review.open_file()
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
