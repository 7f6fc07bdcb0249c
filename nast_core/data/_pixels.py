"""What reading pictures and reading DICOM files share: quiet libraries, one size limit, 8-bit scaling."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nast_core.errors import ImageError

# Warning filters and a logger's propagation belong to the whole process, so two sessions that change them
# at once can leave them changed for good. The lock is held while one image decodes, and no longer. A process forked
# meanwhile has one of its own: whoever holds this one is not there to give it back.
_LOCK = threading.RLock()
_LOGS = [logging.getLogger(name) for name in ("pydicom", "pylibjpeg", "openjpeg")]  # log what they then raise


GREY_PERCENTILES = ((0.5, 99.5), (2, 98), (5, 95), (10, 90))  # the first window that shows something
_BAND, _EDGE = 16, 4  # of 256 greys
_ALMOST = 0.95  # of the pixels; of 606 real radiographs none has more than 0.46 in a band, or 0.26 at the edges
_MOST_OF_IT = 0.6  # of the pixels, at the least, where those of one edge are left aside
_FEW = 256  # pixels, of which nothing is said


@dataclass
class Notes:
    """What is said of an image on the way, one sentence each."""

    said: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # those after which the picture may not be what was meant

    def doubt(self, sentence: str) -> None:
        self.said.append(sentence)
        self.doubts.append(sentence)


class Decoded(NamedTuple):
    """One still image, decoded in full."""

    pixels: Image.Image  # mode "L" or "RGB", 8 bit
    notes: Notes
    details: dict[str, str]  # what the file says about itself, for display


class Window(NamedTuple):
    """A range of values to show, and the percentiles that it comes from."""

    low: float
    high: float
    percentiles: tuple[float, float]


def own_window(values: NDArray[np.number]) -> Window:
    """The window of an image of more than 8 bits that names none: between percentiles of its finite values.

    Burned-in markers and dead pixels lie outside; where they are so many that the rest would look alike, the next
    percentiles are taken. An image of almost one value, a mask say, is shown from its least to its greatest.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if not finite.size:
        return Window(0, 0, (0, 100))
    for pair in GREY_PERCENTILES:
        low, high = np.percentile(finite, pair)
        if low == high:
            break
        if not nothing_to_see(to_8bit(finite, low, high)):
            return Window(low, high, pair)
    low, high = np.percentile(finite, GREY_PERCENTILES[0])
    if low == high:
        return Window(finite.min(), finite.max(), (0, 100))
    return Window(low, high, GREY_PERCENTILES[0])


def nothing_to_see(grey: NDArray[np.uint8]) -> str:
    """What is wrong with a picture in which nothing can be seen, as half a sentence; "" for any other."""
    if grey.size < _FEW:
        return ""
    counts = np.bincount(grey.ravel(), minlength=256)
    dark, bright = counts[:_EDGE].sum(), counts[-_EDGE:].sum()
    if dark + bright >= _ALMOST * grey.size:
        return "almost one value" if max(dark, bright) >= _ALMOST * grey.size else "almost only black and white"
    for rest in (counts, counts[:-_EDGE], counts[_EDGE:]):  # a marker is one value, black or white
        upto = np.concatenate([[0], np.cumsum(rest)])
        if upto[-1] >= _MOST_OF_IT * grey.size and (upto[_BAND:] - upto[:-_BAND]).max() >= _ALMOST * upto[-1]:
            return "almost one value"
    return ""


def _own_lock() -> None:
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own_lock)


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
