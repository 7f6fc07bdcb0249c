"""Which regions of the X-ray make the score: the method and its detail, and the maps over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.attribution import attributions, charts
from dashboard.parts import fields, widgets
from dashboard.parts.pictures import Picture

if TYPE_CHECKING:
    import xarray as xr
    from streamlit.delta_generator import DeltaGenerator

    from nast_core.interpret.attribution_image import Method
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


class Choice(NamedTuple):
    """How the maps are made and shown."""

    method: Method
    window: int | None  # side of the occluding window, in patches
    square: int  # side, in cells, of the squares that values are summed over
    opacity: int  # per cent


def draw(model: DualEncoder, pair: AlignedPair, picture: Picture) -> None:
    """The fields, and the maps where they can be had."""
    choice = _choose(model)
    result = attributions.regions(model, pair, picture, choice.method, choice.window)
    if result is not None:
        _draw_maps(picture, result, choice)


def _choose(model: DualEncoder) -> Choice:
    how, detail, glass = st.columns([10, 6, 5], vertical_alignment="bottom", gap="medium")
    method = fields.one_of(
        how,
        "Method",
        attributions.METHODS,
        key="attribution-method",
        help=(
            "Occlusion covers a window with grey. Integrated gradients share the score out to pixels. Grad-CAM weighs "
            "the last feature map, where the image tower is convolutional."
        ),
    )
    opacity = glass.slider("Opacity of the overlay, %", 0, 100, 80, 5, key="opacity", bind="query-params")
    window = _choose_window(detail, model) if method == "occlusion" else None
    square = _choose_square(detail, model) if method == "integrated_gradients" else 1
    return Choice(method, window, square, opacity)


def _choose_window(place: DeltaGenerator, model: DualEncoder) -> int:
    sides, usual = attributions.window_choices(model)
    return place.segmented_control(
        "Covered window, patches", sides, default=usual, required=True, key="occlude", bind="query-params"
    )


def _choose_square(place: DeltaGenerator, model: DualEncoder) -> int:
    each = fields.one_of(place, "A value for each", ["square", "pixel"], key="ig-detail")
    return attributions.squares(model) if each == "square" else 1


def _draw_maps(picture: Picture, result: xr.Dataset, choice: Choice) -> None:
    maps = attributions.maps(result, choice.square)
    widgets.figure(
        charts.overlay(
            picture.image,
            maps,
            (float(result.s_affirmative[0]), float(result.s_negated[0])),
            choice.opacity / 100,
            smooth=choice.method == "grad_cam",
            title=f"What raises and what lowers each score: {attributions.METHODS[choice.method]}",
            subtitle=attributions.settings(result, choice.square),
        ),
        key="attribution-image",
        data=maps.table(),
        how_to_read=attributions.HOW_TO_READ[choice.method]
        + " One scale for all three. Right: what the negation changes; "
        "a model that passes over the negator has the same map twice, and nothing on the right."
        + (" Dotted: the part of the image that the model sees." if maps.cropped else ""),
        alt="The X-ray with the attributions of the affirmative score, of the negated score, and of their difference",
    )
