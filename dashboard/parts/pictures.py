"""Images on a page: phantoms and the user's own, read, chosen and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import memo, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from PIL import Image

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


@dataclass(frozen=True)
class Picture:
    """An image a page can show and a model can read."""

    name: str  # phantom:SEED, or the sha256 of an upload
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


@memo.copied()
def phantom_picture(seed: int) -> Picture:
    from nast_core.encoding.images import phantom_image

    return Picture(f"phantom:{seed}", f"phantom {seed}", phantom_image(seed, 512))


def phantom_title(seed: int) -> str:
    from nast_core.data.phantom import sample_phantom

    findings = sample_phantom(seed).findings
    said = ", ".join(" ".join(filter(None, (f.severity, f.side, f.zone, f.condition.lower()))) for f in findings)
    return said or "no finding"


@memo.copied()
def _image_vector(_model: DualEncoder, fingerprint: str, name: str, _picture: Picture) -> np.ndarray:
    from nast_core.encoding.images import open_image, phantom_of

    image = open_image(name, size=_model.image_size) if phantom_of(name) else _picture.image
    return _model.encode_images([image])[0].numpy()


def image_vector(encoder: DualEncoder, picture: Picture) -> np.ndarray:
    """A picture's unit vector; phantoms are drawn anew at the model's own size."""
    return _image_vector(encoder, encoder.fingerprint, picture.name, picture)


def image_vectors(encoder: DualEncoder, names: tuple[str, ...]) -> np.ndarray:
    """Unit vectors [image, dim] of pictures by title: the user's own, and phantoms."""
    mine = {picture.title: picture for picture in uploads()}
    pictures = [mine[n] if n in mine else phantom_picture(int(n.split()[1])) for n in names]
    return np.stack([image_vector(encoder, picture) for picture in pictures])


def choose_picture(finding: str) -> Picture:
    """The image a pair is scored on; phantoms that have ``finding`` come first."""
    from nast_core.encoding.showcase import phantom_names

    mine = {picture.title: picture for picture in uploads()}
    having = [name.removeprefix("phantom:") for name in phantom_names(finding)][:40]
    options = [*mine, *(f"phantom {seed}" for seed in having)]
    name = st.selectbox("Image", options, key="image", bind="query-params", format_func=_described)
    return mine[name] if name in mine else phantom_picture(int(name.split()[1]))


def slide_pictures(finding: str) -> tuple[Picture, tuple[str, ...]]:
    """One image by a slider over the user's own and phantoms that have ``finding``, and the names of all of them."""
    from nast_core.encoding.showcase import phantom_names

    mine = {picture.title: picture for picture in uploads()}
    having = [name.replace(":", " ") for name in phantom_names(finding)[:24]]
    names = (*mine, *having)
    name = st.select_slider("Image", names, key="image", bind="query-params", format_func=plain)
    picture = mine[name] if name in mine else phantom_picture(int(name.split()[1]))
    return picture, names


def of_set(pairs: Sequence[AlignedPair]) -> list[str]:
    """Which image each pair of the set is traced on, as the pages name it."""
    from nast_core.encoding.showcase import image_names

    return [name.replace("phantom:", "phantom ") for name in image_names(pairs)]


def caption(picture: Picture) -> str:
    """What is to be seen, as Markdown: a phantom's findings, or the user's own name for it."""
    return plain(_described(picture.title).removeprefix("yours: "))


def draw_picture(picture: Picture) -> None:
    """The image, what is to be seen, and what is odd about the file."""
    st.image(picture.image, caption=caption(picture), width="stretch")
    for warning in picture.warnings:
        st.caption(f":material/info: {plain(warning)}")


def _described(name: str) -> str:
    parts = name.split()
    if len(parts) == 2 and parts[0] == "phantom" and parts[1].isdecimal():
        return f"{name}: {phantom_title(int(parts[1]))}"
    return f"yours: {name}"


def item_picture(name: str, folder: str | None) -> Picture | None:
    """The image of a benchmark item; its reason in one sentence where it cannot be read."""
    from nast_core.encoding.images import load_image, open_image, phantom_of
    from nast_core.errors import ImageError

    if (phantom := phantom_of(name)) is not None:
        return phantom_picture(phantom.seed)
    try:
        if not folder:
            return Picture(name, name, open_image(name))
        loaded = load_image(name, widgets.path(folder))
        for doubt in loaded.doubts:
            st.warning(plain(doubt), icon=":material/warning:")
        return Picture(name, name, loaded.pixels, loaded.warnings)
    except ImageError as error:
        st.warning(plain(error))
        return None
