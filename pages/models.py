"""Models: load or fetch one, what it is made of, how it reads a sentence, and the known medical CLIPs."""

import streamlit as st

from dashboard.models import loaded, loading
from dashboard.parts import keeper

st.title("Models")
loading.choose()
body, below = st.container(), st.container()
with below:  # drawn first: a model that does not load ends the page, and another can still be looked for
    loading.known()
with body:
    loaded.draw(keeper.model())
