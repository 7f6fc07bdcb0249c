"""Attention: which heads look at the negator."""

import pandas as pd
import streamlit as st

from dashboard.parts import clicks, keeper, pairs, plots, widgets
from dashboard.parts.attention import attention, layer_interval, patterns
from dashboard.parts.marks import HOW, marked

st.title("Attention to the negator")
model = keeper.model()
chosen = pairs.choose_set(model)
result = attention(model, model.fingerprint, chosen, pairs.set_key(chosen))
low, high = layer_interval(result.nsa.mean("head").values, pairs.set_key(chosen))
mean = result.nsa.mean("pair")
layers, heads = mean["layer"].values.tolist(), mean["head"].values.tolist()
best = mean.stack(cell=("layer", "head")).idxmax().item()
if not {"layer", "head"} & {*st.session_state, *st.query_params}:
    st.session_state["layer"], st.session_state["head"] = best  # a start, not a default: the link must name it

map_place = st.container()
st.subheader("One head, token by token")
pick_layer, pick_head, _ = st.columns([1, 1, 4])
layer = pick_layer.selectbox("Layer", layers, key="layer", bind="query-params")
head = pick_head.selectbox("Head", heads, key="head", bind="query-params")
with map_place:
    widgets.figure(
        plots.head_map(
            mean,
            low,
            high,
            layer,
            head,
            title="Negator-selective attention by layer and head",
            subtitle=f"mean of {len(chosen)} pairs; bars: mean over heads, 95 % interval over pairs",
        ),
        key="head-map",
        data=mean.to_dataframe(name="nsa").reset_index(),
        how_to_read=(
            "Share of attention that later tokens pay the negator, more than to the word in its place in the "
            "affirmative text. Red: the head seeks the negator. Click a cell, or choose layer and head below."
        ),
        alt="Heatmap of negator-selective attention by layer and head, with layer means as bars",
        on_select=clicks.take_cell,
    )

pair = pairs.choose_one(model, chosen)
for form, sentence in (("Affirmative", pair.pair.affirmative), ("Negated", pair.pair.negated)):
    st.markdown(f":gray[{form}]&nbsp;&nbsp;{marked(sentence)}", help=HOW if form == "Negated" else None)
negated, affirmative = patterns(model, model.fingerprint, (pair.pair.negated, pair.pair.affirmative))
shown = negated[layer - 1, head - 1], affirmative[layer - 1, head - 1]
labels = [plots.token_labels(pieces, pair.negator) for pieces in (pair.pieces_negated, pair.pieces_affirmative)]
widgets.figure(
    plots.attention_patterns(
        *shown, *labels, title=f"Layer {layer}, head {head}: attention of each token", subtitle="1 pair"
    ),
    key="head-pattern",
    data=pd.DataFrame(
        [
            {
                "query": pair.pieces_negated[q],
                "key": pair.pieces_negated[k],
                "query_position": q,
                "key_position": k,
                "negated": shown[0][q, k],
                "affirmative": shown[1][q, k],
            }
            for q in range(pair.length)
            for k in range(pair.length)
        ]
    ),
    how_to_read=(
        "Each row is a token that looks, each column a token looked at; rows sum to 1. The negator, and the word in "
        "its place, is underlined. Left and middle share one scale; right is their difference."
    ),
    alt=f"Attention of layer {layer} head {head} for the negated and the affirmative text",
)
