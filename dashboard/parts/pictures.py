"""Choosing an image on a page: a phantom with the finding, any phantom, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import state, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.negation.pairs import AlignedPair


def choose_picture(finding: str) -> state.Picture:
    """The image a pair is scored on; phantoms that have ``finding`` come first."""
    from nast_core.encoding.showcase import phantoms_with

    mine = {picture.title: picture for picture in state.uploads()}
    having = [phantom.seed for phantom in phantoms_with(finding)][:40]
    options = [*mine, *(f"phantom {seed}" for seed in having)]
    name = st.selectbox("Image", options, key="image", bind="query-params", format_func=_described)
    return mine[name] if name in mine else state.phantom_picture(int(name.split()[1]))


def slide_pictures(finding: str) -> tuple[state.Picture, tuple[str, ...]]:
    """One image by a slider over the user's own and phantoms that have ``finding``, and the names of all of them."""
    from nast_core.encoding.showcase import phantoms_with

    mine = {picture.title: picture for picture in state.uploads()}
    having = [f"phantom {phantom.seed}" for phantom in phantoms_with(finding)[:24]]
    names = (*mine, *having)
    name = st.select_slider("Image", names, key="image", bind="query-params", format_func=plain)
    picture = mine[name] if name in mine else state.phantom_picture(int(name.split()[1]))
    return picture, names


def of_set(pairs: Sequence[AlignedPair]) -> list[str]:
    """Which image each pair of the set is traced on, as the pages name it."""
    from nast_core.encoding.showcase import image_names

    return [name.replace("phantom:", "phantom ") for name in image_names(pairs)]


def caption(picture: state.Picture) -> str:
    """What is to be seen, as Markdown: a phantom's findings, or the user's own name for it."""
    return plain(_described(picture.title).removeprefix("yours: "))


def draw_picture(picture: state.Picture) -> None:
    """The image, what is to be seen, and what is odd about the file."""
    st.image(picture.image, caption=caption(picture), width="stretch")
    for warning in picture.warnings:
        st.caption(f":material/info: {plain(warning)}")


def _described(name: str) -> str:
    parts = name.split()
    if len(parts) == 2 and parts[0] == "phantom" and parts[1].isdecimal():
        return f"{name}: {state.phantom_title(int(parts[1]))}"
    return f"yours: {name}"


def item_picture(name: str, folder: str | None) -> state.Picture | None:
    """The image of a benchmark item; its reason in one sentence where it cannot be read."""
    from nast_core.encoding.images import load_image, open_image, phantom_of
    from nast_core.errors import ImageError

    if (phantom := phantom_of(name)) is not None:
        return state.phantom_picture(phantom.seed)
    try:
        if not folder:
            return state.Picture(name, name, open_image(name))
        loaded = load_image(name, widgets.path(folder))
        for doubt in loaded.doubts:
            st.warning(plain(doubt), icon=":material/warning:")
        return state.Picture(name, name, loaded.pixels, loaded.warnings)
    except ImageError as error:
        st.warning(plain(error))
        return None
