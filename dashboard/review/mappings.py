"""Mappings under review: a denial and its equivalent beside images that have and lack the condition, a field for better
words, and what the review comes to in the vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import datasets, pictures, vocabularies, widgets
from dashboard.parts.text import plain
from dashboard.review.subjects import Button, Opened, Subject
from nast_core.errors import NastError

if TYPE_CHECKING:
    from nast_core.dataset.interface import Dataset
    from nast_core.review.mappings import PhraseMapping
    from nast_core.review.outcome import Outcome

_SHOWN = 3  # images that have the condition, and as many that lack it


def open_mappings() -> Opened:
    """The mappings of a vocabulary; one that comes with NAST is copied first, for what is judged has to be kept."""
    from nast_core.review.judgements import Reviews, review_folder
    from nast_core.review.mappings import mappings_of

    spec = vocabularies.choose(st, key="review-vocabulary")
    if vocabularies.ships(spec):
        _offer_copy(spec)
    opened = vocabularies.read(spec)
    mappings = mappings_of(opened.vocabulary)
    if not mappings:
        widgets.empty(f"{opened.path} has no equivalent to review; write some on the Data page, under The vocabulary.")
    right, every = opened.vocabulary.reviewed
    st.caption(
        f"{every:,} mappings, {right:,} of them reviewed and right. Judgements are saved at once, in"
        f" {plain(review_folder(opened.path))}."
    )
    return Opened(opened.path, mappings, Reviews(opened.path), MAPPINGS)


def _offer_copy(name: str) -> None:
    """A button that copies what comes with NAST; ends the page."""
    st.caption(
        f"{plain(name)} comes with NAST and is not changed in its place: a copy of it goes to"
        f" {plain(vocabularies.sets.home())}, and what is judged is kept beside the copy."
    )
    if st.button("Copy it and begin", type="primary", icon=":material/content_copy:", key="review-copy"):
        vocabularies.choose_next("review-vocabulary", vocabularies.copy_of(name))
        st.rerun()
    widgets.end_page()


def _draw(mapping: PhraseMapping, opened: Opened) -> None:
    from nast_core.negation.phrases import sentence_case

    st.markdown(f"**{plain(mapping.condition)}**: do the two say the same?")
    left, right = st.columns(2)
    with left.container(border=True):
        st.markdown(f":orange[**With a negation**]  \n{plain(mapping.denied)}")
    with right.container(border=True):
        st.markdown(f":blue[**Affirmative**]  \n{plain(sentence_case(mapping.equivalent))}.")
    if mapping.not_with:
        st.caption(f"Never said where one is asked about {plain(', '.join(mapping.not_with))}.")
    _draw_examples(mapping.condition)


def _draw_examples(condition: str) -> None:
    """Images of the chosen dataset that have the condition and that lack it; never a test patient's."""
    dataset = datasets.if_there()
    have, lack = _examples(dataset, condition) if dataset else ([], [])
    if dataset is None or not (have or lack):
        st.caption("The chosen dataset does not label this condition: no example is shown.")
        return
    for place, verb, names in zip(st.columns(2), ("have", "lack"), (have, lack), strict=True):
        with place:
            st.caption(f"Images of {plain(dataset.name)} that {verb} it, by their labels" + ("" if names else ": none"))
            for column, name in zip(st.columns(_SHOWN), names, strict=False):
                with column:
                    if (picture := pictures.item_picture(name, None)) is not None:
                        st.image(picture.image, caption=plain(picture.title), width="stretch")


def _examples(dataset: Dataset, condition: str) -> tuple[list[str], list[str]]:
    """Some images that have a condition, and some that lack it; none of a condition that the dataset does not know, for
    which it gives any."""
    if condition not in dataset.vocabulary:
        return [], []
    have, lack = (dataset.images_for(condition, present=present) for present in (True, False))
    return ([], []) if {*have} & {*lack} else (have[:_SHOWN], lack[:_SHOWN])


def _wording(mapping: PhraseMapping, opened: Opened, place: str) -> str | None:
    """A better wording, checked as it is typed: empty for none, None for one that could not stand in the vocabulary."""
    from nast_core.review.mappings import check_wording

    typed = st.text_input(
        "A better wording (optional)",
        key=f"review-wording-{mapping.item_id}-{place}",
        live=True,
        placeholder="What is there where it is absent, said without a negation",
    ).strip()
    if not typed:
        return ""
    try:
        return check_wording(vocabularies.of(str(opened.path)), mapping, typed)
    except NastError as error:
        widgets.fault(error)
        return None


MAPPINGS = Subject(
    "mapping",
    "mappings",
    (
        Button("correct", "Right", ":material/check:", "1"),
        Button("wrong", "Wrong", ":material/close:", "2"),
        Button("unclear", "Unsure", ":material/question_mark:", "3"),
        Button("wrong", "Better wording", ":material/edit:", "4", worded=True),
    ),
    "Right: whatever image the denial is true of, the affirmative is true of, and the other way about. Better wording:"
    " as it is, wrong; what you typed would be right.",
    "conditions",
    _draw,
    _wording,
)


def record(opened: Opened, standing: Outcome) -> None:
    """What the review comes to, written into the vocabulary, and taken back."""
    from nast_core.review.mappings import proposed, recorded, reworded
    from nast_core.vocabulary import changing

    file = vocabularies.read(str(opened.path))
    better = {mapping.item_id: words for mapping in opened.items if (words := proposed(standing, mapping))}
    if better:
        rows = [{"mapping": name, "better wording": "; ".join(words)} for name, words in better.items()]
        st.dataframe(rows, hide_index=True)
    own = vocabularies.is_of_dataset(opened.path)
    reword = st.toggle(
        "Take out what was found wrong, and put the better wordings in, unreviewed",
        key="review-reword",
        disabled=own,
        help="A dataset keeps the words that it was built with: copy its vocabulary on the Data page first."
        if own
        else None,
    )
    done = recorded(file.vocabulary, standing)
    done = reworded(done, standing) if reword and not own else done
    right, every = done.reviewed
    changed = done.model_dump() != file.vocabulary.model_dump()  # equal vocabularies may be reviewed otherwise
    st.caption(f"With that, {right:,} of {every:,} mappings are reviewed and right, each with initials and date.")
    with st.container(horizontal=True):
        if st.button("Write it into the vocabulary", icon=":material/save:", key="review-record", disabled=not changed):
            with widgets.advice():
                changing.save(file, done)
            st.toast(f"Written: {plain(opened.path.name)}", icon=":material/check:")
            st.rerun()
        _undo(opened.path)
    st.caption(
        "Also on the command line: nast review agreement --vocabulary FILE, nast review record --vocabulary FILE, and"
        " nast review undo --vocabulary FILE."
    )


def _undo(path: Path) -> None:
    from nast_core.vocabulary import changing

    there = changing.copy_path(path).is_file()
    if st.button(
        "Undo the last change",
        icon=":material/undo:",
        key="review-undo-record",
        disabled=not there,
        help=f"The file as it was is {changing.copy_path(path).name}." if there else "Nothing was changed here.",
    ):
        with widgets.advice():
            changing.undo(path)
        st.toast("The vocabulary is as it was before", icon=":material/undo:")
        st.rerun()
