"""Which audit the page is about: of the sidebar's model on the sidebar's dataset, quick or whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import datasets, fields, jobs, keeper, memo, splits, widgets

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.work.audit import Audited, AuditRecipe

_HOW = {"Quick": "Quick", "Whole": "Whole"}


def recipe(model: DualEncoder) -> AuditRecipe:
    """From the page's fields; test patients are asked for once."""
    from nast_core.work.audit import QUICK, WHOLE, AuditRecipe
    from nast_core.work.audit_parts.mending import finetunes_of

    st.markdown(
        "Everything that the other pages ask, in order of cost, and one answer that can be handed on: does this model"
        " read “no”, where does it go wrong, and what should be done?"
    )
    dataset = datasets.chosen()
    how, which = st.columns(2)
    quick = fields.one_of(how, "How much", _HOW, key="audit-how") == "Quick"
    split = splits.choose(which, dataset, key="audit-split")
    st.caption(f"Quick: {QUICK} questions and studies, and three repairs. Whole: {WHOLE}, and every repair.")
    splits.need_leave(dataset, split, "audit")
    return jobs.made(
        AuditRecipe,
        {
            "model": keeper.spec(),
            "dataset": dataset.spec,
            "quick": quick,
            "split": split,
            "finetunes": tuple(finetunes_of(model.fingerprint)),
        },
    )


def finished(recipe: AuditRecipe, model: DualEncoder) -> Audited | None:
    """What the recipe's run made, where there is one."""
    from nast_core.work.identity import find_run

    with widgets.advice():
        run = find_run(recipe, model_fingerprint=model.fingerprint)
        return run.result if run else None


def offer(recipe: AuditRecipe, model: DualEncoder) -> None:
    """The run, offered with what it will take; or how it stands."""
    from nast_core.work.audit import DRAWN, only_drawings

    if only_drawings(recipe, datasets.chosen()):
        widgets.hint(f"{DRAWN.capitalize()}. Choose or build one of your own in the sidebar.")
    jobs.offer(
        recipe,
        model.fingerprint,
        f"Audit this model ({_time(model, model.fingerprint, recipe.model_dump_json())})",
        key="audit-run",
        note=f"{jobs.NOTE} Its parts are runs of their own: interrupted, it goes on where it stopped.",
        icon=":material/verified:",
    )


@memo.copied("Trying how fast the model is here")
def _time(_model: DualEncoder, fingerprint: str, asked: str) -> str:
    from nast_core.runs.pace import duration
    from nast_core.work.audit import AuditRecipe
    from nast_core.work.audit_time import seconds

    return duration(sum(seconds(AuditRecipe.model_validate_json(asked), _model).values()))
