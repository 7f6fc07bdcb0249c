"""One run of the app: the pages' names, the sidebar, and the page that was asked for."""

from pathlib import Path

import streamlit as st

from dashboard import sidebar
from dashboard.parts import asking


def show(root: Path) -> None:
    """Draws the page that the address names; ``root``: the repository."""
    st.set_page_config(page_title="NAST Dashboard", page_icon=str(root / "assets" / "icon.svg"), layout="wide")
    st.logo(str(root / "assets" / "logo.svg"), size="large")
    folder = root / "pages"
    page = st.navigation(
        [
            st.Page(folder / "home.py", title="Home", icon=":material/home:", default=True),
            st.Page(folder / "attention.py", title="Attention", icon=":material/grid_on:", url_path="attention"),
            st.Page(folder / "tracing.py", title="Causal tracing", icon=":material/timeline:", url_path="tracing"),
            st.Page(
                folder / "attribution.py", title="Attribution", icon=":material/radiology:", url_path="attribution"
            ),
            st.Page(folder / "heads.py", title="Heads", icon=":material/scatter_plot:", url_path="heads"),
            st.Page(folder / "benchmark.py", title="Benchmark", icon=":material/rule:", url_path="benchmark"),
            st.Page(folder / "data.py", title="Data", icon=":material/dataset:", url_path="data"),
            st.Page(folder / "review.py", title="Review", icon=":material/rate_review:", url_path="review"),
            st.Page(folder / "finetune.py", title="Fine-tune", icon=":material/tune:", url_path="finetune"),
            st.Page(folder / "compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
            st.Page(folder / "models.py", title="Models", icon=":material/deployed_code:", url_path="models"),
        ]
    )
    if waiting := asking.pending():
        sidebar.show_nothing()
        asking.settle(waiting)
    sidebar.choose()
    try:
        page.run()
    finally:  # a page that stops early still says what is loaded
        sidebar.show_loaded()
