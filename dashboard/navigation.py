"""One run of the app: the pages' names, the sidebar, and the page that was asked for."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from dashboard import sidebar
from dashboard.parts import asking


class Page(NamedTuple):
    """A page of the app, in ``pages/NAME.py`` and at /NAME."""

    name: str
    title: str
    icon: str  # of Material Symbols


PAGES = (  # as the sidebar lists them; the first is the one that opens
    Page("home", "Home", "home"),
    Page("attention", "Attention", "grid_on"),
    Page("tracing", "Causal tracing", "timeline"),
    Page("attribution", "Attribution", "radiology"),
    Page("heads", "Heads", "scatter_plot"),
    Page("benchmark", "Benchmark", "rule"),
    Page("data", "Data", "dataset"),
    Page("review", "Review", "rate_review"),
    Page("finetune", "Fine-tune", "tune"),
    Page("compare", "Compare", "compare"),
    Page("models", "Models", "deployed_code"),
)


def show(root: Path) -> None:
    """Draws the page that the address names; ``root``: the repository."""
    st.set_page_config(page_title="NAST Dashboard", page_icon=str(root / "assets" / "icon.svg"), layout="wide")
    st.logo(str(root / "assets" / "logo.svg"), size="large")
    page = st.navigation([_page(root / "pages", one) for one in PAGES])
    if waiting := asking.pending():
        sidebar.show_nothing()
        asking.settle(waiting)
    sidebar.choose()
    try:
        page.run()
    finally:  # a page that stops early still says what is loaded
        sidebar.show_loaded()


def _page(folder: Path, page: Page) -> st.Page:
    first = page is PAGES[0]
    where = {"default": True} if first else {"url_path": page.name}
    return st.Page(folder / f"{page.name}.py", title=page.title, icon=f":material/{page.icon}:", **where)
