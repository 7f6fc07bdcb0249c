"""Benchmark: how many points the model loses when the same question is asked with a negation."""

from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard import charts, state, widgets
from dashboard.cases import draw_options
from dashboard.pictures import item_picture

st.title("Benchmark")
model = state.model()

with st.expander("Questions", icon=":material/quiz:", expanded=False):
    source, rest = st.columns([1, 3])
    kind = source.segmented_control(
        "From", ["phantoms", "a file"], default="phantoms", required=True, key="from", bind="query-params"
    )
    folder = None
    if kind == "phantoms":
        count, seed = rest.columns(2)
        n = count.select_slider(
            "Number of items", [200, 500, 1000, 2000, 3000], value=500, key="n", bind="query-params"
        )
        items_seed = seed.number_input("Seed", 0, 10_000, 0, key="seed", bind="query-params")
        items, key = state.phantom_items(n, int(items_seed), "test"), f"phantom-test-{n}-{items_seed}"
    else:
        where, beside = rest.columns(2)
        path = where.text_input("items.jsonl, of 'nast benchmark build'", key="items", bind="query-params").strip()
        folder = beside.text_input("Folder of its images", key="images", bind="query-params").strip() or None
        if not path:
            widgets.empty("Give the path of an items file, or choose phantoms.")
        with widgets.advice():
            stamp = Path(path).expanduser().stat().st_mtime if Path(path).expanduser().is_file() else 0.0
            items, key = state.file_items(path, stamp), f"{path}-{stamp}"

result = state.benchmark(model, items, key, folder)
summary, scored = result.summary, result.scored
if not summary["acc_affirmative"]["n"]:
    first = next(iter(result.failed.items()), ("", "no image was found"))
    widgets.empty(f"No item could be scored: {len(result.failed)} images cannot be read; first {first[0]}: {first[1]}")

columns = st.columns(4)
for column, (label, name, percent) in zip(
    columns,
    (
        ("Accuracy, affirmative", "acc_affirmative", True),
        ("Accuracy, negated", "acc_negated", True),
        ("Gap, percentage points", "gap_points", False),
        ("Blind, negated", "blind_negated", True),
    ),
    strict=True,
):
    value = summary[name]
    scale = 100 if percent else 1
    column.metric(label, f"{value['value'] * scale:.1f}{' %' if percent else ''}", border=True)
    column.caption(f"{value['low'] * scale:.1f} to {value['high'] * scale:.1f}, n = {value['n']:,}")
test = summary["mcnemar"]
bias = summary["affirmation_bias"]["negated"]
st.caption(
    "The same question, said two ways; 95 % intervals by bootstrap over patients (2,000 resamples, seed 0). "
    f"Paired exact McNemar test: {test['only_first']} items right only affirmatively, {test['only_second']} only negated, "
    f"p = {test['p_value']:.2g}. "
    + (
        f"Of the wrong negated answers, {bias['value']:.0%} turn an absent condition into a present one. "
        if bias
        else ""
    )
    + f"Ties, counted as wrong: {summary['ties']}. Unscored items: {summary['unscored']}. Blind: the same options scored with "
    "the mean image; chance is 25 %."
)

by_condition, by_cue = st.columns(2, gap="medium")
conditions, cues = state.benchmark_groups(model.fingerprint, key, str(folder), scored, items)
for column, table, name, title in (
    (by_condition, conditions, "by-condition", "By condition denied"),
    (by_cue, cues, "by-cue", "By cue (* unseen in training)"),
):
    with column:
        widgets.figure(
            charts.accuracy_bars(
                table, title=title, subtitle="95 % intervals over patients; in brackets, n", horizontal=True
            ),
            key=name,
            data=table,
            how_to_read="Blue: said affirmatively. Orange, hatched: the same items with negations. An item counts for each condition "
            "or cue in its true statement.",
            alt=f"Accuracy by form, {title}",
        )

st.subheader("The items")
table = scored.pivot(index="item_id", columns="form", values="correct")
views = {
    "lost by the negation": table[(table.affirmative == 1) & (table.negated == 0)],
    "won by the negation": table[(table.affirmative == 0) & (table.negated == 1)],
    "wrong both ways": table[(table.affirmative == 0) & (table.negated == 0)],
    "right both ways": table[(table.affirmative == 1) & (table.negated == 1)],
    "unscored": table[table.isna().any(axis=1)],
}
view = st.segmented_control(
    "Show", list(views), default="lost by the negation", required=True, key="show", bind="query-params"
)
st.caption("  ·  ".join(f"{name}: {len(group):,}" for name, group in views.items()))
by_id = {item.item_id: item for item in items}
names = [item.item_id for item in items if item.item_id in set(views[view].index)]
if not names:
    widgets.empty(f"No item is {view}; choose another group.")
name = st.selectbox("Item", names, key="item", bind="query-params")
item = by_id[name]
left, affirmative, negated = st.columns([3, 4, 4], gap="medium")
with left:
    picture = item_picture(item.image, folder)
    if picture:
        st.image(picture.image, caption=f"{item.patient_id}: {', '.join(item.conditions)}", width="stretch")
for column, form in ((affirmative, "affirmative"), (negated, "negated")):
    with column:
        draw_options(item, scored[(scored.item_id == name) & (scored.form == form)].iloc[0])
st.download_button(
    "All items as CSV",
    scored.to_csv(index=False),
    "benchmark-items.csv",
    "text/csv",
    icon=":material/download:",
    on_click="ignore",
)
if result.failed:
    with st.expander(f"{len(result.failed)} images could not be read; their items are unscored"):
        st.dataframe(pd.DataFrame(result.failed.items(), columns=["image", "reason"]), hide_index=True)
