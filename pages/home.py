"""Home: what this is, and one live case in which the wording decides."""

from pathlib import Path

import streamlit as st

from dashboard.home import demos, live_case, own_images
from dashboard.parts import datasets, keeper

st.title("Does the model read “no”?")
st.markdown(
    "Medical CLIP models often answer correctly when an absent finding is said affirmatively (“fully expanded lungs”)"
    " and wrongly when the same is said with a negation (“no pneumothorax”). This dashboard shows where a CLIP's text"
    " encoder reads the negator, how much each layer carries, and how many points the model loses. Load your own CLIP"
    f" and choose your own images in the sidebar{datasets.disclaimer()}."
)
st.page_link(Path(__file__).with_name("audit.py"), label="Audit this model", icon=":material/verified:")
model = keeper.model()
live_case.draw(model)
demos.offer()
own_images.draw(model)
