"""Benchmark: how many points a model loses when the same question is asked with a negation, and on which questions."""

import streamlit as st

from dashboard import (
    benchmark,
    benchmark_claims,
    benchmark_errors,
    benchmark_items,
    benchmark_questions,
    benchmark_retrieval,
    benchmark_slices,
    state,
)

TABS = {
    "Questions": benchmark_questions.draw,
    "Distance and bias": benchmark_errors.draw,
    "Claims": benchmark_claims.draw,
    "Retrieval and alignment": benchmark_retrieval.draw,
    "Items": benchmark_items.draw,
}

st.title("Benchmark")
state.model()  # where it does not load, its sentence
specs = benchmark.choose_models()
questions = benchmark.choose_questions()
part = benchmark_slices.choose(questions)
view = benchmark_slices.view(questions, benchmark.ask(specs, questions), part)
for tab, draw in zip(st.tabs(list(TABS), key="tab", bind="query-params"), TABS.values(), strict=True):
    if tab.open:
        with tab:
            draw(view)
