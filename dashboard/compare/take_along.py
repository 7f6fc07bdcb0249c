"""The comparison to take along: one HTML file, or all tables."""

from __future__ import annotations

import io
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.compare import report, scores
from dashboard.parts import widgets

if TYPE_CHECKING:
    from dashboard.compare.comparisons import View
    from nast_core.compare.tables import Comparison


def draw(view: View) -> None:
    """Both as downloads, made when they are asked for."""
    with st.container(horizontal=True):
        st.download_button(
            "Report (HTML)",
            partial(_report, view, widgets.view_link()),
            "comparison.html",
            "text/html",
            icon=":material/article:",
            on_click="ignore",
            help="One file with figures, tables, recipe and versions.",
        )
        st.download_button(
            "All tables (CSV)",
            partial(archive, view.comparison),
            "comparison.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
        )


def _report(view: View, link: str) -> str:
    asked, comparison = view.asked, view.comparison
    recipes = recipes_of(asked.specs)
    return report.html(comparison, asked.specs, view.sections, scores.figures(comparison), recipes, link)


def recipes_of(specs: dict[str, str]) -> dict[str, str]:
    """Of the models that are fine-tunes, their recipes as JSON."""
    from nast_core.opening import finetune_of

    runs = {model: finetune_of(spec) for model, spec in specs.items()}
    return {model: run.recipe.model_dump_json(indent=2) for model, run in runs.items() if run is not None}


def archive(comparison: Comparison) -> bytes:
    """Every table as CSV, in one zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, table in comparison.tables.items():
            packed.writestr(f"{name}.csv", table.to_csv(index=False))
    return buffer.getvalue()
