"""Layers: is a denial known, what would the text mean there, and which heads, fed by which words, make the score."""

import streamlit as st

from dashboard.layers import asked_for
from dashboard.parts import keeper

st.title("Layers")
model = keeper.model()
asked = asked_for.choose(model)
for tab, draw in zip(
    st.tabs(list(asked_for.TABS), key="layers-tab", bind="query-params"), asked_for.TABS.values(), strict=True
):
    if tab.open:
        with tab:
            draw(asked)
