"""One pair on any image: its scores, and which states carry the negation to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import fields, plots, widgets
from dashboard.parts.pictures import draw_picture, image_vector, image_vectors, of_set, slide_pictures
from dashboard.parts.text import plain
from dashboard.tracing import charts, traces

if TYPE_CHECKING:
    import xarray as xr

    from dashboard.tracing.swaps import Swap
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

SMALL_D = 0.5  # logits
_COLUMNS = [2, 5]


def start(traced: xr.Dataset | None, chosen: tuple[AlignedPair, ...], swap: Swap) -> None:
    """The page opens where the texts differ most in score; at the shortest pair where that is not known yet."""
    if traced is None:
        fields.start(pair=traces.shortest(chosen).pair.negated)
    elif fields.fresh("pair", "image"):
        widest = int(np.abs(traced.d.values).argmax())
        fields.start(pair=str(traced.negated.values[widest]), image=of_set(chosen, present=swap.on.finding)[widest])


def draw(
    model: DualEncoder, pair: AlignedPair, chosen: tuple[AlignedPair, ...], swap: Swap, traced: xr.Dataset | None
) -> None:
    """The image beside the scores and the map; ends the page where no effect is defined."""
    left, right = st.columns(_COLUMNS, gap="medium")
    with left:
        vectors = _choose_images(model, pair, swap)
    run = traced.attrs["run"] if traced is not None and pair in chosen else None  # a typed pair is in no run
    effect = traces.pair_on_images(model, pair, swap.plan, swap.method, vectors, run)
    with right:
        _draw_scores(pair, effect)
        if effect.effect is None:
            widgets.empty(
                "Both texts score alike on this image, so no effect is defined; choose another image or pair."
            )
        if swap.method == "attribution" and traced is not None:
            traces.estimate_badge(traced)
        on = f"mean of {len(vectors)} images" if len(vectors) > 1 else "1 image"
        _draw_map(pair, swap, effect.effect[:, 0, : pair.length], on, small=abs(effect.gap) < SMALL_D)
        if swap.has_identities:
            widgets.ticks(traces.pair_ticks(model, pair, effect.effect), title="Identities")


def _choose_images(model: DualEncoder, pair: AlignedPair, swap: Swap) -> np.ndarray:
    """Unit vectors [image, dim] of the image chosen, or of all there are to choose from."""
    picture, names = slide_pictures(pair.pair.finding, present=swap.on.finding)
    everything = st.toggle(
        f"Average over all {len(names)} images",
        key="average-images",
        bind="query-params",
        help="The image meets a text only in the last product, so another image, or many, costs next to nothing.",
    )
    draw_picture(picture)
    return image_vectors(model, names) if everything else image_vector(model, picture)[None]


def _draw_scores(pair: AlignedPair, effect: traces.OnImages) -> None:
    scores = st.columns(3)
    scores[0].metric("S(affirmative), logits", f"{effect.affirmative:.2f}", help=plain(pair.pair.affirmative))
    scores[1].metric("S(negated), logits", f"{effect.negated:.2f}", help=plain(pair.pair.negated))
    scores[2].metric("d = S(aff.) - S(neg.), logits", f"{effect.gap:.2f}")


def _draw_map(pair: AlignedPair, swap: Swap, cte: np.ndarray, on: str, *, small: bool) -> None:
    """``cte`` [layer, position]; ``on``: which images; ``small``: shares of so small a d mean little."""
    widgets.figure(
        charts.cte_map(
            cte,
            plots.token_labels(pair.pieces_negated, pair.negator),
            first_layer=swap.plan.first_layer,
            title=f"Causal tracing effect by layer and token: {traces.COMPONENTS[swap.plan.component].lower()}",
            subtitle=f"{swap.called}; 1 pair, {on}",
        ),
        key="tracing-pair",
        data=charts.cells(cte, swap.plan.first_layer),
        how_to_read=(
            "The negated text's value, written into the affirmative text's run, one layer and token at a time. 0:"
            " nothing changes. 1: the text now scores as the negated one; above 1, past it. Follow the 1s from the"
            " negator to the token that is read out."
        )
        + (" Here d is small, and shares of it swing widely." if small else ""),
        alt="Heatmap of the causal tracing effect by layer and token",
    )
