"""Pairs of texts on a page: aligned under the model's tokenizer, and chosen from the template set or typed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.parts import datasets, fields, memo, strips, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair, Alignment, PolarityPair


@memo.copied()
def _alignment(_model: DualEncoder, fingerprint: str, _dataset: Dataset, data: str, present: bool | None) -> Alignment:
    from nast_core.negation.pairs import align_all

    known = _model.card.conditions
    usable = _dataset.pairs(known, present=present)
    shown = {pair.finding for pair in usable}
    bare = [pair for pair in _dataset.pairs(known, present=None) if pair.finding not in shown]
    found = align_all(usable, _model.text)
    why = f"there is no image {'with' if present else 'without'} its finding to look at"
    return replace(found, refused=(*found.refused, *((pair, why) for pair in bare)))


def alignment(encoder: DualEncoder, *, present: bool | None = True) -> Alignment:
    """The dataset's pairs of the conditions a model knows: those that align under its tokenizer, and those not used.

    ``present``: as ``Dataset.pairs`` takes it. Where no pair is left, its reason, and the page ends."""
    dataset = datasets.chosen()
    with widgets.lacking():
        found = _alignment(encoder, encoder.fingerprint, dataset, dataset.fingerprint, present)
    if not found.aligned:
        widgets.empty(
            f"None of the {len(found.refused)} pairs aligns under this tokenizer; first reason: {found.refused[0][1]}"
        )
    return found


@memo.copied()
def align_pair(_model: DualEncoder, fingerprint: str, pair: PolarityPair) -> AlignedPair:
    from nast_core.negation.pairs import align

    return align(pair, _model.text)


def choose_set(model: DualEncoder, *places: Any, present: bool | None = True) -> tuple[AlignedPair, ...]:
    """The dataset's pairs, narrowed by finding and by cue; for none the page ends. ``places``: of both fields."""
    found = alignment(model, present=present)
    findings = sorted({pair.pair.finding for pair in found.aligned})
    cues = sorted({pair.cue.text for pair in found.aligned})
    left, right = places or st.columns(2)
    by_finding = left.multiselect("Findings", findings, key="findings", bind="query-params", placeholder="all findings")
    by_cue = right.multiselect("Cues", cues, key="cues", bind="query-params", placeholder="all cues")
    chosen = tuple(
        pair
        for pair in found.aligned
        if (not by_finding or pair.pair.finding in by_finding) and (not by_cue or pair.cue.text in by_cue)
    )
    if found.refused:
        with st.expander(f"{len(found.refused)} pairs are not used"):
            for pair, reason in found.refused:
                st.caption(f"{plain(pair.negated)}: {plain(reason)}")
    if not chosen:
        widgets.empty("No pair has these findings and cues; remove one of the filters.")
    return chosen


def set_key(pairs: tuple[AlignedPair, ...]) -> tuple[str, ...]:
    return tuple(pair.pair.negated for pair in pairs)


def choose_texts(pairs: Sequence[PolarityPair]) -> PolarityPair:
    """One pair of a set, by its negated text, or two typed texts; whether they align is another question."""
    how, what = st.columns([2, 5], vertical_alignment="bottom")
    typed = fields.one_of(how, "Pair", ["from the set", "typed"], key="pair-source")
    if typed == "from the set":
        names = [pair.negated for pair in pairs]
        name = what.selectbox("Negated text", names, key="pair", bind="query-params")
        return pairs[names.index(name)] if name in names else pairs[0]
    from nast_core.negation.pairs import PolarityPair

    left, right = what.columns(2)
    affirmative = left.text_input("Affirmative text", "There is some edema.", key="affirmative", bind="query-params")
    negated = right.text_input("Negated text", "There is no edema.", key="negated", bind="query-params")
    return PolarityPair(affirmative=affirmative, negated=negated)


def choose_one(model: DualEncoder, pairs: tuple[AlignedPair, ...]) -> AlignedPair:
    """One pair of the set, or two typed texts, shown as a strip of tokens; a pair that does not align says why, and the
    page ends."""
    texts = choose_texts([one.pair for one in pairs])
    pair = next((one for one in pairs if one.pair == texts), None)
    if pair is None:
        with widgets.advice():
            pair = align_pair(model, model.fingerprint, texts)
    strips.draw(pair)
    return pair
