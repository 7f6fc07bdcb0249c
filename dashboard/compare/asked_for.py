"""What the Compare page is asked for: two models, and how much they are compared on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import streamlit as st

from dashboard.parts import asking, datasets, fields, finetunes, keeper, widgets
from dashboard.parts.splits import need_leave
from nast_core.data.studies import HeldOut
from nast_core.errors import NastError
from nast_core.files.places import DEMO, EMBEDDED
from nast_core.opening import base_of

if TYPE_CHECKING:
    from nast_core.claims.claim import Split


class Asked(NamedTuple):
    """What is compared, and on what, before anything is loaded."""

    a: str  # any spec: demo, demo-tuned, a folder, a hub id or run:ID
    b: str
    questions: int
    split: Split
    pairs: int
    dataset: str = datasets.DRAWN

    @property
    def specs(self) -> dict[str, str]:
        return {"A": self.a, "B": self.b}

    @property
    def identity(self) -> tuple:
        """A model counts by its files as they are now. What a name comes to stand for meanwhile: see ``confirm``."""
        from nast_core.opening import stamp_of

        return *self, *map(stamp_of, self.specs.values()), datasets.load(self.dataset).fingerprint


def _first(own: str, newest: str) -> dict[str, str | None]:
    """Where the two fields begin: the sidebar's model, and the newest fine-tune; demo-tuned where there is none. Of a
    repaired model, itself as it is and repaired.

    To a model of the user's own demo-tuned is no second.
    """
    with suppress(NastError):
        if (base := base_of(own)) != own:
            return {"a": base, "b": own}
    if own in EMBEDDED:
        return {"a": DEMO if own == newest else own, "b": newest}
    return {"a": own, "b": newest if newest not in EMBEDDED else None}


def choose() -> Asked:
    """The page's fields; without two models it says what to do, and the page ends."""
    known = finetunes.offered()
    fields.start(**_first(keeper.spec(), next(iter(known))))
    left, right = st.columns(2)
    named: dict[str, Any] = {
        "index": None,
        "placeholder": "Choose a model, or type one",
        "help": "demo, demo-tuned, run:ID of a finished fine-tune, or any model's folder or name.",
    }
    spec_a = asking.one_of(left, "A, before", list(known), key="a", **named)
    spec_b = asking.one_of(right, "B, after", list(known), key="b", **named)
    finetunes.listed(known)
    if not spec_a or not spec_b:
        widgets.empty("Name two models: choose demo-tuned or a finished fine-tune, or type any model's folder.")
    dataset = datasets.chosen()
    splits = [split for split in get_args(HeldOut) if split in dataset.splits]
    if not splits:
        widgets.empty(
            f"{dataset.name} has no image of a validation or test patient, and nothing else may be compared on."
        )
    questions, drawn, texts = st.columns([2, 2, 2])
    count = questions.select_slider("Questions", [200, 500, 1000, 2000], 500, key="compare-n", bind="query-params")
    split = fields.one_of(
        drawn,
        "Of the dataset's split",
        splits,
        key="split",
        help="Runs are chosen on validation; keep test for what you report.",
    )
    need_leave(dataset, split, "compare")
    pairs = texts.select_slider("Pairs", [12, 24, 48, 96, 192], 48, key="compare-pairs", bind="query-params")
    return Asked(spec_a, spec_b, count, split, pairs, dataset.spec)
