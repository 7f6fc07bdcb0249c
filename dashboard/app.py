"""NAST Dashboard. Run from the repository's root: streamlit run dashboard/app.py"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts only this file's own folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st

from dashboard import collecting, sidebar

collecting.settle()

st.set_page_config(page_title="NAST Dashboard", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
st.logo(str(ROOT / "assets" / "logo.svg"), size="large")

page = st.navigation(
    [
        st.Page(ROOT / "pages" / "home.py", title="Home", icon=":material/home:", default=True),
        st.Page(ROOT / "pages" / "attention.py", title="Attention", icon=":material/grid_on:", url_path="attention"),
        st.Page(ROOT / "pages" / "tracing.py", title="Causal tracing", icon=":material/timeline:", url_path="tracing"),
        st.Page(
            ROOT / "pages" / "attribution.py", title="Attribution", icon=":material/radiology:", url_path="attribution"
        ),
        st.Page(ROOT / "pages" / "heads.py", title="Heads", icon=":material/scatter_plot:", url_path="heads"),
        st.Page(ROOT / "pages" / "benchmark.py", title="Benchmark", icon=":material/rule:", url_path="benchmark"),
        st.Page(ROOT / "pages" / "data.py", title="Data", icon=":material/dataset:", url_path="data"),
        st.Page(ROOT / "pages" / "review.py", title="Review", icon=":material/rate_review:", url_path="review"),
        st.Page(ROOT / "pages" / "finetune.py", title="Fine-tune", icon=":material/tune:", url_path="finetune"),
        st.Page(ROOT / "pages" / "compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
        st.Page(ROOT / "pages" / "models.py", title="Models", icon=":material/deployed_code:", url_path="models"),
    ]
)
sidebar.choose()
try:
    page.run()
finally:  # a page that stops early still says what is loaded
    sidebar.show_loaded()
