"""Learning from text alone: the model, repaired, teaches its own text tower; one button, and what it may be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.finetune import prepare
from dashboard.parts import asking, datasets, jobs, keeper, widgets

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

_TEXTS = {
    "grammar": "sentences made here",
    "both": "these and reports",
    "reports": "reports alone",
}


def offer(model: DualEncoder) -> None:
    """The button, or how its run stands; above it the few things that may be chosen."""
    st.markdown(
        "A repaired copy of this model reads denials by a parser and a formula. Here the text tower learns to give the"
        " same vectors by itself, from text alone: no image, no label. What comes out is a plain fine-tune, which needs"
        " no parser and reads many denials that it was never shown, where the tower has a language to carry them."
    )
    recipe = jobs.made(prepare.recipe_class(), {"model": keeper.spec(), "objective": "distil", **_choices()})
    jobs.offer(
        recipe,
        model.fingerprint,
        "Distil the repair into the weights",
        key="finetune-distil",
        icon=":material/school:",
        note=f"{recipe.steps} steps of {recipe.batch_size} sentences: minutes on a processor. {jobs.NOTE}",
    )


def _choices() -> dict[str, Any]:
    """Fields of the recipe; what is left as it is works."""
    first, second, third = st.columns(3)
    teacher = first.selectbox(
        "Teacher",
        prepare.teachers(),
        key="finetune-teacher",
        format_func=prepare.teacher_said,
        help="rewrite needs an affirmative equivalent of each finding's absence; region needs none.",
    )
    method = second.segmented_control(
        "Method",
        list(prepare.METHODS),
        default="full",
        required=True,
        key="finetune-distil-method",
        format_func=lambda name: prepare.METHODS[name],
    )
    texts = third.selectbox(
        "Sentences", list(_TEXTS), key="finetune-texts", bind="query-params", format_func=_TEXTS.__getitem__
    )
    chosen = {"teacher": teacher, "method": method, "texts": texts, "dataset": datasets.spec()}
    if texts == "grammar":
        return chosen
    reports = asking.field(
        st,
        "Reports (optional)",
        key="distil-reports",
        help="A text file with a sentence a line, or reports as 'nast claims build' reads them; empty: Open-i's.",
    )
    return chosen | {"reports": widgets.path(reports) if reports else None}
