"""What a click on a page does. Not in the pages themselves: Streamlit keeps a callback, and with it all that its page held."""

import streamlit as st


def take_cell() -> None:
    """A cell of the map of heads: layer and head to look at."""
    for point in st.session_state["head-map"].selection.points[:1]:
        st.session_state["layer"], st.session_state["head"] = int(point["y"]), int(point["x"])


def take_head() -> None:
    """A point of the scatter of heads: switched off, or on again."""
    for point in st.session_state["head-scatter"].selection.points[:1]:
        name = point["customdata"][0]
        now = st.session_state.get("off", [])
        st.session_state["off"] = [n for n in now if n != name] if name in now else [*now, name]


def next_case(count: int) -> None:
    """The next of so many cases; after the last, the first."""
    st.session_state["case"] = st.session_state["case"] % count + 1
