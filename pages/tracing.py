"""Causal tracing: which states of the text encoder carry the negation to the score."""

import numpy as np
import streamlit as st

from dashboard.parts import keeper, pairs, plots, widgets
from dashboard.parts.pictures import draw, image_vector, image_vectors, of_set, slide_pictures
from dashboard.parts.text import plain
from dashboard.tracing import traces
from nast_core.interpret.summaries import AVERAGES, SUMMARIES, offered

SMALL_D = 0.5  # logits

st.title("Causal tracing")
model = keeper.model()
what, how, wide = st.columns([3, 2, 2], vertical_alignment="bottom")
component = what.segmented_control(
    "Swap in the negated text's",
    list(traces.COMPONENTS),
    format_func=traces.COMPONENTS.__getitem__,
    default="block",
    required=True,
    key="component",
    bind="query-params",
    help="Block output: all that a layer passes on. Attention and MLP output: what one branch of the layer adds.",
)
method = how.segmented_control(
    "Method",
    list(traces.METHODS),
    format_func=traces.METHODS.__getitem__,
    default="exact",
    required=True,
    key="method",
    bind="query-params",
    help="Exact: every swap is run. Estimate: attribution patching, all swaps from one gradient.",
)
window = wide.number_input(
    "Layers swapped together",
    1,
    model.text.n_layers,
    1,
    key="window",
    bind="query-params",
    disabled=method == "attribution",
    help="1 asks of each layer alone; more finds what several layers do jointly.",
)
plan = traces.plan(component=component, window=1 if method == "attribution" else window)
has_identities = component == "block" and plan.window == 1 and method == "exact"
chosen = pairs.choose_set(model)
traced_set = traces.traced_set(model, plan, method)
traced_set = traced_set.isel(pair=np.isin(traced_set.negated.values, pairs.set_key(chosen)))
if not {"pair", "image"} & {*st.session_state, *st.query_params}:  # start where the texts differ most in score
    widest = int(np.abs(traced_set.d.values).argmax())
    st.session_state["pair"] = str(traced_set.negated.values[widest])
    st.session_state["image"] = of_set(chosen)[widest]

st.subheader("One pair")
pair = pairs.choose_one(model, chosen)
left, right = st.columns([2, 5], gap="medium")
with left:
    picture, names = slide_pictures(pair.pair.finding)
    average_over = st.toggle(
        f"Average over all {len(names)} images",
        key="average-images",
        bind="query-params",
        help="The image meets a text only in the last product, so another image, or many, costs next to nothing.",
    )
    draw(picture)
vectors = image_vectors(model, names) if average_over else image_vector(model, picture)[None]
kept = traced_set.attrs["run"] if pair in chosen else None
seen = traces.pair_on_images(model, pair, plan, method, vectors, kept)
with right:
    on = f"mean of {len(vectors)} images" if average_over else "1 image"
    scores = st.columns(3)
    scores[0].metric("S(affirmative), logits", f"{seen.affirmative:.2f}", help=plain(pair.pair.affirmative))
    scores[1].metric("S(negated), logits", f"{seen.negated:.2f}", help=plain(pair.pair.negated))
    scores[2].metric("d = S(aff.) - S(neg.), logits", f"{seen.gap:.2f}")
    if seen.effect is None:
        widgets.empty("Both texts score alike on this image, so no effect is defined; choose another image or pair.")
    if method == "attribution":
        traces.estimate_badge(traced_set)
    cte = seen.effect[:, 0, : pair.length]
    widgets.figure(
        plots.cte_map(
            cte,
            plots.token_labels(pair.pieces_negated, pair.negator),
            first_layer=plan.first_layer,
            title=f"Causal tracing effect by layer and token: {traces.COMPONENTS[component].lower()}",
            subtitle=f"{traces.METHODS[method].lower()}; 1 pair, {on}",
        ),
        key="cte-pair",
        data=plots.cells(cte, plan.first_layer),
        how_to_read=(
            "The negated text's value, written into the affirmative text's run, one layer and token at a time. 0:"
            " nothing changes. 1: the text now scores as the negated one; above 1, past it. Follow the 1s from the"
            " negator to the end token."
        )
        + (" Here d is small, and shares of it swing widely." if abs(seen.gap) < SMALL_D else ""),
        alt="Heatmap of the causal tracing effect by layer and token",
    )
    if has_identities:
        widgets.ticks(traces.pair_ticks(model, pair, seen.effect), title="Identities")

st.subheader(f"All {len(chosen)} pairs, each on a phantom with its finding")
which, averaging, summarising = st.columns(3)
segment = which.selectbox(
    "Pairs", list(traces.SEGMENTS), key="segment", bind="query-params", format_func=traces.SEGMENTS.get
)
average = traces.choose_average(averaging, "average", bind="query-params")
summary = traces.choose_summary(summarising, list(offered(traced_set)), "summary", bind="query-params")
tables = traces.tables(traced_set, segment, average, summary)
st.caption(tables.counted)
if tables.profile is None:
    widgets.empty("No pair of this kind has a defined effect, so there is nothing to draw; choose other pairs.")
by_role, bars = st.columns(2, gap="medium")
with by_role:
    widgets.figure(
        plots.role_map(
            tables.by_role,
            title="CTE by token role",
            subtitle=f"{AVERAGES[average]}, {tables.pairs} pairs",
        ),
        key="cte-role",
        data=tables.by_role.to_dataframe(name="cte").reset_index(),
        how_to_read=(
            "The same effect, pooled over pairs by what a token is. It leaves the negator in the layer where the later"
            " tokens have read it. A cue of several words shares some with the affirmative text, and those carry"
            " nothing."
        ),
        alt="Heatmap of the causal tracing effect by layer and token role",
    )
with bars:
    widgets.figure(
        plots.layer_bars(
            tables.profile,
            title=f"Layer summary: {SUMMARIES[summary].label}",
            subtitle=f"{AVERAGES[average]}, {tables.pairs} pairs; 95 % bootstrap interval over pairs",
            label="CTE",
        ),
        key="cte-layers",
        data=tables.profile,
        how_to_read=(
            "One number a layer. Fine-tuning scales each layer's step by such a profile, and different summaries "
            "give different profiles."
        ),
        alt=f"Bars of the layer summary {SUMMARIES[summary].label}",
    )
if has_identities:
    widgets.ticks(traces.set_ticks(model, traced_set, chosen), title="Identities over all pairs")
