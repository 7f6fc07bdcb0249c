"""Fields whose choice stands in the page's address, so that a link reopens what is seen."""

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st


def fresh(*keys: str) -> bool:
    """Whether neither a link nor an earlier choice has set any of these fields."""
    return not {*keys} & {*st.session_state, *st.query_params}


def start(**values: Any) -> None:
    """Where fields begin that nothing has set yet. No default: what a field has by default, its link leaves out."""
    for key, value in values.items():
        if fresh(key):
            st.session_state[key] = value


def one_of(place: Any, label: str, options: Mapping[str, str] | Collection[str], *, key: str, **settings: Any) -> Any:
    """One of ``options``, all in sight; the first where nothing is chosen. A mapping: option -> what it is called."""
    named = options if isinstance(options, Mapping) else {option: option for option in options}
    return place.segmented_control(
        label,
        list(named),
        format_func=named.__getitem__,
        key=key,
        bind="query-params",
        **{"default": next(iter(named)), "required": True} | settings,
    )
