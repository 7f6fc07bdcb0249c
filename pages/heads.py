"""Heads: which look at the negator, which carry the negation, and what is lost without them."""

import streamlit as st

from dashboard.heads import ablation, scatter
from dashboard.parts import keeper

st.title("Heads")
model = keeper.model()
heads = scatter.of_pairs(model)
above = st.container()
st.subheader("Without these heads")
change = ablation.choose(heads)
with above:
    heads.draw(change.heads)
ablation.draw(model, change)
