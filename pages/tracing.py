"""Causal tracing: which states of the text encoder carry the negation to the score."""

import streamlit as st

from dashboard.parts import keeper, pairs
from dashboard.tracing import one_pair, swaps, whole_set

st.title("Causal tracing")
model = keeper.model()
swap = swaps.choose(model)
chosen = pairs.choose_set(model)
traced = swap.traced(model, chosen)
one_pair.start(traced, chosen)

st.subheader("One pair")
one_pair.draw(model, pairs.choose_one(model, chosen), chosen, swap, traced)

st.subheader(f"All {len(chosen)} pairs, each on a phantom with its finding")
whole_set.draw(model, chosen, swap, traced)
