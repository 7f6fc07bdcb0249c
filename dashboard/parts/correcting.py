"""A wrong reading put right where it is shown: a person's word over the parser's, for the text at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.parts import datasets, memo, widgets
from dashboard.parts.sets import home
from dashboard.parts.text import plain
from nast_core.errors import NastError
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.negation.corrections import Corrections, State
    from nast_core.negation.reading import Change
    from nast_core.vocabulary.model import Vocabulary

_LONGEST = 20_000  # characters of a text that is offered for correction


class Kept(NamedTuple):
    corrections: Corrections
    fault: str = ""  # why the file cannot be read; the parser alone is asked then


def kept_in() -> Path:
    """The file of corrections, in the folder of data sets."""
    from nast_core.negation.corrections import FILE

    return home() / FILE


def kept() -> Kept:
    """What people corrected on this machine, as the file has it now."""
    path = kept_in()
    return _read(path, stamp(path))


@memo.shared()
def _read(path: Path, stamped: str) -> Kept:
    from nast_core.negation.corrections import NONE, kept_corrections

    try:
        return Kept(kept_corrections(path))
    except NastError as error:
        return Kept(NONE, str(error))


def key_of(place: str, text: str, said: Mapping[str, State]) -> str:
    """Of the control; another one once something is corrected, so that it opens with what counts now."""
    return f"reading-{place}-{hash((text, tuple(said.items())))}"


@st.fragment
def control(text: str, place: str) -> None:
    """Under a marked text: what was corrected in it, and "Read wrongly?". ``place``: where, for its keys."""
    from nast_core.negation.reading import changes

    if not text.strip() or len(text) > _LONGEST:
        return
    corrections, fault = kept()
    if fault:
        st.caption(f":material/warning: Corrections are not used: {plain(fault)}")
        return
    words = datasets.vocabulary()
    changed = changes(text, corrections, words)
    if changed:
        st.caption(f":violet-badge[corrected by you] {'; '.join(map(_in_words, changed))}")
    key = key_of(place, text, corrections.of(text, words))
    popover = st.popover("Read wrongly?", key=key, on_change="rerun", type="tertiary", icon=":material/flag:")
    if popover.open:
        with popover:
            _form(text, key, corrections, words)
            if changed:
                _sent_in(text, corrections, words)


def _in_words(change: Change) -> str:
    return f"{plain(change.condition)} {change.person}; the parser reads {' and '.join(change.parser)}"


def _form(text: str, key: str, corrections: Corrections, words: Vocabulary) -> None:
    """What the text says of each finding, one more finding, Save and Undo. Nothing is drawn anew before one of them."""
    from nast_core.negation.corrections import STATES
    from nast_core.negation.reading import findings

    said, read = corrections.of(text, words), _states(findings(text, vocabulary=words))
    shown = [*read, *(condition for condition in said if condition not in read)]
    with st.form(f"{key}-form", border=False):
        st.caption(
            "What does this text say? Chosen is what counts now; what you choose goes over the parser, for this text"
            " alone."
        )
        chosen: dict[str, State | None] = {}
        for condition in shown:
            now = said.get(condition) or (read[condition][0] if len(read[condition]) == 1 else None)
            chosen[condition] = st.segmented_control(condition, STATES, default=now, key=f"{key}-{condition}")
        more, what = st.columns([2, 3], vertical_alignment="bottom")
        added = more.selectbox(
            "Add a finding",
            [c for c in words.conditions if c not in shown],
            index=None,
            placeholder="none",
            key=f"{key}-add",
        )
        state = what.segmented_control("It is", STATES[:3], default="present", key=f"{key}-add-state", required=True)
        with st.container(horizontal=True):
            save = st.form_submit_button("Save", type="primary", icon=":material/save:", key=f"{key}-save")
            undo = st.form_submit_button(
                "Undo",
                icon=":material/undo:",
                key=f"{key}-undo",
                disabled=not said,
                help="The parser's reading counts again.",
            )
    if added:
        chosen[added] = state
    if save:
        wanted = {c: now or said.get(c) for c, now in chosen.items()}
        _keep(text, {c: now for c, now in wanted.items() if now and set(read.get(c, ["not said"])) != {now}}, words)
    elif undo:
        _keep(text, {}, words)


def _states(found: list) -> dict[str, list[State]]:
    """Condition -> the states in which the parser reads it."""
    states: dict[str, list[State]] = {}
    for finding in found:
        of = states.setdefault(finding["condition"], [])
        if finding["state"] not in of:
            of.append(finding["state"])
    return states


def _keep(text: str, states: Mapping[str, State], words: Vocabulary) -> None:
    from nast_core.negation.corrections import keep

    try:
        keep(kept_in(), text, states, words)
    except NastError as error:
        widgets.fault(error)
        return
    st.toast("Your reading counts now" if states else "The parser's reading counts again", icon=":material/check:")
    st.rerun()


def _sent_in(text: str, corrections: Corrections, words: Vocabulary) -> None:
    """Where corrections are kept, and what of this one makes a bug report."""
    from nast_core.negation.reading import line_of

    own = len(corrections.of(text, words))
    st.caption(
        f"Of this text: {own:,} of {len(corrections):,} corrections, kept in {plain(kept_in())}. "
        "With a report of the fault, send this line (nothing is sent by itself):"
    )
    st.code(json.dumps(line_of(text, corrections, words)), language=None, wrap_lines=True)
