"""Fine-tune: each text layer learns in proportion to its causal tracing effect, and arms to compare with."""

import streamlit as st

from dashboard.finetune import curves, form
from dashboard.parts import keeper, run_table

st.title("Fine-tune")
st.caption(
    "Negation-aware selective training: the text encoder learns from true statements and their contradictions, each"
    " layer as fast as its causal tracing effect says. Images pass through the frozen image tower once. Training and"
    " watching use the train and validation splits; the test split is for the benchmark."
)
keeper.model()  # where it does not load, its sentence
try:
    form.train(keeper.model())
finally:  # a setting that cannot be ends the asking; what is running stays in sight
    st.subheader("Runs")
    run_table.show("finetune", "Choose arms above and press Train.", curves.draw)
