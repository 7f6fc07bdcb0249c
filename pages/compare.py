"""Compare: did the mechanism move, or only the score, and what was lost?"""

from functools import partial

import streamlit as st

from dashboard.compare import charts as compare_charts
from dashboard.compare import comparisons, report
from dashboard.parts import asking, cases, keeper, plots, widgets
from dashboard.parts.attention import patterns
from dashboard.parts.items import phantom_items
from dashboard.parts.pictures import item_picture
from dashboard.parts.text import plain
from dashboard.tracing import traces
from nast_core.interpret.summaries import SUMMARIES
from nast_core.negation.forms import FORMS

st.title("Compare")
known = comparisons.tuned()
for name, start in (("a", keeper.spec()), ("b", next(iter(known), ""))):
    if name not in {*st.session_state, *st.query_params}:
        st.session_state[name] = start  # a start, not a default: the link must name it
left, right = st.columns(2)
spec_a = asking.field(left, "A, before", key="a", help="demo, a folder, or run:ID.")
spec_b = asking.field(right, "B, after", key="b", help="Likewise; run:ID is a finished fine-tune.")
comparisons.list_tuned(known)
if not spec_a or not spec_b:
    widgets.empty("Name two models. After a fine-tune has finished, B can be its run:ID; any model's folder will do.")
questions, drawn, texts = st.columns([2, 2, 2])
count = questions.select_slider("Questions", [200, 500, 1000, 2000], 500, key="compare-n", bind="query-params")
split = drawn.segmented_control(
    "Of the phantoms' split",
    ["validation", "test"],
    default="validation",
    required=True,
    key="split",
    bind="query-params",
    help="Runs are chosen on validation; keep test for what you report.",
)
wanted = texts.select_slider("Pairs", [12, 24, 48, 96, 192], 48, key="compare-pairs", bind="query-params")
asked = comparisons.Asked(spec_a, spec_b, count, split, wanted)
found = comparisons.comparison(asked)
names, used = comparisons.names(found), found.about["pairs"]
if found.about["same_weights"]:
    st.info("A and B have the same weights, so nothing differs.", icon=":material/equal:")
headline = comparisons.headline(found)
for column, (name, value, said) in zip(st.columns(len(headline)), headline, strict=True):
    column.metric(name, value, border=True)
    column.caption(said)
st.caption(
    f"{count} questions on phantoms of the {split} split, seed 0, with every cue, also those that the demo's training"
    f" keeps out (“absent”, “free of”); 95 % intervals by bootstrap over patients, of attention over {used} pairs. If"
    " attention moved with the score, the mechanism changed; if the score moved alone, look at the effects by layer"
    " below."
)
sections = report.Sections()
draw = sections.draw

st.subheader("The score")
bars = found.accuracy.assign(group=found.accuracy.group.map(names))
draw(
    plots.accuracy_bars(
        bars, title="Accuracy of A and B", subtitle=f"{count} questions; 95 % interval over patients; in brackets, n"
    ),
    "compare-accuracy",
    bars,
    "Blue: said affirmatively. Orange, hatched: the same questions with negations. A model that learnt to read negation"
    " raises the orange bar and keeps the blue one.",
    "Bars of accuracy of both models",
)

st.subheader("What was learnt, and what was lost")
draw(
    compare_charts.claim_points(
        found.claims,
        names,
        title="Claims, AUROC and retrieval",
        subtitle=(
            f"{found.about['studies']} phantoms of the {split} split and {found.about['statements']:,} true statements"
            " about them; 95 % interval over patients"
        ),
    ),
    "compare-claims",
    found.claims,
    "Ranking: a true statement above its contradiction, for one image. AUROC of the denial: below 0.5 the model reads"
    " “no X” as X, at 0.5 it ignores the cue, above it reads it. Zero-shot AUROC and retrieval are what should not"
    " fall. At the right, B - A.",
    "Points of both models for claim ranking, AUROC and retrieval",
)

st.subheader("The mechanism")
draw(
    compare_charts.head_maps(
        found.heads, title="Negator-selective attention", subtitle=f"means of {used} pairs, one scale"
    ),
    "compare-heads",
    found.heads,
    "Red: the head's later tokens look at the negator. The third map is what changed; it is there where both text"
    " towers have the same layers and heads, and means most where B was trained from A.",
    "Heatmaps of negator-selective attention of A, of B and of their difference",
)
summary = traces.choose_summary(st, list(found.layers.summary.unique()), "summary", bind="query-params")
profile = found.layers[found.layers.summary == summary]
draw(
    compare_charts.layer_bars(
        profile,
        names,
        title=f"Causal tracing effect: {SUMMARIES[summary].label}",
        label="CTE",
        subtitle=f"{used} pairs, block outputs; ratio of means; 95 % bootstrap interval over pairs",
    ),
    "compare-layers",
    profile,
    "Where the negation travels to the score. Bars that moved to other layers: another path. Bars alike: the same path,"
    " whatever the score does.",
    "Bars of the causal tracing effect by layer, A beside B",
)

