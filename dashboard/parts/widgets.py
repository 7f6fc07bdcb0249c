"""Pieces that every page is made of: figures with their exits, ticks, errors as sentences."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from dashboard.parts.text import plain
from nast_core.errors import DatasetError, NastError
from nast_core.files.gate import as_path

_TOOLBAR = {  # a list of plotly's own buttons would leave out the one that Streamlit adds: over the whole window
    "displaylogo": False,
    "displayModeBar": True,
    "modeBarButtonsToRemove": [
        *("zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"),
        *("hoverClosestCartesian", "hoverCompareCartesian", "toggleSpikelines"),
    ],
    "responsive": True,
}


@contextmanager
def advice() -> Iterator[None]:
    """Shows an engine's error as its sentence and ends the page; a bug stays loud."""
    try:
        yield
    except NastError as error:
        refuse(error)


@contextmanager
def lacking() -> Iterator[None]:
    """What a dataset lacks, as its sentence: nothing is wrong, there is nothing to show, and the page ends."""
    try:
        yield
    except DatasetError as error:
        empty(f"{error}.")


def figure(
    chart: go.Figure,
    *,
    key: str,
    data: pd.DataFrame,
    how_to_read: str,
    alt: str,
    on_select=None,
):
    """A chart with one sentence on how to read it, and its exits: CSV, SVG (camera on the chart), link.

    It opens over the whole window by the button beside the camera."""
    config = _TOOLBAR | {"toImageButtonOptions": {"format": "svg", "filename": key}}
    if on_select:
        event = st.plotly_chart(chart, key=key, config=config, on_select=on_select, selection_mode="points", alt=alt)
    else:
        event = st.plotly_chart(chart, key=key, config=config, alt=alt)
    st.caption(how_to_read)
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "CSV",
            data.to_csv(index=False),
            f"{key}.csv",
            "text/csv",
            key=f"{key}-csv",
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
            help="The data behind this chart. The camera on the chart saves it as SVG.",
        )
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            st.caption("Reopens this view; also in the address bar.")
            st.code(view_link(), language=None, wrap_lines=True)
    return event


def view_link() -> str:
    """The address of the page with its present settings."""
    base = (st.context.url or "").split("?")[0]
    query = urlencode([(name, value) for name in st.query_params for value in st.query_params.get_all(name)])
    return f"{base}?{query}" if query else base


def ticks(checks: Sequence, *, title: str) -> None:
    """A row of ticks with their figures; a failed one is red and says what it means."""
    passed = sum(check.passed for check in checks)
    label = f"{title}: {passed} of {len(checks)} hold"
    with st.expander(
        label,
        icon=":material/verified:" if passed == len(checks) else ":material/warning:",
        expanded=passed < len(checks),
    ):
        for check in checks:
            icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
            st.markdown(f"{icon} **{plain(check.name)}** — {plain(check.figure)}. :gray[{plain(check.meaning)}]")


def rate(value: dict, *, percent: bool = True) -> str:
    """A rate as people read it: value, interval and n, units said once."""
    from nast_core.statistics.rates import Rate

    found = Rate.of(value).times(100 if percent else 1)
    return f"{found.interval('.1f', ' %' if percent else '')}, n = {found.n:,}"


def path(typed: str) -> Path:
    """A path as typed, with ~ for the home folder; for what no path can be, its sentence, and the page ends."""
    with advice():
        return as_path(typed)


def hint(message: str) -> None:
    """Nothing to show here, and what to do next, as plain text; the page goes on."""
    st.info(plain(message), icon=":material/lightbulb:")


def fault(message: object) -> None:
    """What could not be done, and why, as plain text; the page goes on."""
    st.error(plain(message), icon=":material/error:")


def empty(message: str) -> NoReturn:
    """Nothing to show yet, and what to do next, as plain text; ends the page."""
    hint(message)
    end_page()


def refuse(message: object) -> NoReturn:
    """What cannot be done as asked, and why, as plain text; ends the page."""
    fault(message)
    end_page()


def end_page() -> NoReturn:
    """Ends the page and lets the sidebar follow; after st.stop(), Streamlit refuses every further element.

    The only place where a page is ended (a test holds it): by ``empty``, ``refuse`` or ``advice``, or here where all
    has been said.
    """
    raise StopException
