"""An item's wording, changed by hand: the parser's verdict as one types, saved to the file, taken back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import correcting, widgets
from dashboard.parts.marks import marked
from dashboard.parts.text import plain
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from nast_core.benchmark.edit import Reworded
    from nast_core.benchmark.items import Item
    from nast_core.benchmark.writer import Draft


def edit(item: Item, path: Path) -> None:
    """A field for each text, the verdict beside them, and Save where there is something good to save."""
    from nast_core.benchmark.edit import last_edit, reword, save_wording, undo_edit
    from nast_core.vocabulary.beside import vocabulary_of

    with widgets.advice():
        last = last_edit(path, item)
    with st.expander("Change the wording", icon=":material/edit:"):
        draft = _fields(item)
        corrections = correcting.kept().corrections
        words = vocabulary_of(path)
        new = reword(item, draft, corrections, words)
        changed = (draft.negated, draft.affirmative) != (item.negated, item.affirmative)
        changed = changed or (new.item is not None and new.item.corrected != item.corrected)
        _verdict(item, new, changed=changed)
        _read(draft, new)
        with st.container(horizontal=True):
            save = st.button(
                "Save to the file",
                type="primary",
                icon=":material/save:",
                disabled=not changed or new.item is None,
                key="data-save",
            )
            undo = st.button(
                "Undo the last change",
                icon=":material/undo:",
                disabled=last is None,
                key="data-undo",
                help=f"Saved {last.time:%Y-%m-%d %H:%M} UTC" if last else "The wording is as it was built.",
            )
        if save:
            with widgets.advice():
                save_wording(path, item, draft, corrections, words)
            st.toast(f"Saved to {plain(path.name)}", icon=":material/check:")
            st.rerun()
        if undo and last:
            with widgets.advice():
                undo_edit(path, last)
            st.toast("The former wording is back", icon=":material/undo:")
            st.rerun()


def _fields(item: Item) -> Draft:
    """The eight texts as they are now; keys change with the saved wording, so that a saved item shows itself."""
    from nast_core.benchmark.writer import Draft

    typed: dict[str, list[str]] = {"affirmative": [], "negated": []}
    for form, texts in typed.items():
        st.markdown(":blue[**Affirmative**]" if form == "affirmative" else ":orange[**With negations**]")
        for letter, text in zip("ABCD", getattr(item, form), strict=True):
            right = ", the right one" if letter == item.answer else ""
            key = f"data-word-{item.item_id}-{form}-{letter}-{hash(text)}"
            texts.append(" ".join(st.text_input(f"{letter}{right}", text, key=key, live=True).split()))
    return Draft(tuple(typed["negated"]), tuple(typed["affirmative"]))  # type: ignore[arg-type]


def _verdict(item: Item, new: Reworded, *, changed: bool) -> None:
    if new.refusal:
        st.error(f"This cannot be saved: {plain(new.refusal)}.", icon=":material/cancel:")
    for complaint in new.verdict.complaints:
        st.error(f"**{plain(complaint.reason)}**: {plain(complaint.said)}", icon=":material/cancel:")
    if new.item is None:
        return
    cues = ", ".join(cue for cue in new.item.cues if cue)
    reader = "The parser, with your corrections," if new.item.corrected else "The parser"
    st.success(
        f"{reader} reads every option as exactly its labels{'' if changed else ', as it is now'}. Cues:"
        f" {plain(cues) or 'none'}.",
        icon=":material/check_circle:",
    )


def _read(draft: Draft, new: Reworded) -> None:
    """The texts of options that were refused, as they are read: a wrong reading is no reason to refuse them."""
    options = sorted({complaint.option for complaint in new.verdict.complaints if complaint.option is not None})
    if options:
        st.caption("Read so; where that is wrong, say so, and your word counts:")
    for option in options:
        for form in FORMS:
            text = getattr(draft, form)[option]
            st.markdown(f"**{'ABCD'[option]}**&nbsp;&nbsp;{marked(text)}")
            correcting.control(text, f"edit-{form}-{option}")
