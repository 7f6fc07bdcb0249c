"""Images on a page: the dataset's and the user's own, read, chosen and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import datasets, memo, widgets
from dashboard.parts.text import plain
from nast_core.data.drawn import is_drawn, name_of, title_of
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from PIL import Image

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

_SIZE = 512  # that a drawing is shown in


@dataclass(frozen=True)
class Picture:
    """An image a page can show and a model can read."""

    name: str  # what draws it, or what names the bytes of a file
    title: str
    image: Image.Image  # for the eye
    warnings: tuple[str, ...] = ()


@memo.copied()
def _read_upload(content: bytes, name: str):
    from nast_core.data.images import read_image

    return read_image(content, name=name)


def uploads() -> list[Picture]:
    """The user's own images that could be read."""
    return st.session_state.get("pictures", [])


def accept_uploads(files: list) -> None:
    """Reads uploaded files; each that is no image gets its sentence, and the others stay."""
    from nast_core.errors import ImageError

    pictures = []
    for file in files:
        try:
            read = _read_upload(file.getvalue(), file.name)
        except ImageError as error:
            said = str(error)
            st.error(plain(said if file.name in said else f"{file.name}: {said}"), icon=":material/broken_image:")
            continue
        pictures.append(Picture(read.sha256, read.name, read.pixels, read.warnings))
        for warning in read.warnings:
            st.caption(f":material/info: {plain(read.name)}: {plain(warning)}")
    st.session_state["pictures"] = pictures


def named(name: str) -> Picture | None:
    """An image of the chosen dataset; its reason in one sentence where it cannot be read."""
    return item_picture(name, None)


@memo.copied()
def _drawn(name: str) -> Picture:
    from nast_core.encoding.images import open_image

    return Picture(name, title_of(name), open_image(name, size=_SIZE))


def for_model(model: DualEncoder, picture: Picture) -> Image.Image:
    """A picture as it is given to a model: a drawing anew at the model's own size."""
    from nast_core.encoding.images import open_image

    return open_image(picture.name, size=model.image_size) if is_drawn(picture.name) else picture.image


@memo.copied()
def _image_vector(_model: DualEncoder, fingerprint: str, name: str, _picture: Picture) -> np.ndarray:
    return _model.encode_images([for_model(_model, _picture)])[0].numpy()


def image_vector(encoder: DualEncoder, picture: Picture) -> np.ndarray:
    """A picture's unit vector."""
    return _image_vector(encoder, encoder.fingerprint, picture.name, picture)


def image_vectors(encoder: DualEncoder, titles: tuple[str, ...]) -> np.ndarray:
    """Unit vectors [image, dim] of pictures by title: the user's own, and the dataset's that can be read."""
    pictures = [picture for title in titles if (picture := titled(title)) is not None]
    return np.stack([image_vector(encoder, picture) for picture in pictures])


def titled(title: str) -> Picture | None:
    """The picture of a title; the reason in one sentence where it cannot be read."""
    mine = {picture.title: picture for picture in uploads()}
    return mine[title] if title in mine else named(name_of(title))


def titles_for(finding: str, most: int, *, present: bool = True) -> tuple[str, ...]:
    """Titles of the user's own images and the dataset's that have ``finding``, or lack it; for none the page ends."""
    dataset = datasets.chosen()
    images = dataset.images_for(finding, present=present)[:most]
    titles = (*(picture.title for picture in uploads()), *map(title_of, images))
    if not titles:
        kind = f"with {finding}" if present else f"without {finding}"
        widgets.empty(
            f"{dataset.name} has no image {kind} in its {dataset.looked_at()} split; choose another pair or dataset, or"
            " give an image of your own in the sidebar."
        )
    return titles


def choose_picture(finding: str) -> Picture:
    """The image a pair is scored on; those that have ``finding`` come first. Ends the page where it cannot be read."""
    title = st.selectbox("Image", titles_for(finding, 40), key="image", bind="query-params", format_func=_described)
    return titled(title) or widgets.end_page()


def slide_pictures(finding: str, *, present: bool = True) -> tuple[Picture, tuple[str, ...]]:
    """One image by a slider over the user's own and those that have ``finding``, or lack it, and the titles of all."""
    titles = titles_for(finding, 24, present=present)
    title = st.select_slider("Image", titles, key="image", bind="query-params", format_func=plain)
    return titled(title) or widgets.end_page(), titles


def of_set(pairs: Sequence[AlignedPair], *, present: bool = True) -> list[str]:
    """Which image each pair of the set is traced on, by title; of several, the first."""
    from nast_core.encoding.showcase import image_names

    dataset = datasets.chosen()
    return [title_of(name) for name in image_names(pairs, lambda of: dataset.images_for(of, present=present))]


def caption(picture: Picture) -> str:
    """What is to be seen, as Markdown: an image's findings, or the user's own name for it."""
    return plain(_described(picture.title).removeprefix("yours: "))


def draw_picture(picture: Picture) -> None:
    """The image, what is to be seen, and what is odd about the file."""
    st.image(picture.image, caption=caption(picture), width="stretch")
    for warning in picture.warnings:
        st.caption(f":material/info: {plain(warning)}")


def _described(title: str) -> str:
    if title in {picture.title for picture in uploads()}:
        return f"yours: {title}"
    dataset = datasets.if_there()
    findings = dataset.findings(name_of(title)) if dataset else ""
    return f"{title}: {findings}" if findings else title


def item_picture(name: str, folder: str | None) -> Picture | None:
    """The image of a benchmark item, in a folder or in the dataset's; its reason where it cannot be read."""
    from nast_core.errors import ImageError

    if is_drawn(name):
        return _drawn(name)
    dataset = datasets.if_there()
    place = widgets.path(folder) if folder else dataset.images if dataset else None
    try:
        if place is None:
            raise ImageError(f"the image {name!r} is a file; say which folder holds it")
        picture, doubts = _file(name, str(place), stamp(place / name))
    except ImageError as error:
        st.warning(plain(error))
        return None
    for doubt in doubts:
        st.warning(plain(doubt), icon=":material/warning:")
    return picture


@memo.copied()
def _file(name: str, folder: str, stamped: str) -> tuple[Picture, tuple[str, ...]]:
    """A file's picture, and why it may not show what it should."""
    from nast_core.encoding.images import load_image

    loaded = load_image(name, Path(folder))
    return Picture(f"{loaded.sha256}-{name}", name, loaded.pixels, loaded.warnings), tuple(loaded.doubts)
