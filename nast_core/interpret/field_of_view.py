"""Where on an image a model's preprocessed pixels come from, found by looking and not by knowing each family.

Families resize the shorter side and crop, squash to a square, or pad to one, and round on the way as their library
does. A white rectangle at a known place, sent through the model's own preprocessing, says which.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from nast_core.interpret.attribution import AttributionError
from nast_core.models.encoder import DualEncoder


@dataclass(frozen=True)
class FieldOfView:
    """A preprocessed pixel at (x, y) lies at (left + x * across, top + y * down) of the image; edges, not centres."""

    left: float
    top: float
    across: float  # image pixels a preprocessed pixel
    down: float


def field_of_view(model: DualEncoder, size: tuple[int, int]) -> FieldOfView:
    """What a model sees of images of ``size`` = (width, height), to a tenth of a preprocessed pixel.

    Raises AttributionError where preprocessing keeps no picture, as in SigLIP 2 NaFlex.
    """
    width, height = size
    reach = max(3 * min(size) // 8, 1)  # half the rectangle: long, for precision, and inside the middle that crops keep
    box = (width // 2 - reach, height // 2 - reach, width // 2 + reach, height // 2 + reach)
    probe = Image.new("L", size, 0)
    ImageDraw.Draw(probe).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    pixels = model.preprocess(probe)
    check_picture(model, pixels.shape)
    strength = pixels.double().mean(0).numpy()
    strength = strength - strength.min()
    if max(strength[0].max(), strength[-1].max(), strength[:, 0].max(), strength[:, -1].max()) > strength.max() / 2:
        raise AttributionError(
            f"{model.card.name} reads less than three quarters of an image of {width} x {height} px, so its "
            "attributions cannot be laid over the image; cut the image to the part of interest"
        )
    across, left = _line(strength.sum(0), box[0], box[2])
    down, top = _line(strength.sum(1), box[1], box[3])
    return FieldOfView(left, top, across, down)


def check_picture(model: DualEncoder, shape: tuple[int, ...]) -> None:
    """Raises AttributionError for an image tower that does not read [channel, height, width]."""
    if len(shape) != 3 or shape[0] != 3:
        raise AttributionError(
            f"the image tower of {model.card.name} reads {' x '.join(map(str, shape))} values and no picture, so image "
            "attributions have no place on the image; token attributions work"
        )


def _line(profile: Float[np.ndarray, " place"], begin: float, end: float) -> tuple[float, float]:
    """(image pixels a preprocessed pixel, image place of its first edge) from a bar between ``begin`` and ``end``.

    Resampling blurs the bar and keeps its mass and its middle, so both are exact where a half-height edge is not.
    """
    bar = profile / profile.max()
    length = bar.sum()
    middle = ((np.arange(len(bar)) + 0.5) * bar).sum() / length
    step = (end - begin) / length
    return float(step), float((begin + end) / 2 - step * middle)
