"""Fine-tune: each text layer learns in proportion to its causal tracing effect, and arms to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.finetune import form, prepare, trainings
from dashboard.parts import jobs, keeper

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

st.title("Fine-tune")
st.caption(
    "Negation-aware selective training: the text encoder learns from true statements and their contradictions, each"
    " layer as fast as its causal tracing effect says. Images pass through the frozen image tower once. Training and"
    " watching use the train and validation splits; the test split is for the benchmark."
)
keeper.model()  # where it does not load, its sentence


def ask(model: DualEncoder) -> None:
    """What to train, and the button that does it."""
    st.subheader("1. What to learn from")
    files = form.data()
    st.subheader("2. Which layers learn how fast")
    layers = form.layers(model)
    st.subheader("3. How")
    settings, seeds = form.settings()

    runs = prepare.recipes(layers.arms, seeds, files._asdict() | settings | layers.choices, layers.trace)
    if st.button(
        f"Train {len(runs)} run{'s' * (len(runs) != 1)}: {prepare.time_of(runs, model)} in all, one after another on a"
        " device",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not runs,
    ):
        jobs.start(runs, model.fingerprint)


try:
    ask(keeper.model())
finally:  # a setting that cannot be ends the asking; what is running stays in sight
    st.subheader("Runs")
    trainings.show("finetune")
