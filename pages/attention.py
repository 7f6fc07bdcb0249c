"""Attention: which heads look at the negator."""

import streamlit as st

from dashboard.attention import all_heads, one_head
from dashboard.parts import keeper, pairs

st.title("Attention to the negator")
model = keeper.model()
chosen = pairs.choose_set(model, present=None)
heads = all_heads.of_pairs(model, chosen)
above = st.container()
st.subheader("One head, token by token")
cell = one_head.choose(heads)
with above:
    heads.draw(cell)
one_head.draw(model, pairs.choose_one(model, chosen), cell)
if heads.rest:
    with above:
        heads.rest()
