"""A DICOM file's stored grey values as a viewer would first show them (PS3.3 C.11), so that bone is bright.

Modality LUT or rescale, the first VOI LUT or window that shows something, then inversion of MONOCHROME1 or by a
presentation LUT shape. Departures: without a usable VOI the window is that of other images (``own_window``); padding
pixels are black; other presentation LUTs are ignored.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut, apply_windowing

from nast_core.data._pixels import Notes, guarded, nothing_to_see, own_window, to_8bit
from nast_core.errors import ImageError

_WINDOWS = 16  # of a file, that are tried


def grey(ds: Dataset, stored: NDArray[np.integer], notes: Notes) -> NDArray[np.uint8]:
    """Stored values (rows, columns) to displayed grey, the same shape; ``notes`` gets what was assumed."""
    padding = _padding(ds, stored)
    real = ~padding
    values = _rescaled(ds, stored, notes)
    picture = _by_the_files_own(ds, values, real, notes)
    if picture is None:
        real_values = values[real]
        low, high, (least, most) = own_window(real_values) if real_values.size else (0, 0, (0, 100))
        ends = (real_values.min(), real_values.max()) if real_values.size else (0, 0)
        notes.said.append(
            f"No display window was applied: grey runs from {low:g} to {high:g}, percentiles {least:g} to {most:g} "
            f"of its values (least value, {ends[0]:g}, to greatest, {ends[1]:g})."
        )
        picture = to_8bit(values, low, high)
    shape = str(ds.get("PresentationLUTShape", "")).strip().upper()
    inverted = ds.PhotometricInterpretation == "MONOCHROME1"
    if shape in ("INVERSE", "IDENTITY") and inverted != (shape == "INVERSE"):
        notes.doubt(
            f"Its photometric interpretation {ds.PhotometricInterpretation} and its presentation LUT shape {shape} say "
            "different things; it was inverted, so see whether bone is bright."
        )
        inverted = True
    if inverted:
        picture = 255 - picture
    picture[padding] = 0
    return picture


def _rescaled(ds: Dataset, stored: NDArray[np.integer], notes: Notes) -> NDArray[np.number]:
    if "ModalityLUTSequence" not in ds and "RescaleSlope" in ds:
        slope, intercept = float(ds.RescaleSlope), float(ds.get("RescaleIntercept", 0))
        if slope == 0 or not np.isfinite([slope, intercept]).all():
            notes.doubt(f"Its rescale slope {slope:g} and intercept {intercept:g} are not usable and were not applied.")
            del ds.RescaleSlope  # the window's range is reckoned with it, too
            return stored
    return apply_modality_lut(stored, ds)


def _by_the_files_own(
    ds: Dataset, values: NDArray[np.number], real: NDArray[np.bool_], notes: Notes
) -> NDArray[np.uint8] | None:
    """Grey by the first of the file's VOI LUTs, or else of its windows, that shows something."""
    ways: list[Callable[[], NDArray[np.uint8]]] = []
    if "VOILUTSequence" in ds:
        ways = [partial(_voi_lut, ds, values, place) for place in range(len(ds.VOILUTSequence))]
    elif "WindowCenter" in ds and "WindowWidth" in ds:
        count = ds["WindowCenter"].VM
        ways = [partial(_window, ds, values, place) for place in range(count)]
    for place, way in enumerate(ways[:_WINDOWS]):
        which = "Its display window" if len(ways) == 1 else f"Display window {place + 1} of {len(ways)}"
        try:
            with guarded(f"{which} is not usable."):
                picture = way()
        except ImageError as error:
            notes.said.append(str(error))
            continue
        if fault := nothing_to_see(picture[real]):
            notes.doubt(f"{which} would show {fault} and was not used.")
            continue
        return picture
    return None


def _window(ds: Dataset, values: NDArray[np.number], place: int) -> NDArray[np.uint8]:
    """A window, linear or sigmoid; pydicom's output range varies with the header, so ask it."""
    low, high = apply_windowing(np.array([-np.inf, np.inf]), ds, place)
    return to_8bit(apply_windowing(values, ds, place), low, high)


def _voi_lut(ds: Dataset, values: NDArray[np.number], place: int) -> NDArray[np.uint8]:
    """A VOI LUT. Not pydicom's apply_voi: at 3.0.2 it wraps the index of a table of 8-bit entries."""
    item = ds.VOILUTSequence[place]
    entries, first, depth = (int(number) for number in item.LUTDescriptor)
    table = item.LUTData
    if isinstance(table, bytes):
        order = "<" if ds.original_encoding[1] else ">"
        table = np.frombuffer(table, np.uint8 if len(table) == entries else f"{order}u2")
    table = np.asarray(table)[: entries or 2**16]
    index = np.clip(np.rint(values).astype(np.int64) - first, 0, len(table) - 1)
    return to_8bit(table[index], 0, 2**depth - 1)


def _padding(ds: Dataset, stored: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which stored values (rows, columns) only fill the frame out (PS3.3 C.7.5.1.1.2)."""
    if "PixelPaddingValue" not in ds:
        return np.zeros(stored.shape, bool)
    ends = sorted((int(ds.PixelPaddingValue), int(ds.get("PixelPaddingRangeLimit", ds.PixelPaddingValue))))
    return (stored >= ends[0]) & (stored <= ends[1])
