"""Choosing pairs of texts on a page: from the template set, or typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import fields, state, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


def choose_set(model: DualEncoder) -> tuple[AlignedPair, ...]:
    """Template pairs, narrowed by finding and by cue; ends the page where none is left."""
    alignment = state.alignment(model)
    if not alignment.aligned:
        widgets.empty(
            f"None of the {len(alignment.refused)} template pairs aligns under this tokenizer; first reason:"
            f" {alignment.refused[0][1]}"
        )
    findings = sorted({pair.pair.finding for pair in alignment.aligned})
    cues = sorted({pair.cue.text for pair in alignment.aligned})
    left, right = st.columns(2)
    by_finding = left.multiselect("Findings", findings, key="findings", bind="query-params", placeholder="all findings")
    by_cue = right.multiselect("Cues", cues, key="cues", bind="query-params", placeholder="all cues")
    chosen = tuple(
        pair
        for pair in alignment.aligned
        if (not by_finding or pair.pair.finding in by_finding) and (not by_cue or pair.cue.text in by_cue)
    )
    if alignment.refused:
        with st.expander(f"{len(alignment.refused)} template pairs do not align under this tokenizer and are not used"):
            for pair, reason in alignment.refused:
                st.caption(f"{plain(pair.negated)}: {plain(reason)}")
    if not chosen:
        widgets.empty("No pair has these findings and cues; remove one of the filters.")
    return chosen


def set_key(pairs: tuple[AlignedPair, ...]) -> tuple[str, ...]:
    return tuple(pair.pair.negated for pair in pairs)


def choose_one(model: DualEncoder, pairs: tuple[AlignedPair, ...]) -> AlignedPair:
    """One pair of the set, or two typed texts; a pair that does not align says why, and the page ends."""
    how, what = st.columns([2, 5], vertical_alignment="bottom")
    typed = fields.one_of(how, "Pair", ["from the set", "typed"], key="pair-source")
    if typed == "from the set":
        names = [pair.pair.negated for pair in pairs]
        name = what.selectbox("Negated text", names, key="pair", bind="query-params")
        return pairs[names.index(name)] if name in names else pairs[0]
    from nast_core.negation.pairs import PolarityPair

    left, right = what.columns(2)
    affirmative = left.text_input("Affirmative text", "There is some edema.", key="affirmative", bind="query-params")
    negated = right.text_input("Negated text", "There is no edema.", key="negated", bind="query-params")
    with widgets.advice():
        return state.align_pair(model, model.fingerprint, PolarityPair(affirmative=affirmative, negated=negated))
