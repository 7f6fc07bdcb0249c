"""Causal tracing: which states of the text encoder carry the negation to the score."""

import streamlit as st

from dashboard import charts, pairs, state, widgets
from dashboard.pictures import choose_picture

SMALL_D = 0.5  # logits

st.title("Causal tracing")
model = state.model()
chosen = pairs.choose_set(model)

traced_set, set_ticks = state.trace_set(model, model.fingerprint, chosen, pairs.set_key(chosen))
if "pair" not in {*st.session_state, *st.query_params}:  # start where the texts differ most in score
    st.session_state["pair"] = chosen[int(abs(traced_set.d).argmax())].pair.negated

st.subheader("One pair on one image")
pair = pairs.choose_one(model, chosen)
left, right = st.columns([2, 5], gap="medium")
with left:
    picture = choose_picture(pair.pair.finding)
    st.image(picture.image, caption=picture.title, width="stretch")
    for warning in picture.warnings:
        st.caption(f":material/info: {warning}")
traced, ticks = state.trace_one(model, model.fingerprint, pair, state.image_vector(model, picture))
with right:
    a, n, d = (float(traced[name][0]) for name in ("s_affirmative", "s_negated", "d"))
    scores = st.columns(3)
    scores[0].metric("S(affirmative), logits", f"{a:.2f}", help=pair.pair.affirmative)
    scores[1].metric("S(negated), logits", f"{n:.2f}", help=pair.pair.negated)
    scores[2].metric("d = S(aff.) - S(neg.), logits", f"{d:.2f}")
    if abs(d) < traced.attrs["min_gap"]:
        widgets.empty("Both texts score alike on this image, so no effect is defined; choose another image or pair.")
    cte = traced.cte[0].values[:, : pair.length]
    widgets.figure(
        charts.cte_map(
            cte,
            charts.token_labels(pair.pieces_negated, pair.negator),
            title="Causal tracing effect by layer and token",
            subtitle="exact; 1 pair, 1 image",
        ),
        key="cte-pair",
        data=traced.cte[0].to_dataframe().reset_index()[["layer", "position", "cte"]].dropna(),
        how_to_read="The negated text's state, written into the affirmative text's run, one layer and token at a time. "
        "0: nothing changes. 1: the text now scores as the negated one; above 1, past it. Follow the 1s from the negator "
        "to the end token." + (" Here d is small, and shares of it swing widely." if abs(d) < SMALL_D else ""),
        alt="Heatmap of the causal tracing effect by layer and token",
    )
    widgets.ticks(ticks, title="Identities")

st.subheader(f"All {len(chosen)} pairs, each on a phantom with its finding")
averaging, summarising = st.columns(2)
average = averaging.segmented_control(
    "Average over pairs", ["ratio_mean", "mean_ratio"], default="ratio_mean", required=True, key="average", bind="query-params",
    help="ratio_mean: summed change of score over summed d, robust where some d is small. mean_ratio: mean of the pairs' CTE.",
)  # fmt: skip
tables = state.trace_tables(traced_set, model.fingerprint, average, pairs.set_key(chosen))
summary = summarising.selectbox(
    "Layer summary",
    list(tables.summaries),
    key="summary",
    bind="query-params",
    format_func=lambda name: f"{name}: {tables.meaning[name]}",
)
by_role, bars = st.columns(2, gap="medium")
with by_role:
    widgets.figure(
        charts.role_map(
            tables.by_role,
            title="CTE by token role",
            subtitle=f"{average} of {len(chosen)} pairs, {tables.undefined} undefined",
        ),
        key="cte-role",
        data=tables.by_role.to_dataframe(name="cte").reset_index(),
        how_to_read="The same effect, pooled over pairs by what a token is. It leaves the negator in the layer where the "
        "later tokens have read it. A cue of several words shares some with the affirmative text, and those carry nothing.",
        alt="Heatmap of the causal tracing effect by layer and token role",
    )
with bars:
    widgets.figure(
        charts.layer_bars(
            tables.summaries[summary],
            title=f"Layer summary: {summary}",
            subtitle=f"mean of {len(chosen) - tables.undefined} pairs, 95 % interval over pairs",
            label=summary,
        ),
        key="cte-layers",
        data=tables.summaries[summary],
        how_to_read=f"One number a layer: {tables.meaning[summary]}. Fine-tuning scales each layer's step by such a profile, "
        "and different summaries give different profiles.",
        alt=f"Bars of the layer summary {summary}",
    )
widgets.ticks(set_ticks, title="Identities over all pairs")
