"""Benchmark: how many points a model loses when the same question is asked with a negation, and on which questions."""

import streamlit as st

from dashboard.benchmark import choices, slices
from dashboard.benchmark.tabs import TABS
from dashboard.parts import keeper

st.title("Benchmark")
keeper.model()  # where it does not load, its sentence
specs = choices.choose_models()
questions = choices.choose_questions()
part = slices.choose(questions)
view = slices.view(questions, choices.ask(specs, questions), part)
for tab, draw in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            draw(view)
