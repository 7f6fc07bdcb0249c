"""Audit: does this model read "no", where does it go wrong, and what should be done: everything, and one verdict."""

import streamlit as st

from dashboard.audit import answer, asking_for
from dashboard.parts import keeper

st.title("Audit")
model = keeper.model()
recipe = asking_for.recipe(model)
audited = asking_for.finished(recipe, model)
if audited is None:
    asking_for.offer(recipe, model)
else:
    answer.draw(audited)
