"""Ways from page to page: a link to another page, opened where this one looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from nast_core.negation.pairs import PolarityPair

_PAGES = Path(__file__).resolve().parents[2] / "pages"


def to(page: str, label: str, *, icon: str, pair: PolarityPair | None = None, **params: Any) -> None:
    """A link to ``pages/PAGE.py``, with what its address is to name (docs/reference/links.md)."""
    about = {} if pair is None else _about(pair)
    st.page_link(
        _PAGES / f"{page}.py",
        label=label,
        icon=f":material/{icon}:",
        query_params={name: str(value) for name, value in (about | params).items()},
    )


def _about(pair: PolarityPair) -> dict[str, str]:
    """Typed pairs know no finding."""
    if pair.finding:
        return {"pair": pair.negated}
    return {"pair-source": "typed", "affirmative": pair.affirmative, "negated": pair.negated}
