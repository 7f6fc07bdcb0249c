"""One run of the app: the pages' names, the sidebar, and the page that was asked for."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException

from dashboard import sidebar
from dashboard.parts import asking


class Page(NamedTuple):
    """A page of the app, in ``pages/NAME.py`` and at /NAME."""

    name: str
    title: str
    icon: str  # of Material Symbols
    group: str  # pages of one group stand together


PAGES = (  # as the sidebar lists them; the first is the one that opens
    Page("home", "Home", "home", "Look"),
    Page("audit", "Audit", "verified", "Look"),
    Page("attention", "Attention", "grid_on", "Read"),
    Page("tracing", "Causal tracing", "timeline", "Read"),
    Page("heads", "Heads", "scatter_plot", "Read"),
    Page("layers", "Layers", "layers", "Read"),
    Page("attribution", "Attribution", "radiology", "Read"),
    Page("benchmark", "Benchmark", "rule", "Measure"),
    Page("data", "Data", "dataset", "Measure"),
    Page("review", "Review", "rate_review", "Measure"),
    Page("repair", "Repair", "healing", "Mend"),
    Page("finetune", "Fine-tune", "tune", "Mend"),
    Page("compare", "Compare", "compare", "Mend"),
    Page("models", "Models", "deployed_code", "Models"),
)


def show(root: Path) -> None:
    """Draws the page that the address names; ``root``: the repository."""
    st.set_page_config(page_title="NAST Dashboard", page_icon=str(root / "assets" / "icon.svg"), layout="wide")
    st.logo(str(root / "assets" / "logo.svg"), size="large")
    st.html(Path(__file__).with_name("room.css"))
    groups: dict[str, list] = {}
    pages = {one.name: _page(root / "pages", one) for one in PAGES}
    for one in PAGES:
        groups.setdefault(one.group, []).append(pages[one.name])
    page = st.navigation(groups, expanded=True)
    if waiting := asking.pending():
        sidebar.show_nothing()
        asking.settle(waiting)
    sidebar.choose(pages["data"])
    try:
        page.run()
    except RerunException:  # drawn anew at once: no model is loaded for it before
        raise
    except BaseException:  # a page that stops early still says what is loaded
        sidebar.show_loaded()
        raise
    sidebar.show_loaded()


def _page(folder: Path, page: Page) -> st.Page:
    first = page is PAGES[0]
    where = {"default": True} if first else {"url_path": page.name}
    return st.Page(folder / f"{page.name}.py", title=page.title, icon=f":material/{page.icon}:", **where)
