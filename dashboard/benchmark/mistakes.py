"""Tab Distance and bias: how far off the wrong answers are, and whether they make findings up."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.benchmark import choices
from dashboard.benchmark.slices import View
from dashboard.parts import plots, theme, widgets


def draw(view: View) -> None:
    summaries = {spec: choices.summary(one.scored, view.key_of(spec)) for spec, one in view.answers.items()}
    left, right = st.columns(2, gap="medium")
    with left:
        _distances(summaries[view.detail], f"{view.answers[view.detail].name}, {view.of}")
    with right:
        _bias(summaries, view.of)
    with st.expander("By patient", icon=":material/person:"):
        _patients(view)


def _distances(summary: dict, name: str) -> None:
    rows = [
        {"group": f"{far} of 3", "series": form, **value}
        for form in theme.FORMS
        for far, value in (summary["distance"][form] or {}).items()
    ]
    if not rows:
        st.info("No answer in this slice is wrong, so there is no distance to show.", icon=":material/check:")
        return
    table = pd.DataFrame(rows)
    counts = ", ".join(
        f"{form} n = {summary['distance'][form]['1']['n']:,}" for form in theme.FORMS if summary["distance"][form]
    )
    widgets.figure(
        plots.rate_bars(
            table,
            theme.FORMS,
            title="Conditions that a wrong answer has wrong",
            subtitle=f"{name}, wrong answers: {counts}; 95 % intervals",
            label="share of wrong answers (%)",
        ),
        key="benchmark-distance",
        data=table,
        how_to_read=(
            "A wrong option differs from the true one in 1, 2 or 3 of its conditions. A shift to the right with"
            " negations says that more than one cue was misread. Ties with the right option count as wrong and have"
            " none, so bars may not add up to 100."
        ),
        alt="Hamming distance of wrong answers by form",
    )


def _bias(summaries: dict[str, dict], of: str) -> None:
    rows = [
        {"group": spec, "series": form, **figures["affirmation_bias"][form]}
        for spec, figures in summaries.items()
        for form in theme.FORMS
        if figures["affirmation_bias"][form]
    ]
    if not rows:
        return
    table = pd.DataFrame(rows)
    widgets.figure(
        plots.rate_bars(
            table,
            theme.FORMS,
            title="Affirmation bias",
            subtitle=(
                f"{of}; of wrong answers, n = {int(table.n.min()):,} to {int(table.n.max()):,} a bar; 95 % intervals"
                " over patients"
            ),
            label="absent turned into present (%)",
        ),
        key="benchmark-bias",
        data=table,
        how_to_read=(
            "Of the wrong answers, the share that turns an absent condition into a present one: a finding made up. "
            "Higher with negations than affirmatively means that the denied finding is what the model reads."
        ),
        alt="Affirmation-bias rate by model and form",
    )


def _patients(view: View) -> None:
    from nast_core.benchmark.groups import by_patient

    table = by_patient(view.answers[view.detail].scored).sort_values(["gap", "n"], ascending=False)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "affirmative": st.column_config.NumberColumn(format="percent"),
            "negated": st.column_config.NumberColumn(format="percent"),
            "gap": st.column_config.NumberColumn("gap, points", format="%.0f"),
            "n": "items",
        },
    )
    st.caption(
        "Sorted by gap. One patient is one draw of the bootstrap, so a patient has no interval; choose some in the"
        " slice above."
    )
