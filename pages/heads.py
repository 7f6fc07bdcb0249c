"""Heads: which look at the negator, which carry the negation, and what is lost without them."""

import streamlit as st

from dashboard.heads import effects
from dashboard.parts import clicks, keeper, pairs, plots, widgets
from dashboard.parts.attention import attention
from dashboard.parts.pairs import alignment
from dashboard.tracing import traces

st.title("Heads")
model = keeper.model()
how, averaging = st.columns(2)
method = how.segmented_control(
    "Method",
    list(traces.METHODS),
    format_func=traces.METHODS.__getitem__,
    default="exact",
    required=True,
    key="head-method",
    bind="query-params",
    help="Exact: every head is swapped and run. Estimate: attribution patching, all heads from one gradient.",
)
average = traces.choose_average(averaging, "average", bind="query-params")
chosen_pairs = alignment(model).aligned
if not chosen_pairs:
    widgets.empty("No template pair aligns under this tokenizer, so heads cannot be compared.")
traced = traces.traced_set(model, traces.plan(component="head", positions="all"), method)
nsa = attention(model, model.fingerprint, chosen_pairs, pairs.set_key(chosen_pairs))
table = effects.table(nsa, traced, average)

place = st.container()
st.subheader("Without these heads")
off = st.multiselect(
    "Heads to switch off",
    table["name"].tolist(),
    key="off",
    bind="query-params",
    placeholder="click a head above, or choose here",
    help=(
        "Each is replaced by its mean output over both texts of all pairs: what it always adds stays, what it says of a"
        " text goes."
    ),
)
with place:
    if method == "attribution":
        traces.estimate_badge(traced)
    widgets.figure(
        plots.head_scatter(
            table,
            off,
            title="Heads that look at the negator, and heads that matter",
            subtitle=(
                f"{traces.METHODS[method].lower()}; means of {len(chosen_pairs)} pairs, each on a phantom with its"
                f" finding; correlation {effects.correlation(table):.2f}"
            ),
        ),
        key="head-scatter",
        data=table,
        how_to_read=(
            "Right: later tokens look at the negator through this head, more than at the word in its place. Up: with"
            " this head's output taken from the negated text at every token, the affirmative text scores nearer the"
            " negated one. Heads are named layer.head; click one to switch it off below."
        ),
        alt="Scatter of heads by negator-selective attention and causal tracing effect",
        on_select=clicks.take_head,
    )
if not off:
    widgets.empty("Choose one or more heads to see how the benchmark changes without them.")
count = st.select_slider("Questions", [300, 1000, 3000], key="ablation-n", bind="query-params")
before = effects.answers(model, model.fingerprint, count)
after = effects.answers(model, model.fingerprint, count, tuple(sorted(off)))
widgets.figure(
    plots.accuracy_bars(
        effects.accuracies(before, after),
        title="Accuracy with and without the chosen heads",
        subtitle=f"{count} questions on phantoms of the validation split, seed 0; 95 % interval over patients",
    ),
    key="ablation",
    data=effects.accuracies(before, after),
    how_to_read=(
        "If these heads caused the failure on negation, the negated bar would rise without them; if they read it, it "
        "would fall. A fall of both bars says that they do general work."
    ),
    alt="Bars of accuracy with and without the chosen heads",
)
st.caption(effects.said(before, after))
