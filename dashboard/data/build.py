"""Building items or claims on the Data page: what to build, a look at it before, and the build."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.data import asked_for, browse, preview
from dashboard.parts import asking, jobs
from dashboard.parts.text import plain
from nast_core.dataset.folder import is_dataset

if TYPE_CHECKING:
    from nast_core.runs.status import Status
    from nast_core.work.build_dataset import BuildDatasetRecipe
    from nast_core.work.kinds import BuildClaimsRecipe, BuildItemsRecipe

    Asked = BuildItemsRecipe | BuildClaimsRecipe | BuildDatasetRecipe


def build_items() -> None:
    """Controls, preview and build of multiple-choice items."""
    recipe, may_write = asked_for.items()
    place = st.container()
    preview.draw_items(recipe)
    with place:  # above the preview, drawn after it: what cannot be shown cannot be built
        _build(recipe, may_write)


def build_claims() -> None:
    """Controls, preview and build of claims."""
    recipe, may_write = asked_for.claims()
    place = st.container()
    preview.draw_claims(recipe)
    with place:
        _build(recipe, may_write)


def build_dataset() -> None:
    """Controls and build of a dataset; the finished one can be chosen at once."""
    recipe, may_write = asked_for.dataset()
    _build(recipe, may_write)


def _build(recipe: Asked, may_write: bool) -> None:
    """The build as a run of its own: a button, its progress, or what came of it."""
    jobs.offer(
        recipe,
        None,
        _press(recipe),
        key="data-build",
        icon=":material/build:",
        disabled=not may_write,
        note=(
            f"Goes to {plain(recipe.out)}, with its card. It runs on its own and goes on when this page is closed;"
            " cancelled, it leaves nothing behind."
        ),
        ready=partial(_make_room, recipe),
        ended=partial(_built, recipe),
    )


def _make_room(recipe: Asked) -> None:
    from nast_core.files.writing import need_writable

    need_writable(recipe.out)
    jobs.forget(recipe)


def _built(recipe: Asked, status: Status) -> None:
    """What was built, and the way to it; nothing where it is gone again."""
    whole = recipe.kind == "dataset"
    if not (is_dataset(recipe.out) if whole else recipe.out.is_file()):
        return
    figures = "; ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in status.figures.items())
    done, go = st.columns([5, 1], vertical_alignment="center")
    done.success(
        f"Built: {plain(recipe.out)}. {plain(figures[:1].upper() + figures[1:])}.", icon=":material/check_circle:"
    )
    if whole:
        go.button(
            "Use this dataset", key="data-use", type="primary", on_click=_use, args=(recipe.out,), width="stretch"
        )
    else:
        go.button("Look through it", icon=":material/search:", on_click=_open, args=(recipe.out,), width="stretch")


def _press(recipe: Asked) -> str:
    """What the button does; one that sends something names where to."""
    if recipe.kind != "build-items" or recipe.writer == "template":
        return "Build"
    where = asked_for.endpoint(recipe.base_url)
    return f"Write {recipe.n:,} items with {plain(recipe.llm_model or '')} at {plain(where)}"


def _figure(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}"


def _open(path: Path) -> None:
    st.session_state["data-do"] = "browse"
    browse.open_file(path)


def _use(folder: Path) -> None:
    """Callback: every page obeys it from now on."""
    asking.allow("dataset", folder)
    st.session_state["dataset"] = str(folder)
    st.session_state["data-do"] = "studies"
