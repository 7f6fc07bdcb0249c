"""The finished fine-tunes of this server's folder of runs, wherever a page offers models."""

import streamlit as st

from dashboard.parts.text import code, plain


def finished() -> dict[str, str]:
    """Newest first: spec -> what it is."""
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.recipe import run_name
    from nast_core.runs.store import RunStore

    rows = RunStore().table().rows
    return {
        run_name(row.run.id): f"{row.recipe.arm}, seed {row.recipe.seed}, {row.recipe.method}, on {row.recipe.model}"
        for row in rows
        if isinstance(row.recipe, FinetuneRecipe) and row.status.state == "finished"
    }


def listed(known: dict[str, str]) -> None:
    """Folded away, in words: the browser would load all of the data grid for it before it paints a page."""
    if known:
        with st.expander(f"Finished fine-tunes: {len(known)}", icon=":material/tune:"):
            rows = [f"| {code(spec)} | {plain(about)} |" for spec, about in known.items()]
            st.markdown("\n".join(["| to type or choose | what it is |", "| --- | --- |", *rows]))
