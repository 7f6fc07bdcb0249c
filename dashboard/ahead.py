"""Libraries that other pages need, imported while the first page is being read: a page then opens without waiting for them."""

from importlib import import_module
from threading import Thread

import streamlit as st

_LATER = ("nast_core.runs.store", "nast_core.finetune.recipe", "nast_core.compare", "nast_core.compare_kept")


@st.cache_resource(show_spinner=False)
def import_ahead() -> Thread:
    """Once a server. A page that needs one of them meanwhile waits for it as it would have waited anyway."""
    thread = Thread(target=lambda: [import_module(name) for name in _LATER], name="imports", daemon=True)
    thread.start()
    return thread
