"""How statements are said, as fields on pages: which cues deny, contrasts, and how presence is affirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.parts import jobs, widgets
from nast_core.claims.manner import CONTRASTS

if TYPE_CHECKING:
    from nast_core.claims.manner import Manner

BY_ONE = "one by one"


def choose(*, key: str, start: str) -> dict[str, Any]:
    """The fields of a recipe that builds statements; folded, for its defaults are what was always said.

    ``key``: what the fields' names begin with; ``start``: the set of cues that stands first.
    """
    from nast_core.claims.cue_sets import SETS, teachable

    # options are shown by the names that links hold
    told = {start: SETS[start]} | SETS | {BY_ONE: "one by one"}
    with st.expander("How the statements are said", icon=":material/record_voice_over:"):
        which, against, hard, pseudo = st.columns([4, 4, 2, 2])
        cues = which.selectbox(
            "Denied by",
            list(told),
            key=f"{key}cues",
            bind="query-params",
            help="Cues of training lines. Those held out of training stand in the other lines alone.",
        )
        contrasts = against.selectbox(
            "Contrasts of place and grade",
            list(CONTRASTS),
            key=f"{key}contrasts",
            bind="query-params",
            help="They follow a present finding, and may teach that a “not” behind a noun denies nothing.",
        )
        which.caption(told[cues])
        against.caption(CONTRASTS[contrasts])
        share = hard.number_input(
            "Hard affirmatives",
            0.0,
            1.0,
            0.0,
            0.05,
            key=f"{key}hard",
            bind="query-params",
            help="Share of affirmations in frames that a cue has too, as “evidence of”, so that they are not denials.",
        )
        unmoved = pseudo.number_input(
            "Pseudo-negations",
            0,
            16,
            0,
            key=f"{key}pseudo",
            bind="query-params",
            help="Different affirmations with a word of negation, as “no interval change in”.",
        )
        if cues == BY_ONE:
            chosen = st.multiselect("Cues", list(teachable()), key=f"{key}cue", bind="query-params")
            if not chosen:
                widgets.empty("Choose the cues that statements deny by.")
            cues = ", ".join(sorted(chosen))
    return {
        "cues": cues,
        "contrasts": contrasts,
        "hard_affirmatives": float(share),
        "pseudo_negations": int(unmoved),
    }


def chosen(*, key: str, start: str) -> Manner:
    """``choose``, for what builds statements without a recipe of its own."""
    from nast_core.work.building import SaidRecipe

    return jobs.made(SaidRecipe, choose(key=key, start=start)).manner
