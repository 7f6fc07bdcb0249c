"""The slice of the questions that every chart of the Benchmark page obeys: in the link, and saved for the session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.benchmark.choices import Answers, Questions
from dashboard.parts import fields, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.benchmark.slices import Slice

PARTS = {
    "condition": "Condition denied",
    "cue": "Cue",
    "wording": "Cues in training",
    "negations": "Number of negations",
    "patient": "Patient",
}
_HELP = {
    "condition": "Of the conditions that the true statement denies.",
    "cue": "Of the cues by which the true statement denies.",
    "wording": "Unseen: a cue is kept out of every training text. None: the true statement denies nothing.",
}
_SAVED = "benchmark-saved-slices"


@dataclass(frozen=True)
class View:
    """What the tabs draw: the slice's items and answers, the model shown in detail, and what it all depends on."""

    items: list[Item]
    answers: dict[str, Answers]
    detail: str
    part: Slice
    folder: str | None
    key: tuple[str, ...]
    of: str  # what the questions are of, as subtitles say it
    lacks: str  # why there are no questions, where there are none

    def key_of(self, spec: str) -> tuple[str, ...]:
        return (*self.key, self.answers[spec].fingerprint)


def choose(questions: Questions) -> Slice:
    """The slice that the link says, with its badge and n; ends the page where no item is in it, but some are asked."""
    from nast_core.benchmark.groups import denied_conditions, denying_cues
    from nast_core.benchmark.slices import Slice

    items = questions.items
    if not items:
        return Slice()
    options: dict[str, list[Any]] = {
        "condition": sorted({condition for item in items for condition in denied_conditions(item)}),
        "cue": sorted({cue for item in items for cue in denying_cues(item)}),
        "wording": ["seen", "unseen", "none"],
        "negations": [0, 1, 2, 3],
        "patient": list(dict.fromkeys(item.patient_id for item in items)),
    }
    with st.expander("Slice", icon=":material/filter_alt:"):
        chosen = {
            part: column.multiselect(
                label,
                options[part],
                key=f"slice-{part}",
                bind="query-params",
                placeholder="any",
                help=_HELP.get(part),
            )
            for column, (part, label) in zip(st.columns(len(PARTS)), PARTS.items(), strict=True)
        }
        part = Slice.model_validate(chosen)
        _saved(part)
    kept = part.of(items)
    if part != Slice():
        called = st.session_state.get("slice-name", "").strip()
        name = f"{called}: {part}" if called else str(part)
        st.badge(
            f"Slice {plain(name)} · n = {len(kept):,} of {len(items):,} items",
            icon=":material/filter_alt:",
            color="orange",
        )
    if not kept:
        widgets.empty("No item is in this slice; take one of its conditions away.")
    return part


def _saved(part: Slice) -> None:
    """Naming, saving, restoring and clearing."""
    from nast_core.benchmark.slices import Slice

    saved = st.session_state.setdefault(_SAVED, {})
    name, save, restore, clear = st.columns([3, 1, 3, 1], vertical_alignment="bottom")
    called = name.text_input(
        "Name of this slice", key="slice-name", bind="query-params", placeholder="for the badge and the list"
    ).strip()
    if save.button("Save", icon=":material/bookmark:", disabled=not called or part == Slice(), width="stretch"):
        saved[called] = str(part)
    restore.selectbox(
        "Saved in this session",
        list(saved),
        index=None,
        key="benchmark-slice-restore",
        on_change=_restore,
        placeholder="none yet" if not saved else "choose one",
        disabled=not saved,
    )
    clear.button(
        "Clear",
        icon=":material/filter_alt_off:",
        on_click=_set,
        args=("", ""),
        disabled=part == Slice(),
        width="stretch",
    )


def _restore() -> None:
    if name := st.session_state["benchmark-slice-restore"]:
        _set(name, st.session_state[_SAVED][name])


def _set(name: str, text: str) -> None:
    from nast_core.benchmark.slices import Slice

    for part, values in Slice.read(text):
        st.session_state[f"slice-{part}"] = list(values)
    st.session_state["slice-name"] = name


def view(questions: Questions, answers: dict[str, Answers], part: Slice) -> View:
    """The slice of everything; where there are several models, which one is shown in detail is asked."""
    items = part.of(questions.items)
    inside = {item.item_id for item in items}
    sliced = {
        spec: replace(one, scored=one.scored[one.scored.item_id.isin(inside)].reset_index(drop=True))
        for spec, one in answers.items()
    }
    detail = next(iter(sliced))
    if len(sliced) > 1:
        detail = fields.one_of(
            st,
            "In detail",
            {spec: plain(spec) for spec in sliced},
            key="detail",
            help="The model that charts of one model are about.",
        )
    of = questions.of
    return View(items, sliced, detail, part, of.folder, (of.key, str(of.folder), str(part)), of.of, of.lacks)
