"""Models: what is loaded, how it reads a sentence, and the known medical CLIPs."""

import pandas as pd
import streamlit as st

from dashboard import state, widgets
from dashboard.models import anatomy, fetch_model, known_names, similarity, token_table, where_from, zoo_table

st.title("Models")
model = state.model()

st.subheader(f"Loaded: {model.card.name}")
left, right = st.columns(2, gap="medium")
with left:
    st.dataframe(anatomy(model), hide_index=True, width="stretch", height="content")
with right:
    for ability, reason in model.limits.items():
        st.info(f"No {ability}: {reason}", icon=":material/block:")
    for check in state.checks():
        icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
        st.markdown(f"{icon} **{check.name}** — {check.figure}. :gray[{check.meaning}]")

st.subheader("How it reads a sentence")
sentence = st.text_input("Sentence", "There is no evidence of pleural effusion.", key="sentence", bind="query-params")
with widgets.advice():
    st.dataframe(token_table(model, sentence), hide_index=True, width="stretch", height="content")
st.caption(
    "Each token with its id and what it is: negator, pooled token (whose last state becomes the embedding), padding."
)

st.subheader("Is the negation nearer to its equivalent, or to what it denies?")
columns = st.columns(3)
texts = [
    column.text_input(label, value, key=key, bind="query-params")
    for column, label, value, key in zip(
        columns,
        ("Affirmative", "Its negation", "Affirmative equivalent of the negation"),
        ("There is a pneumothorax.", "Pneumothorax is absent.", "Fully expanded lungs."),
        ("said", "denied", "equivalent"),
        strict=True,
    )
]
with widgets.advice():
    table = similarity(model, texts)
st.dataframe(table, width="stretch", height="content")
st.caption(
    "Cosine between the texts' embeddings. A model that reads negation puts the negation nearer its equivalent than the "
    "sentence it denies."
)

st.subheader("Known medical CLIPs")
st.caption(
    "Type the name in the second column, or any folder, under Model in the sidebar. Nothing is fetched by itself."
)
fetch, button = st.columns([4, 1], vertical_alignment="bottom")
name = fetch.selectbox("Get", known_names(), key="fetch", bind="query-params")
st.caption(where_from(name))
if button.button("Download", icon=":material/download:", width="stretch"):
    bar = st.progress(0.0, f"Asking the hub for {name}")
    with widgets.advice():
        where = fetch_model(name, lambda done, total: bar.progress(done / max(total, 1), f"{name}: {done} of {total}"))
    bar.empty()
    st.success(f"{name} is in {where}; type {where.name} under Model.", icon=":material/check_circle:")
known: pd.DataFrame = zoo_table()
st.dataframe(
    known,
    hide_index=True,
    width="stretch",
    height="content",
    column_config={"how to get it": st.column_config.TextColumn(width="large")},
)
