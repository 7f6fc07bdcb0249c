"""The two demos, told apart where either is at work, and a way from one to the other."""

import streamlit as st

from dashboard.parts import asking, keeper
from nast_core.files.places import DEMO, DEMO_LANGUAGE, language_folder

_SAID = {
    DEMO: (
        "This is the demo CLIP: its text tower learnt from template captions alone, so cues that no caption has mean"
        " nothing to it, and its first layer does nearly all the reading. The **language demo** has the same image"
        " tower and a text tower that knew language before."
    ),
    DEMO_LANGUAGE: (
        "This is the language demo: its text tower knew language before it saw a caption, and several of its layers"
        " look at the negator; look here for whether what a fine-tune teaches of some cues reaches others. The **demo"
        " CLIP** has the same image tower and knows its captions alone."
    ),
}


def offer() -> None:
    """Where one of the demos is loaded: what it is, and the other one."""
    spec = keeper.spec()
    if spec not in _SAID:
        return
    other = DEMO if spec == DEMO_LANGUAGE else DEMO_LANGUAGE
    told, press = st.columns([5, 1], vertical_alignment="center")
    told.caption(_SAID[spec])
    if other == DEMO_LANGUAGE and not language_folder().exists():
        press.caption("It is built on the Models page, in about 10 minutes.")
        return
    press.button(f"Use {other}", key="home-other-demo", on_click=asking.use_model, args=(other,), width="stretch")
