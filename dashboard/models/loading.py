"""Which model: one of the known, or any other, to load on every page or to fetch."""

import streamlit as st

from dashboard.models import cards, language
from dashboard.parts import asking, widgets
from dashboard.parts.text import plain
from nast_core.errors import NastError

_FETCHED = "models-fetched"  # where the last download went, to be said once


def choose() -> None:
    """A model to load on every page, or to fetch."""
    pick, write, load, fetch = st.columns([3, 3.4, 1.1, 1.4], vertical_alignment="bottom")
    name = pick.selectbox(
        "A known model", cards.choices(), index=None, placeholder="Choose one", key="fetch", bind="query-params"
    )
    other = asking.field(
        write, "or a folder, a hub id, open_clip:ARCH/PRETRAINED", key="other", placeholder="Type or paste"
    )
    typed = other or name
    chosen = cards.choice(typed) if typed else None
    load.button(
        "Load",
        icon=":material/deployed_code:",
        width="stretch",
        disabled=chosen is None or not chosen.loadable,
        on_click=asking.use_model,
        args=(chosen.spec if chosen else "",),
    )
    stuck = chosen is not None and not chosen.fetchable
    wants = fetch.button("Download", icon=":material/download:", width="stretch", disabled=stuck)
    if chosen is None:
        return
    if chosen.about:
        st.markdown(chosen.about)
    st.caption(chosen.where)
    if chosen.buildable:
        language.build()
    if wants:
        _download(chosen.spec)
    if _FETCHED in st.session_state:
        st.success(plain(st.session_state.pop(_FETCHED)), icon=":material/check_circle:")


def _download(spec: str) -> None:
    """Fetches a model under a bar; what the hub refuses is said, and the page goes on."""
    place = st.container()
    bar = place.progress(0.0, "Asking the hub")
    try:
        st.session_state[_FETCHED] = cards.fetch_model(
            spec,
            lambda told: place.caption(plain(told)),
            lambda share, told: bar.progress(share, plain(told)),
        )
    except NastError as error:
        bar.empty()
        widgets.fault(error)
    else:
        st.rerun()  # what is said above of the model has changed


def known() -> None:
    """All known medical CLIPs side by side."""
    st.subheader("Known medical CLIPs")
    st.dataframe(
        cards.zoo_table(),
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "here": st.column_config.CheckboxColumn("here", help="On this machine."),
            "paper": st.column_config.LinkColumn("paper", display_text=r"https://[^/]+/(?:abs/)?(.+)"),
        },
    )
    st.caption("Nothing is fetched by itself. Choose a name at the top of the page for its files and where they go.")
