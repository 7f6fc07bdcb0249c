"""Tab Questions: accuracies said affirmatively and with negations, by model, condition, cue, wording and count."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard.benchmark import charts, choices
from dashboard.benchmark.slices import View
from dashboard.parts import plots, theme, widgets
from dashboard.parts.text import plain

_METRICS = (
    ("Accuracy, affirmative", "acc_affirmative", 100, " %"),
    ("Accuracy, negated", "acc_negated", 100, " %"),
    ("Gap, percentage points", "gap_points", 1, ""),
    ("Blind, negated", "blind_negated", 100, " %"),
)
_BY = {
    "condition": ("By condition denied", True),
    "cue": ("By cue (* unseen in training)", True),
    "wording": ("By seen and unseen cues", False),
    "negations": ("By number of negations", False),
}


def draw(view: View) -> None:
    shown = view.answers[view.detail]
    summary = choices.summary(shown.scored, view.key_of(view.detail))
    if not summary["acc_affirmative"]["n"]:
        name, reason = next(iter(shown.failed.items()), ("", "no image was found"))
        widgets.empty(f"No item could be scored: {len(shown.failed)} images cannot be read; first {name}: {reason}")
    _headline(summary, view.of)
    if len(view.answers) > 1:
        _models(view)
    if len(view.answers) > 1:
        st.subheader(f"In detail: {plain(shown.name)}")
    for pair in (("condition", "cue"), ("wording", "negations")):
        for column, by in zip(st.columns(2, gap="medium"), pair, strict=True):
            with column:
                _groups(view, by)


def _headline(summary: dict, of: str) -> None:
    from nast_core.statistics.rates import Rate

    for column, (label, name, scale, unit) in zip(st.columns(len(_METRICS)), _METRICS, strict=True):
        rate = Rate.of(summary[name]).times(scale)
        column.metric(label, f"{rate.value:.1f}{unit}", border=True)
        column.caption(f"{rate.ends('.1f')}, n = {rate.n:,}")
    test = summary["mcnemar"]
    st.caption(
        f"Of {plain(of)}: the same question, said two ways; 95 % intervals by bootstrap over patients (2,000 resamples,"
        f" seed 0). Paired exact McNemar test: {test['only_first']} items right only affirmatively,"
        f" {test['only_second']} only negated, p = {test['p_value']:.2g}. Ties, counted as wrong: {summary['ties']}."
        f" Unscored items: {summary['unscored']}. Blind: the same options scored with the mean image; chance is 25 %."
    )


def _models(view: View) -> None:
    from nast_core.statistics.rates import holm

    summaries = {spec: choices.summary(one.scored, view.key_of(spec)) for spec, one in view.answers.items()}
    rows = [
        {"group": spec, "form": form, **figures[f"acc_{form}"]}
        for spec, figures in summaries.items()
        for form in theme.FORMS
    ]
    table = pd.DataFrame(rows)
    corrected = dict(zip(summaries, holm([s["mcnemar"]["p_value"] for s in summaries.values()]), strict=True))
    widgets.figure(
        charts.figure_three(
            table,
            corrected,
            title="The same questions, several models",
            subtitle=f"{view.of}; 95 % intervals over patients; in brackets, n; stars: affirmative against negated",
        ),
        key="benchmark-models",
        data=table.assign(p_holm=table.group.map(corrected)),
        how_to_read=(
            "Blue: said affirmatively. Orange, hatched: with negations. The step between them is what the wording"
            " costs. Exact McNemar tests, Holm-corrected over the models: *** p < 0.001, ** < 0.01, * < 0.05, n.s."
            " otherwise."
        ),
        alt="Accuracy affirmative and negated by model",
    )
    st.markdown("**Between models**, on the items that both could score")
    tests = choices.between(
        {spec: one.scored for spec, one in view.answers.items()},
        (*view.key, *(a.fingerprint for a in view.answers.values())),
    )
    st.dataframe(
        tests,
        hide_index=True,
        column_config=_tested("change", "b - a, points", "%+.1f")
        | {"only_a": "only a right", "only_b": "only b right"},
    )
    st.caption(
        "Intervals over patients, drawn alike for both models. Holm p is corrected over all tests of this table."
    )


def _tested(points: str, label: str, form: str) -> dict[str, Any]:
    """Columns of a table of paired tests: the difference ``points`` with its interval, and both p-values."""
    number = st.column_config.NumberColumn
    return {
        points: number(label, format=form),
        "low": number(format=form),
        "high": number(format=form),
        "p_value": number("McNemar p", format="%.2g"),
        "p_holm": number("Holm p", format="%.2g"),
    }


def _groups(view: View, by: str) -> None:
    title, horizontal = _BY[by]
    table, tests = choices.groups(view.answers[view.detail].scored, view.items, by, (*view.key_of(view.detail), by))
    if table.empty:
        st.caption(f"{title}: no item of this slice has a negation.")
        return
    figure = plots.accuracy_bars(
        table,
        title=title,
        subtitle=f"{view.of}; 95 % intervals over patients; in brackets, n",
        horizontal=horizontal,
    )
    widgets.figure(
        figure,
        key=f"benchmark-by-{by}",
        data=table.merge(tests, on=["group", "n"], how="left"),
        how_to_read="Blue: said affirmatively. Orange, hatched: the same items with negations."
        + (" An item counts for each in its true statement." if horizontal else ""),
        alt=f"Accuracy by form, {title}",
    )
    with st.expander("Gap and test"):
        gap = table[table.form == "gap"].drop(columns="form").merge(tests, on=["group", "n"])
        st.dataframe(
            gap,
            hide_index=True,
            column_config=_tested("value", "gap, points", "%.1f")
            | {"only_first": "only affirmative right", "only_second": "only negated right"},
        )
