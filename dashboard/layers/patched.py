"""Patch lens: any state of one sentence, written into any place of the other, by clicking two cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.layers import charts, readings
from dashboard.parts import fields, plots, widgets
from dashboard.parts.pictures import choose_picture, draw_picture, image_vector
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import PolarityPair

_WAYS = {"negated": "no X into X", "affirmative": "X into no X"}
_ENDS = ("from", "to")
_TRIED = "layers-tried"


class _Side(NamedTuple):
    """A text, and the cell of it that is chosen."""

    text: str
    pieces: tuple[str, ...]
    layer: int
    position: int


def draw(model: DualEncoder, pair: PolarityPair) -> None:
    """The image and what comes of the swap, beside both grids. The texts need not align."""
    left, right = st.columns([2, 5], gap="medium")
    with left:
        picture = choose_picture(pair.finding)
        draw_picture(picture)
    with right:
        source = fields.one_of(st, "Write", _WAYS, key="patch-way")
        texts = (pair.negated, pair.affirmative) if source == "negated" else (pair.affirmative, pair.negated)
        above = st.container()
        start = _first_cue(pair.negated, readings.pieces(model, pair.negated))
        sides = [_choose(model, text, end, start) for text, end in zip(texts, _ENDS, strict=True)]
        effect = _draw_scores(model, sides, image_vector(model, picture))
        about = (model.fingerprint, *texts, picture.name, sides[0].layer, sides[0].position)
        tried = _remember(about, sides[1], effect)
        with above:
            _draw_grids(model, sides, tried)


def _choose(model: DualEncoder, text: str, end: str, start: int) -> _Side:
    """Layer and token, in two fields that a click fills; at first the negator's, where it enters."""
    pieces = readings.pieces(model, text)
    layer_key, token_key = f"patch-{end}-layer", f"patch-{end}-position"
    start = min(start, len(pieces) - 1)
    fields.start(**{layer_key: 1, token_key: start})
    if st.session_state.get(token_key, 0) >= len(pieces):  # of a longer text
        st.session_state[token_key] = start
    said = "Take from" if end == "from" else "Write into"
    layer_at, token_at = st.columns([1, 2])
    layer = layer_at.selectbox(
        f"{said} layer", range(model.text.n_layers + 1), key=f"patch-{end}-layer", bind="query-params"
    )
    position = token_at.selectbox(
        f"{said} token of “{plain(text)}”",
        range(len(pieces)),
        format_func=lambda at: f"{at}: {pieces[at]}",
        key=f"patch-{end}-position",
        bind="query-params",
    )
    return _Side(text, pieces, layer, position)


def _first_cue(text: str, pieces: tuple[str, ...]) -> int:
    from nast_core.vocabulary.cues import find_cues

    cues = find_cues(text)
    word = cues[0].text.split()[0].casefold() if cues else ""
    return next((at for at, piece in enumerate(pieces) if word and piece.casefold() == word), 1)


def _draw_scores(model: DualEncoder, sides: list[_Side], vector: np.ndarray) -> float:
    """What the text scores before and after; returns the effect."""
    import torch

    from nast_core.interpret.patch_lens import Cell

    source, target = sides
    taken, written = (Cell(one.layer, one.position) for one in sides)
    found = readings.patched(model, source.text, target.text, taken, written)
    image = torch.from_numpy(vector)
    effect = found.effect(image)
    before, after, theirs = (float(model.score_each(one, image)) for one in (found.clean, found.patched, found.source))
    figures = st.columns(4)
    figures[0].metric("S before, logits", f"{before:.2f}", help=plain(target.text))
    figures[1].metric("S after, logits", f"{after:.2f}", delta=f"{after - before:+.2f}", delta_color="off")
    figures[2].metric("S of the source", f"{theirs:.2f}", help=plain(source.text))
    figures[3].metric("Effect", "undefined" if np.isnan(effect) else f"{effect:.2f}")
    phrases, ends = readings.bank(model)
    near = int((ends @ found.patched.to(ends)).argmax())
    st.caption(f"So patched, the text lies nearest to: {plain(phrases[near])}")
    return effect


def _remember(about: tuple, target: _Side, effect: float) -> dict[tuple[int, int], float]:
    """The effects of this source state that this session has seen: (layer, position) written into -> effect."""
    kept = st.session_state.get(_TRIED, (None, {}))
    tried = kept[1] if kept[0] == about else {}
    tried = {**tried, (target.layer, target.position): effect}
    st.session_state[_TRIED] = (about, tried)
    return tried


def _draw_grids(model: DualEncoder, sides: list[_Side], tried: dict[tuple[int, int], float]) -> None:
    grids = []
    for end, side in zip(_ENDS, sides, strict=True):
        values = np.full((model.text.n_layers + 1, len(side.pieces)), np.nan)
        if end == "to":
            for at, effect in tried.items():
                values[at] = effect
        labels = plots.token_labels(side.pieces, ())
        grids.append(charts.Grid(f"{end}: {side.text}", labels, values, (side.layer, side.position)))
    table = pd.DataFrame([{"layer": at[0], "position": at[1], "effect": value} for at, value in tried.items()])
    widgets.figure(
        charts.state_grids(
            grids,
            title="Take a state at the left, write it at the right",
            subtitle="layer by token; in the right grid, the effects tried with this state so far",
        ),
        key="layers-grids",
        data=table,
        how_to_read=(
            "Click a cell in each grid. 0: nothing changes. 1: the text now scores as the one that the state came from."
            " The same layer and token in both is causal tracing; anywhere else asks what the state means elsewhere."
        ),
        alt="Two grids of layer by token, the cells taken from and written into framed",
        on_select=_take_cell,
    )


def _take_cell() -> None:
    """Callback of a click: the cell to take from, or to write into."""
    for point in st.session_state["layers-grids"].selection.points[:1]:
        layer, position, grid = (int(value) for value in point["customdata"])
        end = _ENDS[grid]
        st.session_state[f"patch-{end}-layer"], st.session_state[f"patch-{end}-position"] = layer, position
