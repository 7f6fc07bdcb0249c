"""The outcome of repairs: one chart, one table, and what they say; the repaired model taken along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import asking, widgets
from dashboard.parts.text import plain
from dashboard.repair import charts, outcome
from nast_core.files.places import HOME

if TYPE_CHECKING:
    from dashboard.repair.asked_for import Asked
    from dashboard.repair.outcome import Outcome

_SERIES = dict(
    zip(
        (
            "acc_affirmative",
            "acc_negated_seen",
            "acc_negated_unseen",
            "denials_seen",
            "denials_unseen",
            "zero_shot",
            "retrieval_R@5",
        ),
        (*charts.ACCURACIES, *charts.DENIALS, *charts.KEPT),
        strict=True,
    )
)


def draw(found: Outcome, asked: Asked) -> None:
    """What is finished so far."""
    st.markdown(f"**{_headline(found, asked.own)}**")
    _chart(found, asked)
    st.dataframe(outcome.table(found), hide_index=True, width="stretch", height="content")
    st.caption(
        "95 % intervals over patients; gains in negated accuracy against the model as it is by exact McNemar tests,"
        " Holm-corrected over all of this table. Read together: a gap that closes while blind accuracies leave 25 % is"
        " counting; negated accuracy without the AUROC of denials is muting; both, with affirmative figures unmoved, is"
        " reading as far as the parser reads. Hidden: AUROC of “no X” less “X”; where it is high and the AUROC of"
        " denials is low, the tower has the denial and the score hides it. Cosine between denials: near 1, all denials"
        " say the same. The parser finds nearly every denial of natural reports, fewer in unusual wording (docs:"
        " How well negation is read); what it misses is left as it is."
    )
    _take_along(found, asked)


def _headline(found: Outcome, own: str) -> str:
    """What the best of the repairs of the model comes to, in a sentence."""
    mine = [one for one in found.done if one.recipe.model == own]
    if not mine:
        return "No repair of this model is finished yet."

    def negated(name: str) -> float:
        return 100 * found.figures[name]["acc_negated"]["value"]

    best = max(mine, key=lambda one: negated(one.name))
    figures, before = found.figures[best.name], found.figures[own]
    said = f"{plain(best.made.repair)} answers {negated(best.name):.1f} % with negations, where {plain(own)} as it is"
    said += f" answers {negated(own):.1f} %; the gap goes from {before['gap_points']['value']:.1f} to"
    said += f" {figures['gap_points']['value']:.1f} points"
    if "denials_unseen" in figures:
        a, b = (one["denials_unseen"]["value"] for one in (before, figures))
        said += f", the AUROC of denials with unseen cues from {a:.2f} to {b:.2f}"
    return f"{said}."


def _chart(found: Outcome, asked: Asked) -> None:
    table = outcome.points(found, _SERIES)
    widgets.figure(
        charts.figure_points(
            table, title="As it is, and repaired", subtitle=f"{asked.of}; 95 % intervals over patients"
        ),
        key="repair-figures",
        data=table,
        how_to_read=(
            "Orange should reach blue: questions said with negations answered as well as the same said affirmatively,"
            " with cues that training texts have (filled) and others (open). Squares right of 0.5: “no X” counts for"
            " absence. Blue should stay where it is. Dotted: chance."
        ),
        alt="Points of accuracy, AUROC of denials, and of what should stay, by model",
    )


def _take_along(found: Outcome, asked: Asked) -> None:
    """A repaired model into the sidebar, or onto the Compare page."""
    specs = {one.name: one for one in found.done}
    if not specs:
        return
    pick, use, compare = st.columns([4, 2, 2], vertical_alignment="bottom")
    chosen = pick.selectbox(
        "Take along", list(specs), key="repair-chosen", help="A repaired model is a model: every page takes it."
    )
    one = specs.get(chosen, found.done[0])
    use.button(
        "Use this model",
        icon=":material/deployed_code:",
        key="repair-use",
        on_click=_use,
        args=(one.spec,),
        width="stretch",
        help="On every page, until another is chosen in the sidebar.",
    )
    if compare.button("Compare with it as it is", icon=":material/compare:", key="repair-compare", width="stretch"):
        both = {"a": one.recipe.model, "b": one.spec}
        for key, spec in both.items():
            asking.allow(key, spec)
        st.switch_page(str(HOME / "pages" / "compare.py"), query_params=both)


def _use(spec: str) -> None:
    """Callback: the model of every page."""
    asking.allow("model", spec)
    st.session_state["model"] = spec  # the sidebar's field
