"""Benchmark: how many points a model loses when the same question is asked with a negation, and on which questions."""

import streamlit as st

from dashboard.benchmark import choices, claims, item_by_item, mistakes, retrieval, slices
from dashboard.benchmark import questions as benchmark_questions
from dashboard.parts import keeper

TABS = {
    "Questions": benchmark_questions.draw,
    "Distance and bias": mistakes.draw,
    "Claims": claims.draw,
    "Retrieval and alignment": retrieval.draw,
    "Items": item_by_item.draw,
}

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
