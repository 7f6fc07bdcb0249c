"""The vocabulary on the Data page: browsed by condition, edited, and tried on a sentence of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.data import vocabulary_edit
from dashboard.parts import fields, vocabularies, widgets
from dashboard.parts.marks import marked
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.vocabulary.changing import Opened
    from nast_core.vocabulary.model import Equivalent, Vocabulary

PARTS = {"browse": "Browse", "edit": "Edit", "try": "Try a sentence"}
_LONGEST = 2000  # characters of a sentence that is tried


def show() -> None:
    """The vocabulary that is chosen, and the part of it."""
    spec = vocabularies.choose(st, key="data-vocabulary")
    opened = vocabularies.read(spec)
    vocabulary = opened.vocabulary
    right, every = vocabulary.reviewed
    st.caption(
        f"{plain(vocabulary.title or vocabulary.name)}: {len(vocabulary.conditions):,} conditions of a"
        f" {plain(vocabulary.examination.name)}; {right:,} of {every:,} mappings to an affirmative equivalent are"
        f" reviewed and right." + (f" Source: {plain(vocabulary.source)}." if vocabulary.source else "")
    )
    part = fields.one_of(st, "Part of it", PARTS, key="data-vocabulary-part", label_visibility="collapsed")
    if part == "browse":
        _browse(vocabulary)
    elif part == "edit":
        _edit(spec, opened)
    else:
        _try(vocabulary)


def _edit(spec: str, opened: Opened) -> None:
    """What may be changed in its place; of anything else, a copy."""
    if vocabularies.may_change(spec):
        vocabulary_edit.edit(opened)
        return
    if st.button("Copy it, to change the copy", type="primary", icon=":material/content_copy:", key="data-copy"):
        vocabularies.choose_next("data-vocabulary", vocabularies.copy_of(spec))
        st.rerun()
    why = (
        "comes with NAST"
        if vocabularies.ships(spec)
        else "is the dataset's, which keeps the words that it was built with"
    )
    widgets.empty(f"{spec} {why}: it is not changed in its place. A copy goes to {vocabularies.sets.home()}.")


def _browse(vocabulary: Vocabulary) -> None:
    name = vocabulary_edit.condition(st, list(vocabulary.conditions))
    _one(vocabulary, name)
    st.markdown("##### All conditions")
    st.dataframe(_rows(vocabulary), hide_index=True)


def _rows(vocabulary: Vocabulary) -> pd.DataFrame:
    """A row a condition."""
    return pd.DataFrame(
        [
            {
                "condition": name,
                "nouns": ", ".join(noun.text for noun in entry.nouns),
                "equivalents": len(entry.equivalents),
                "reviewed": sum(equivalent.approved for equivalent in entry.equivalents),
                "grades": ", ".join(entry.grades.words),
                "sides": "yes" if entry.sided else "",
                "zones": ", ".join(entry.zones),
                "implies": ", ".join(entry.implies),
                "excludes": ", ".join(entry.excludes),
            }
            for name, entry in vocabulary.entries.items()
        ]
    )


def _one(vocabulary: Vocabulary, name: str) -> None:
    """Its words, its equivalents with their reviews, and how it stands to others."""
    entry = vocabulary[name]
    left, right = st.columns(2, gap="medium")
    with left:
        _listed("Nouns", [noun.phrase for noun in entry.nouns])
        for label, words in (
            ("Further names", entry.names),
            ("Normal, said affirmatively", entry.normal),
            ("Borderline", entry.borderline),
            ("Has its words and is another thing", entry.other),
        ):
            _listed(label, words.phrases)
            if words.patterns:
                with st.expander(f"{label}: {len(words.patterns):,} patterns"):
                    st.code("\n".join(words.patterns), language=None, wrap_lines=True)
    with right:
        st.markdown("**Equivalents of its absence**")
        if entry.equivalents:
            st.dataframe(pd.DataFrame(map(_equivalent_row, entry.equivalents)), hide_index=True)
        else:
            widgets.hint("None: it has no affirmative form here, and is left out of paired items.")
        facts = {
            "Grades": ", ".join(entry.grades.words),
            "Sides": "left and right" if entry.sided else "",
            "Zones": ", ".join(entry.zones),
            "Implies": ", ".join(entry.implies),
            "Implied by": ", ".join(other for other in vocabulary.conditions if name in vocabulary[other].implies),
            "Excludes": ", ".join(entry.excludes),
            "Columns of tables": ", ".join([name, *(c for c, of in vocabulary.columns.items() if of == name)]),
        }
        for label, said in facts.items():
            st.markdown(f"**{label}**: {plain(said) if said else ':gray[none]'}")


def _listed(label: str, phrases: tuple[str, ...] | list[str]) -> None:
    if phrases:
        st.markdown(f"**{label}**: {plain('; '.join(phrases))}")


def _equivalent_row(equivalent: Equivalent) -> dict[str, str]:
    return {
        "equivalent": equivalent.text,
        "not with": ", ".join(sorted(equivalent.not_with)),
        "reviews": "; ".join(f"{one.verdict} ({one.by}, {one.on})" for one in equivalent.reviewed) or "none",
    }


def _try(vocabulary: Vocabulary) -> None:
    """A sentence of one's own, and what is read in it as one types."""
    from nast_core.claims.extract import extract
    from nast_core.negation.parser import parse
    from nast_core.negation.reading import told

    first = vocabulary[vocabulary.conditions[0]].nouns[0]
    sentence = st.text_input(
        "A sentence",
        f"There {first.verb} no {first.text}.",
        key="data-vocabulary-sentence",
        live=True,
        max_chars=_LONGEST,
    )
    if not sentence.strip():
        widgets.empty("Type a sentence as a report has it.")
    st.markdown(marked(sentence, vocabulary))
    mentions, read = parse(sentence, vocabulary), extract(sentence, vocabulary)
    if not mentions:
        widgets.empty("No condition is read in it: none of the vocabulary's words stands there.")
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "condition": ", ".join(mention.conditions),
                    "polarity": told(mention),
                    "words": sentence[mention.start : mention.end],
                    "denied or doubted by": mention.cue or "",
                }
                for mention in mentions
            ]
        ),
        hide_index=True,
    )
    st.markdown("**As claims are made of it**")
    if read.claims:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "condition": claim.finding,
                        "polarity": claim.polarity,
                        "side": claim.laterality or "",
                        "zone": claim.zone or "",
                        "severity": claim.severity or "",
                    }
                    for claim in read.claims
                ]
            ),
            hide_index=True,
        )
    for reason, count in read.left_out.items():
        st.caption(f":material/info: Makes no claim: {plain(reason)}" + (f", {count} times" if count > 1 else ""))
