"""Causal tracing: which states of the text encoder carry the negation to the score."""

from dataclasses import replace

import streamlit as st

from dashboard.parts import datasets, keeper, pairs
from dashboard.tracing import one_pair, swaps, traces, whole_set

st.title("Causal tracing")
model = keeper.model()
swap = swaps.choose(model)
findings, cues, which, many = st.columns([4, 4, 4, 2], vertical_alignment="bottom")
swap = replace(swap, on=traces.choose_images(which, many))
chosen = pairs.choose_set(model, findings, cues, present=swap.on.finding)
traced = swap.traced(model, chosen)
one_pair.start(traced, chosen, swap)

st.subheader("One pair")
one_pair.draw(model, pairs.choose_one(model, chosen), chosen, swap, traced)

st.subheader(f"All {len(chosen)} pairs, each on {datasets.image_with(*swap.on)}")
whole_set.draw(model, chosen, swap, traced)
