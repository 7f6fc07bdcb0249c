"""How an occluding window slides over a model's preprocessed image."""

from dataclasses import dataclass
from math import gcd

import numpy as np
from jaxtyping import Float
from torch import nn

from nast_core.interpret.attribution import AttributionError
from nast_core.models.encoder import DualEncoder

_CELLS = 16  # most cells along a side, unless the caller asks for a finer stride: 2 s for a ViT-B/32 on two cores
_CNN_PATCH = 32  # pixels a cell of the last feature map, in every ResNet here


@dataclass(frozen=True)
class Windows:
    """Sides and steps in pixels of the preprocessed image."""

    patch: int  # what the image tower cuts the image into
    window: int
    stride: int

    @property
    def cell(self) -> int:
        """Side of the cells that hold one value each: every window begins and ends at a multiple of it."""
        return gcd(self.window, self.stride)

    def edges(self, side: int) -> Float[np.ndarray, " edge"]:
        """Cell edges along a side; where the side is no multiple of the cell, the last one is cut."""
        return np.append(np.arange(0, side, self.cell, dtype=float), side)

    def count(self, side: int) -> int:
        """Windows over a square image; the last along a side may hang over its edge."""
        return (-(-(side - self.window) // self.stride) + 1) ** 2


def windows_of(model: DualEncoder, window: float | None = None, stride: float | None = None) -> Windows:
    """Window and stride, given in patches; by default two patches wide, at a stride that leaves 9 to 16 cells a side.

    Raises AttributionError for a stride above the window, which would leave parts uncovered, and for a window that is
    larger than the image, or nothing.
    """
    patch, side = _patch(model), model.image_size
    cell = patch
    while side / cell > _CELLS:
        cell *= 2
    while side / cell <= _CELLS / 2 and cell % 2 == 0:
        cell //= 2
    wide = min(2 * max(patch, cell), side) if window is None else round(window * patch)
    step = min(cell, wide) if stride is None else round(stride * patch)
    if not 1 <= step <= wide <= side:
        raise AttributionError(
            f"a window of {wide} px moved by {step} px does not cover an image of {side} px; a patch of this model is "
            f"{patch} px, and the stride must be at most the window and the window at most the image"
        )
    return Windows(patch, wide, step)


def _patch(model: DualEncoder) -> int:
    """Side of the image tower's patches: of the convolution whose windows do not overlap."""
    convolutions = (module for module in model.module.modules() if isinstance(module, nn.Conv2d))
    return next((c.stride[0] for c in convolutions if c.kernel_size == c.stride and c.stride[0] > 2), _CNN_PATCH)
