"""A link opens, it does not act: what an address names is shown and asked for before it is read, loaded or sent to.

What a person types, picks or presses on a page counts as asked for (``field``, ``typed``, ``allow``); so does what this
server has opened before. Nothing is drawn while anything is ``pending``, so that no page can be reached with more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.parts import datasets, keeper, widgets
from dashboard.parts.text import plain
from nast_core.benchmark.llm_access import access_to
from nast_core.errors import NastError
from nast_core.files.places import OWN_NAMES
from nast_core.vocabulary.names import SHIPPED

# Field, and so name in the address -> what it names. A test holds that every such field of every page is here.
KINDS = {
    "model": "model", "other": "model", "with": "model", "a": "model", "b": "model",
    "items": "file", "claims-file": "file", "data-file": "file", "data-table-path": "file", "review-items": "file",
    "claims": "file", "train-items": "file", "data-reports": "file", "distil-reports": "file",
    "images": "folder", "claims-images": "folder", "data-images": "folder", "review-images": "folder",
    "train-images": "folder", "data-folder": "folder",
    "data-llm-url": "endpoint", "dataset": "dataset", "data-vocabulary": "vocabulary",
    "review-vocabulary": "vocabulary",
}  # fmt: skip
_SAID = {
    "model": "A model, by its folder or name: its files are read, or fetched where a name stands for files elsewhere.",
    "file": "A file, to be read.",
    "folder": "A folder, to read images from or to write data sets to.",
    "dataset": "A dataset, by its folder: its files are read, and its images are shown and given to the model.",
    "vocabulary": "A vocabulary, by its file: it is read.",
    "endpoint": "The address of a language model, to send questions to.",
}


@st.cache_resource
def _opened() -> set[tuple[str, str]]:
    """(kind, value) of all that anybody asked this server for."""
    return set()


def allow(key: str, value: object) -> None:
    """Somebody at a page has asked for this value of a field."""
    values = value if isinstance(value, list | tuple) else [value]
    _opened().update((KINDS[key], str(one).strip()) for one in values if one)


def use_model(spec: str) -> None:
    """Callback: the model of every page."""
    allow("model", spec)
    st.session_state["model"] = spec  # the sidebar's field


def typed(key: str) -> None:
    """Callback of a field: what is typed into it has been asked for. Values that an address brings call no callback."""
    allow(key, st.session_state[key])


def field(place: Any, label: str, *, key: str, **settings: Any) -> str:
    """A text field for what can be opened, in the link; what is typed into it has been asked for."""
    return place.text_input(label, key=key, bind="query-params", on_change=typed, args=(key,), **settings).strip()


def one_of(place: Any, label: str, options: Sequence[str], *, key: str, **settings: Any) -> str:
    """As ``field``, with what is likely to be meant to choose from. What is offered here may be opened unasked."""
    for option in options:
        allow(key, option)
    # nothing is drawn while anything is pending: what is there, or in the address, was asked for
    now = st.session_state.get(key) or st.query_params.get(key)
    every = [*options, now] if now and now not in options else list(options)
    chosen = place.selectbox(
        label, every, key=key, bind="query-params", on_change=typed, args=(key,), accept_new_options=True, **settings
    )
    return (chosen or "").strip()


def pending() -> dict[str, list[str]]:
    """Field -> values in the address that nobody has asked this server for."""
    waiting = {}
    for key in KINDS:
        values = [value.strip() for value in st.query_params.get_all(key)]
        if left := [value for value in values if value and not _known(KINDS[key], value)]:
            waiting[key] = left
    return waiting


def _known(kind: str, value: str) -> bool:
    return (
        (kind, value) in _opened()
        or (kind == "model" and _ours(value))
        or (kind == "dataset" and value in datasets.offered())
        or (kind == "vocabulary" and value in SHIPPED)
    )


def _ours(spec: str) -> bool:
    """What comes with NAST, what this server was started with, and models of its own folder of runs; repaired or not,
    but for a repair that names a vocabulary, which is a file."""
    from nast_core.models.specs import unrepaired
    from nast_core.recipe import run_of
    from nast_core.runs.store import RunStore

    base, repairs = unrepaired(spec)
    if repairs and "vocabulary" not in repairs:
        return _ours(base)
    return spec in (*OWN_NAMES, keeper.START) or run_of(spec) in {run.id for run in RunStore().runs()}


def _host(address: str) -> str:
    """Where questions would go, told as it is when they are sent."""
    try:
        return f" Host: **{plain(access_to(address).host)}**"
    except NastError as error:
        return f" It cannot be asked: {plain(error)}"


def settle(waiting: dict[str, list[str]]) -> None:
    """Shows what the address names, and asks; ends the page."""
    # One container, whose place the page's title then takes: what stays of a view until the next run has ended moves
    # what is drawn above it as soon as its button loses the focus, and a press in that moment is lost.
    with st.container():
        _ask(waiting)
    widgets.end_page()


def _ask(waiting: dict[str, list[str]]) -> None:
    st.title("Open what this link names?")
    st.markdown(
        "The address of this page names what this server has not opened before. Nothing of it has been read, loaded or"
        " sent to yet. Go on only if you know where the link comes from."
    )
    for key, values in waiting.items():
        for value in values:
            with st.container(border=True):
                st.markdown(plain(_SAID[KINDS[key]]) + (_host(value) if KINDS[key] == "endpoint" else ""))
                st.code(value, language=None, wrap_lines=True)
    with st.container(horizontal=True):
        if st.button("Load it", type="primary", icon=":material/folder_open:", key="link-load"):
            for key, values in waiting.items():
                allow(key, values)
            st.rerun()
        if st.button("Leave it out", icon=":material/close:", key="link-leave"):
            kept = {key: st.query_params.get_all(key) for key in st.query_params if key not in waiting}
            st.query_params.from_dict(kept)
            st.rerun()
