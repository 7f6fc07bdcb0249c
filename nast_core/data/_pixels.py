"""What reading pictures and reading DICOM files share: quiet libraries, one size limit, 8-bit scaling."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nast_core.errors import ImageError

# Warning filters and a logger's propagation belong to the whole process, so two sessions that change them
# at once can leave them changed for good. The lock is held while one image decodes, and no longer.
_LOCK = threading.RLock()
_LOGS = [logging.getLogger(name) for name in ("pydicom", "pylibjpeg", "openjpeg")]  # log what they then raise


class Decoded(NamedTuple):
    """One still image, decoded in full."""

    pixels: Image.Image  # mode "L" or "RGB", 8 bit
    warnings: tuple[str, ...]  # what was changed on the way that may matter, one sentence each
    details: dict[str, str]  # what the file says about itself, for display


@contextmanager
def guarded(sentence: str) -> Iterator[None]:
    """While open, Pillow, pydicom and numpy say nothing; what they raise becomes ImageError(sentence).

    It is for calls into those libraries only. Their errors have no common base and come from the file, hence
    the broad ``except``; an ImageError raised inside passes unchanged.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = [log.propagate for log in _LOGS]
        for log in _LOGS:
            log.propagate = False
        try:
            yield
        except ImageError:
            raise
        except Exception as error:
            raise ImageError(sentence) from error
        finally:
            for log, propagate in zip(_LOGS, before, strict=True):
                log.propagate = propagate


def check_size(name: str, columns: int, rows: int, max_pixels: int) -> None:
    """Raise ImageError when ``columns`` x ``rows`` pixels are none at all, or more than ``max_pixels``."""
    if columns < 1 or rows < 1:
        raise ImageError(f"{name} is {columns} x {rows} px, which holds no pixels: export it again.")
    if columns * rows > max_pixels:
        raise ImageError(
            f"{name} is {columns} x {rows} px ({columns * rows / 1e6:.4g} megapixels), over the limit of "
            f"{max_pixels / 1e6:.4g} megapixels: make it smaller and load it again."
        )


def to_8bit(values: NDArray[np.number], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low`` to 0 and ``high`` to 255, in a straight line, rounded to the nearest whole number.

    Args:
        values: any shape and any real type; NaN becomes 0.
        low, high: in the unit of ``values``. ``low`` may be the greater (the greys are then reversed).
    Returns:
        The same shape, uint8; values outside the window are clipped; all 0 if ``low`` equals ``high``.
    """
    if low == high:
        return np.zeros(values.shape, np.uint8)
    grey = values.astype(np.float64)  # and then in place: radiographs are large
    grey -= low
    grey *= 255
    grey /= high - low
    np.nan_to_num(grey, copy=False)
    np.clip(grey, 0, 255, out=grey)
    return np.rint(grey, out=grey).astype(np.uint8)
