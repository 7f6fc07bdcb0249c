"""A pair's two sentences as one aligned strip of tokens: a -> no. For every page that has a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts.text import chart
from dashboard.parts.theme import AFFIRMATIVE, NEGATED

if TYPE_CHECKING:
    from nast_core.negation.pairs import AlignedPair

_ROW = "display:flex;flex-wrap:wrap;align-items:stretch;gap:4px;line-height:1.35"
_BOX = (
    "display:inline-flex;flex-direction:column;justify-content:center;align-items:center;padding:1px 8px;"
    "border:1px solid rgba(127,127,127,.4);border-radius:6px;white-space:pre"
)
_SPECIAL = ("<start>", "<end>", "<class>")  # as ``align`` names them
_FAINT = "opacity:.6;font-style:italic"
_SHARED = "text-decoration:underline"  # of a negator of several words, those that the other text has too
_SAID = "border-radius:4px;padding:0 6px;color:#fff;font-weight:600;background:"
_NO = f"{_SAID}{NEGATED};text-decoration:underline"  # a negator is underlined as well as coloured


def draw(pair: AlignedPair) -> None:
    """Both texts, token over token; where they differ, the affirmative one's stands above the negated one's."""
    st.html(html(pair))


def html(pair: AlignedPair) -> str:
    """What both texts share stands once; special tokens are faint, and a run of padding is left out."""
    boxes = [_box(pair, position) for position in pair.positions]
    label = f"{pair.pair.affirmative} -> {pair.pair.negated}"
    return f'<div role="img" aria-label="{_quoted(label)}" style="{_ROW}">{"".join(boxes)}</div>'


def _box(pair: AlignedPair, position: int) -> str:
    own, other = pair.pieces_negated[position], pair.pieces_affirmative[position]
    if position in pair.differing:
        arrow = '<span style="font-size:12px;opacity:.75;line-height:1.1">↓</span>'
        both = f'<span style="{_SAID}{AFFIRMATIVE}">{chart(other)}</span>{arrow}<span style="{_NO}">{chart(own)}</span>'
        return f'<span style="{_BOX};border-color:{NEGATED}">{both}</span>'
    how = _FAINT if own in _SPECIAL else _SHARED if position in pair.negator else ""
    return f'<span style="{_BOX};{how}">{chart(own)}</span>'


def _quoted(text: str) -> str:
    return chart(text).replace('"', "&quot;")
