"""The models that pages offer by name: what comes with NAST, and the finished fine-tunes of the folder of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts.text import code, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nast_core.runs.store import Row


def finished() -> dict[str, str]:
    """Fine-tunes, the newest first: spec -> what it is."""
    return _finetunes(_rows())


def of_base(own: str, fingerprint: str) -> dict[str, str]:
    """Trainings of a model, by its weights and not its name, the newest first: spec -> what it is."""
    from nast_core.files.places import DEMO, DEMO_TUNED
    from nast_core.models.specs import OURS
    from nast_core.work.audit_parts.mending import finetunes_of

    known = finished()
    mine = {spec: known[spec] for spec in reversed(finetunes_of(fingerprint)) if spec in known}
    return mine | ({DEMO_TUNED: f"{OURS[DEMO_TUNED]}; comes with NAST"} if own == DEMO else {})


def offered() -> dict[str, str]:
    """Models that a page with a second one offers by name: spec -> what it is. Fine-tunes first, the newest of them;
    repairs last."""
    from nast_core.files.places import EMBEDDED
    from nast_core.models.specs import OURS, place_of

    rows = _rows()
    ours = {spec: f"{OURS[spec]}; comes with NAST" for spec in reversed(EMBEDDED)}
    built = {spec: about for spec, about in OURS.items() if spec not in ours and place_of(spec).exists()}
    return _finetunes(rows) | ours | built | _repairs(rows)


def _rows() -> list[Row]:
    """Finished runs, the newest first."""
    from nast_core.runs.store import RunStore

    return [row for row in RunStore().table().rows if row.status.state == "finished"]


def _finetunes(rows: Sequence[Row]) -> dict[str, str]:
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.recipe import run_name

    return {
        run_name(row.run.id): f"{row.recipe.learnt}, seed {row.recipe.seed}, {row.recipe.method}, on {row.recipe.model}"
        for row in rows
        if isinstance(row.recipe, FinetuneRecipe)
    }


def _repairs(rows: Sequence[Row]) -> dict[str, str]:
    from nast_core.recipe import run_name
    from nast_core.work.kinds import RepairRecipe

    return {
        run_name(row.run.id): f"{row.recipe.model} repaired: {row.recipe.method}"
        for row in rows
        if isinstance(row.recipe, RepairRecipe)
    }


def listed(known: dict[str, str]) -> None:
    """Folded away, in words: the browser would load all of the data grid for it before it paints a page."""
    if known:
        with st.expander(f"Models to choose by name: {len(known)}", icon=":material/tune:"):
            rows = [f"| {code(spec)} | {plain(about)} |" for spec, about in known.items()]
            st.markdown("\n".join(["| to type or choose | what it is |", "| --- | --- |", *rows]))
