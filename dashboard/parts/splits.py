"""Which split of the chosen dataset a page asks about; before test patients are used, it is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.parts import fields, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset

HELD_OUT: tuple[Split, ...] = ("test", "validation")  # the first is what figures are reported of
_USED = "test-patients"  # fingerprints of the datasets whose test patients this session may use


def choose(place: Any, dataset: Dataset, *, key: str) -> Split:
    """A held-out split that the dataset has; where it has none, its sentence, and the page ends."""
    there = [split for split in HELD_OUT if split in dataset.splits]
    if not there:
        widgets.empty(
            f"{dataset.name} has no patient that training is kept from: no image of its {' or '.join(HELD_OUT)} split. "
            "Build it with shares for these, or give a file."
        )
    return fields.one_of(place, "Split", there, key=key)


def need_leave(dataset: Dataset, split: str, place: str) -> None:
    """Test patients are used once somebody at the page has said so, in each session; until then the page ends.

    Drawn patients are nobody, and are not asked for. ``place``: the page, or its part, that asks.
    """
    used = st.session_state.setdefault(_USED, set())
    if split != HELD_OUT[0] or dataset.drawn or dataset.fingerprint in used:
        return
    st.warning(
        f"These are test patients; figures of them are what is reported of a model. Whoever looks at them while still"
        f" choosing a model or a setting reports too much. Choose by the validation split of {plain(dataset.name)}.",
        icon=":material/person_alert:",
    )
    if st.button("Use the test split", icon=":material/lock_open:", type="primary", key=f"{place}-leave"):
        used.add(dataset.fingerprint)
        st.rerun()
    widgets.end_page()


def counts(steps: Sequence[int], most: int) -> list[int]:
    """How many of ``most`` can be asked for: the steps below it, and all."""
    return [*(step for step in steps if step < most), most]


def how_many(place: Any, label: str, offered: Sequence[int], usual: int, *, key: str) -> int:
    """One of the counts offered: the usual one, or all where there are fewer; no field where there is no choice."""
    if len(offered) == 1:
        place.caption(f"{label}: {offered[0]:,}, which is all")
        return offered[0]
    start = usual if usual in offered else offered[-1]
    return place.select_slider(label, offered, value=start, key=key, bind="query-params")
