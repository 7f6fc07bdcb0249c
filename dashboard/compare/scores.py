"""Did the score move: the answer in a few figures, accuracies, and what was learnt and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.compare import charts
from dashboard.parts import datasets, plots, widgets, wording_charts
from dashboard.parts.text import chart, plain
from nast_core.claims.choices import FALSE, MEASURES, beside_the_paper

if TYPE_CHECKING:
    from dashboard.compare.comparisons import View
    from nast_core.compare.tables import Comparison


class Figure(NamedTuple):
    """One figure of the headline, as text."""

    name: str
    value: str
    detail: str  # its interval or test


_CUES = ", with every cue, also those that the demo's training keeps out (“absent”, “free of”)"
_FORMS = {"negated": "Accuracy, negated", "affirmative": "Accuracy, affirmative", "gap": "Gap"}


def figures(comparison: Comparison) -> list[Figure]:
    """The answer in four figures, fewer where there are no questions, or the towers' heads cannot be compared."""
    from nast_core.statistics.rates import Rate

    changes = comparison.changes.set_index("form")
    answer = []
    for form, name in _FORMS.items() if len(changes) else ():
        row = changes.loc[form]
        test = "" if form == "gap" else f", McNemar p = {row.p_value:.2g}"
        rate = Rate(row.change, row.low, row.high, row.n)
        answer.append(
            Figure(f"{name}, B - A", f"{rate.value:+.1f} points", f"{rate.ends('+.1f')}, n = {rate.n:,.0f}{test}")
        )
    heads = comparison.heads.dropna(subset="change")
    if len(heads):
        top = heads.loc[heads.change.abs().idxmax()]
        rate = Rate(top.change, top.low, top.high, top.n)
        where = f"layer {top.layer:.0f}, head {top['head']:.0f}"
        detail = f"largest at {where}: {rate.interval('+.3f')}, n = {rate.n:.0f} pairs"
        answer.append(Figure("Attention, mean |B - A| of a head", f"{heads.change.abs().mean():.3f}", detail))
    return answer


def headline(view: View) -> None:
    """The figures side by side, and what they rest on."""
    if view.comparison.about["same_weights"]:
        st.info("A and B have the same weights, so nothing differs.", icon=":material/equal:")
    cards = figures(view.comparison)
    for column, card in zip(st.columns(len(cards)) if cards else (), cards, strict=True):
        column.metric(card.name, card.value, border=True)
        column.caption(card.detail)
    if not view.comparison.about["items"]:
        return
    cues = _CUES if datasets.drawn(view.asked.dataset) else ""
    st.caption(
        f"{plain(view.questions)}{cues}; 95 % intervals by bootstrap over patients, of attention over {view.pairs}"
        " pairs. If attention moved with the score, the mechanism changed; if the score moved alone, look at the"
        " effects by layer below."
    )


def accuracy(view: View) -> None:
    """Accuracy of both, by form; why there is none, where the split has no question."""
    if view.lacks("questions"):
        return
    table = view.comparison.accuracy
    bars = table.assign(group=table.group.map(view.names))
    view.sections.draw(
        plots.accuracy_bars(
            bars,
            title="Accuracy of A and B",
            subtitle=f"{chart(view.questions)}; 95 % interval over patients; in brackets, n",
        ),
        key="compare-accuracy",
        data=bars,
        how_to_read=(
            "Blue: said affirmatively. Orange, hatched: the same questions with negations. A model that learnt to "
            "read negation raises the orange bar and keeps the blue one."
        ),
        alt="Bars of accuracy of both models",
    )


def claims(view: View) -> None:
    """Claim ranking, AUROC and retrieval of both; why there is none, where the dataset says nothing of its images."""
    about = view.comparison.about
    if view.lacks("claims"):
        return
    if not len(view.comparison.claims):
        widgets.hint("These statements and labels are too few for anything to be measured.")
        return
    of = datasets.of_split(datasets.load(view.asked.dataset), view.asked.split)
    view.sections.draw(
        charts.claim_points(
            view.comparison.claims,
            view.names,
            title="Claims, AUROC and retrieval",
            subtitle=(
                f"{about['studies']:,} studies of {chart(of)} and {about['statements']:,} true statements about them; "
                "95 % interval over patients"
            ),
        ),
        key="compare-claims",
        data=view.comparison.claims,
        how_to_read=(
            "Ranking: a true statement above its contradiction, for one image. AUROC of the denial: below 0.5 the model"
            " reads “no X” as X, at 0.5 it ignores the cue, above it reads it. Zero-shot AUROC and retrieval are what"
            " should not fall. At the right, B - A."
        ),
        alt="Points of both models for claim ranking, AUROC and retrieval",
    )
    _beside_the_paper(view)


def _beside_the_paper(view: View) -> None:
    """Both models in the shape of the paper's tables, above what these say; nothing where one figure is missing."""
    measured = view.comparison.claims.set_index("measure")
    if not set(MEASURES.values()) <= set(measured.index):
        return
    own = {
        name: {field: measured.at[measure, group.lower()] for field, measure in MEASURES.items()}
        for group, name in view.names.items()
    }
    with st.expander("In the shape of the paper's tables 1 and 3"):
        rows = beside_the_paper(own)
        tenths = {name: st.column_config.NumberColumn(format="%.1f") for name in rows[0] if name != "model"}
        st.dataframe(rows, hide_index=True, column_config=tenths)
        st.caption(
            "Quoted rows were read at second hand, not checked, and are of other images, texts and choices than these."
            f" Claim accuracy here: the true statement of {FALSE + 1} of its form scores highest, mean of affirmative"
            " statements and denials; chance is 25 %."
        )


def wording(view: View) -> None:
    """How A and B read each wording, cue by cue."""
    table = view.comparison.wording
    if view.lacks("claims", again=True) or table.empty:
        return
    series = [
        wording_charts.Series(
            view.names[model],
            table.rename(columns={at: "value", f"{at}_low": "low_", f"{at}_high": "high_"})
            .drop(columns=["low", "high"])
            .rename(columns={"low_": "low", "high_": "high"}),
            charts.COLOURS[model],
        )
        for model, at in (("A", "a"), ("B", "b"))
    ]
    of = datasets.of_split(datasets.load(view.asked.dataset), view.asked.split)
    view.sections.draw(
        wording_charts.points(
            series,
            title="Wording: denials by every cue, and affirmations taken for one",
            subtitle=f"{chart(of)}, {int(table.n.max()):,} images; macro over conditions; 95 % interval over patients",
        ),
        key="compare-wording",
        data=table,
        how_to_read=f"Hollow: A. Filled: B. Taught: to either of them. {wording_charts.HOW_TO_READ}",
        alt="Points of both models for every denial, affirmation and pseudo-negation",
    )
    means = view.comparison.wording_means()[["group", "a", "b", "change", "low", "high", "n"]]
    st.dataframe(means.round(3), hide_index=True)
    st.caption("Means of the groups, and the paired change B - A with its interval; every wording is in the CSV.")
