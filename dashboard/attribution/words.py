"""Which words make the score: the image chosen, the scores on it, and every token's share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.attribution import attributions, charts
from dashboard.parts import widgets
from dashboard.parts.pictures import Picture, choose_picture, draw_picture
from dashboard.parts.text import plain

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


def draw(model: DualEncoder, pair: AlignedPair) -> Picture:
    """The image that was chosen, and beside it what the tokens add to its scores."""
    left, right = st.columns([2, 5], gap="medium")
    with left:
        picture = choose_picture(pair.pair.finding)
        draw_picture(picture)
    with right:
        result = attributions.tokens(model, pair, picture)
        if result is not None:
            _draw_scores(pair, result)
            _draw_tokens(pair, result)
            _draw_sums(result)
    return picture


def _draw_scores(pair: AlignedPair, result: xr.Dataset) -> None:
    one = result.isel(pair=0)
    affirmative, negated = float(one.s_affirmative), float(one.s_negated)
    figures = st.columns([3, 3, 3, 4])
    figures[0].metric("S(affirmative)", f"{affirmative:.2f}", help=plain(pair.pair.affirmative))
    figures[1].metric("S(negated)", f"{negated:.2f}", help=plain(pair.pair.negated))
    figures[2].metric("d = S(a) - S(n)", f"{affirmative - negated:.2f}")
    figures[3].metric(
        "Convergence delta",
        attributions.percent(attributions.worst_share(result)),
        help=(
            "How far the token attributions are from adding up to the change of score: share of that change, the worse "
            "of the two texts."
        ),
    )


def _draw_tokens(pair: AlignedPair, result: xr.Dataset) -> None:
    table = attributions.token_table(result)
    widgets.figure(
        charts.token_strip(
            table,
            pair.negator,
            title="Token attributions of both texts, on one scale",
            subtitle=f"integrated gradients in logits, {int(result.n_steps.max())} steps; 1 pair, 1 image",
        ),
        key="attribution-tokens",
        data=table,
        how_to_read=(
            "Red raises the score, blue lowers it, against a text that says nothing: the end token in every word's"
            " place. A column adds up to the change of score, the last to d. The negator, and the word in its place, is"
            " underlined; start and end tokens stand in the baseline too, so theirs is 0."
        ),
        alt="Attributions of each token of the affirmative and the negated text, and their difference",
    )


def _draw_sums(result: xr.Dataset) -> None:
    numbers = {name: st.column_config.NumberColumn(format="%.3f") for name in ("baseline", "sum of tokens", "S")}
    far = attributions.worst_share(result) > 0.01
    with st.expander("Do the attributions add up?", icon=":material/functions:", expanded=far):
        st.dataframe(attributions.completeness_table(result), hide_index=True, column_config=numbers)
        st.caption(
            "In logits: S = S of the baseline + sum of tokens - delta. Steps are doubled until delta is below 1 % of"
            " the change, up to 512."
        )
