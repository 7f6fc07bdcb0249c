"""The loaded model: how it reads, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.models import cards, charts, sentences
from dashboard.parts import datasets, keeper, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

_THREE = (  # label, text at first, key
    ("Affirmative", "There is a pneumothorax.", "said"),
    ("Its negation", "Pneumothorax is absent.", "denied"),
    ("Affirmative equivalent of the negation", "Fully expanded lungs.", "equivalent"),
)


def draw(model: DualEncoder) -> None:
    """The loaded model; a parameter, since what a page's own variables hold outlives its run."""
    st.subheader(f"Loaded: {plain(model.card.name)}")
    reading, below = st.container(), st.container()
    with below:  # drawn first: a text that the model cannot read ends the page
        st.subheader("What it is made of")
        _anatomy(model)
    with reading:
        _three_sentences(model)
        _sentence(model)


def _anatomy(model: DualEncoder) -> None:
    """Towers, joint space, weights, what is lacking, and the self-test."""
    shown = cards.parts(model)
    for column, part in zip(st.columns(3, gap="small"), ("Text tower", "Joint space", "Image tower"), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{part}**")
            st.html(cards.as_list(shown[part]))
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch"):
        st.markdown("**Weights and licence**")
        st.html(cards.as_list(shown["Files"]))
        st.markdown("**What it cannot do**")
        st.markdown(cards.lacking_text(model))
    with right.container(border=True, height="stretch"):
        checks = keeper.checks()
        st.markdown(f"**Self-test: {sum(check.passed for check in checks)} of {len(checks)} hold**")
        for check in checks:
            icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
            st.markdown(f"{icon} {plain(check.name)}: {plain(check.figure)}. :gray[{plain(check.meaning)}]")
    for warning in model.report.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    others = cards.others_got(model)
    if len(others):
        st.markdown("**What others got with this model**")
        st.dataframe(others, hide_index=True, width="stretch", height="content")
        st.caption("Published figures beside the same measured here. Empty: a figure of data that are not here.")


def _sentence(model: DualEncoder) -> None:
    """One sentence as the model reads it."""
    st.subheader("How it reads a sentence")
    text = st.text_input("Sentence", "There is no evidence of pleural effusion.", key="sentence", bind="query-params")
    with widgets.advice():
        tokens = sentences.read(model, text)
    st.html(sentences.chips(model, tokens))
    st.caption(
        "Each box is a token, with its position and id below. Orange and underlined: the negator. Blue ring: pooled. "
        + plain(sentences.pooled_in_words(model, tokens))
    )
    with st.expander("As a table", icon=":material/table_rows:"):
        st.dataframe(tokens, hide_index=True, width="stretch", height="content")


def _three_sentences(model: DualEncoder) -> None:
    """Is a negation nearer to what it means, or to what it denies?"""
    st.subheader("Is the negation nearer to its equivalent, or to what it denies?")
    texts = [
        column.text_input(label, start, key=key, bind="query-params")
        for column, (label, start, key) in zip(st.columns(3), _THREE, strict=True)
    ]
    with widgets.advice():
        table = sentences.similarity(model, *texts, vocabulary=datasets.vocabulary())
    st.markdown(f"**{sentences.verdict(table)}**")
    widgets.figure(
        charts.similarity_bars(table),
        key="models-similarity",
        data=table,
        how_to_read=(
            "Cosine of the texts' embeddings. A model that reads negation has the second bar longer than the first; the"
            " dotted line is what two affirmative sentences on different findings have in this model, on average."
        ),
        alt="Bars of the cosines between an affirmative sentence, its negation and its affirmative equivalent",
    )