st.subheader("One head, token by token")
two = comparisons.load(spec_a, spec_b)
comparisons.confirm(found, asked, two)
pairs = comparisons.shared(two, wanted)
changed = found.heads.assign(size=found.heads.change.abs().fillna(found.heads.b.abs())).dropna(subset=["a", "b"])
if not {"compare-layer", "compare-head"} & {*st.session_state, *st.query_params}:
    top = changed.loc[changed["size"].idxmax()]
    st.session_state["compare-layer"], st.session_state["compare-head"] = int(top["layer"]), int(top["head"])
pick_layer, pick_head, pick_pair, pick_form = st.columns([1, 1, 4, 2])
layer = pick_layer.selectbox("Layer", sorted(changed.layer.unique().tolist()), key="compare-layer", bind="query-params")
head = pick_head.selectbox("Head", sorted(changed["head"].unique().tolist()), key="compare-head", bind="query-params")
at = [one.pair.negated for one in pairs.a]
text_of = pick_pair.selectbox("Pair, by its negated text", at, key="compare-pair", bind="query-params")
form = pick_form.segmented_control(
    "Text", list(reversed(FORMS)), default="negated", required=True, key="text-form", bind="query-params"
)
own = {model: side[at.index(text_of)] for model, side in (("A", pairs.a), ("B", pairs.b))}
text = getattr(own["A"].pair, form)
seen = [patterns(m, m.fingerprint, (text,))[0][layer - 1, head - 1] for m in (two.a, two.b)]
labels = {model: plots.token_labels(getattr(one, f"pieces_{form}"), one.negator) for model, one in own.items()}
draw(
    compare_charts.two_patterns(
        *seen, labels, title=f"Layer {layer}, head {head}: attention of each token", subtitle=f"1 text: {text}"
    ),
    "compare-pattern",
    comparisons.pattern_table(own, form, *seen),
    "Each row is a token that looks, each column a token looked at. The negator, or the word in its place, is"
    " underlined.",
    "Attention of one head on one text in A and in B",
)

st.subheader("What moved inside")
if len(found.shifts):
    means = found.shift_means.set_index("form")["value"]
    draw(
        compare_charts.shift_points(
            found.shifts,
            found.shift_means,
            title="Shift of the captions' embeddings",
            subtitle=(
                f"{used} pairs; line: mean, 95 % interval over pairs; negated - affirmative "
                f"{means['negated - affirmative']:+.4f}"
            ),
        ),
        "compare-shift",
        found.shifts,
        "How far the same text lies from where it was. Only negated captions should have to move; affirmative ones that"
        " moved are knowledge at risk. It means nothing between models that were not trained from one another.",
        "Points of 1 - cosine between the embeddings of A and B, by form",
    )
else:
    st.caption(
        f"The embeddings have {two.a.text.dim} and {two.b.text.dim} dimensions, so texts cannot be compared by their"
        " shift."
    )
if len(found.parameters):
    draw(
        compare_charts.moved_bars(
            found.parameters,
            title="Which layers moved",
            subtitle=(
                "norm of the change / norm of the weights, each fine-tune against its own base; line: w[l] it was"
                " trained with"
            ),
        ),
        "compare-moved",
        found.parameters,
        "The bars should follow the line, since w[l] scales each layer's learning rate. Layers that moved more than"
        " their weight says had steadier gradients, or smaller weights to begin with.",
        "Bars of relative change by layer, with the layer weights as a line",
    )
else:
    st.caption(
        "Neither model is a fine-tune of this folder of runs (run:ID), so there is no record of which layers were"
        " trained."
    )

st.subheader("The items fixed, and the items broken")
view_form, view = st.columns([1, 3])
which = view_form.segmented_control(
    "Form", list(reversed(FORMS)), default="negated", required=True, key="item-form", bind="query-params"
)
part = found.items[found.items.form == which]
verdicts = comparisons.VERDICTS
shown = view.segmented_control(
    "Show", list(verdicts), default="fixed", required=True, key="verdict", bind="query-params"
)
st.caption("  ·  ".join(f"{name}: {(part.verdict == name).sum():,}" for name in verdicts))
listed = part[part.verdict == shown].item_id.tolist()
if listed:
    item_id = st.selectbox("Item", listed, key="compare-item", bind="query-params")
    item = next(one for one in phantom_items(count, 0, split) if one.item_id == item_id)
    picture_at, *sides = st.columns([3, 4, 4], gap="medium")
    if picture := item_picture(item.image, None):
        picture_at.image(
            picture.image, caption=plain(f"{item.patient_id}: {', '.join(item.conditions)}"), width="stretch"
        )
    row = part[part.item_id == item_id].iloc[0]
    for column, model in zip(sides, ("A", "B"), strict=True):
        with column:
            st.markdown(f"**{plain(names[model])}**")
            cases.draw_options(item, comparisons.answer(row, model))
else:
    st.info(f"No item is {shown} in this form.", icon=":material/lightbulb:")

st.subheader("Take it along")
link = widgets.view_link()
with st.container(horizontal=True):
    st.download_button(
        "Report (HTML)",
        partial(comparisons.report_of, found, asked, sections, link),
        "comparison.html",
        "text/html",
        icon=":material/article:",
        on_click="ignore",
        help="One file with figures, tables, recipe and versions.",
    )
    st.download_button(
        "All tables (CSV)",
        partial(comparisons.archive, found),
        "comparison.zip",
        "application/zip",
        icon=":material/download:",
        on_click="ignore",
    )
