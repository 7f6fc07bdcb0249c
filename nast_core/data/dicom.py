"""One still DICOM image to 8-bit grey or RGB, as a viewer would first show it.

Greys go through the DICOM pipeline (PS3.3 C.11): stored value, modality LUT or rescale, VOI LUT or first
window, then inversion of MONOCHROME1, so that bone is bright. Departures: without a usable VOI the window is
min to max of the image; padding pixels are black; a presentation LUT, overlays and shutters are ignored.

Only the elements in ``_TAGS`` are ever read, so nothing that identifies a patient can reach a result.
"""

import io
import re
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_windowing, get_decoder, pixel_array
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from nast_core.data._pixels import Decoded, check_size, guarded, to_8bit
from nast_core.errors import ImageError

RADIOGRAPH_MODALITIES = ("CR", "DX", "DR", "RG")  # DR is not in the standard, but is written

_HEADER = 132  # bytes: preamble (128) and "DICM"
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PIP_LINE = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
_SIZE_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # JPEG SOF0 to SOF15, and JPEG-LS
_TAGS = [
    "Modality",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "RedPaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
]


def is_dicom(data: bytes) -> bool:
    """Whether the bytes begin as a DICOM file does (PS3.10, 7.1): "DICM" after a preamble of 128 bytes."""
    return data[128:_HEADER] == b"DICM"


def decode_dicom(data: bytes, name: str, max_pixels: int) -> Decoded:
    """Decode the one image of a DICOM file.

    Args:
        data: the whole file, for which ``is_dicom`` holds.
        name: what to call the file in a message.
        max_pixels: most Rows x Columns; checked before anything is decompressed.
    Raises:
        ImageError: no pixels, several frames, too large, damaged, or an encoding that cannot be decoded here.
    """
    damaged = f"{name} cannot be decoded: this DICOM file is damaged or truncated, so export it again."
    syntax = _transfer_syntax(data, name, damaged)
    with guarded(damaged):
        ds = dcmread(io.BytesIO(data), specific_tags=_TAGS)
        for element in list(ds):
            if element.is_empty:  # says no more than an absent one, and pydicom trips over it
                del ds[element.tag]
        columns, rows, frames = (int(ds.get(key) or 0) for key in ("Columns", "Rows", "NumberOfFrames"))
    if "PixelData" not in ds:
        raise ImageError(
            f"{name} is a DICOM file without image pixels (a report, say, or a file cut short): "
            "choose the image object of the study, or export it again."
        )
    if frames > 1:
        raise ImageError(
            f"{name} holds {frames} frames and one still image is needed: export one frame as DICOM or PNG."
        )
    check_size(name, columns, rows, max_pixels)

    photometric = _code(ds, "PhotometricInterpretation")
    if photometric not in (*_GREY, *_COLOUR, "PALETTE COLOR"):
        raise ImageError(
            f"{name} has the photometric interpretation {photometric}, which is not read here: "
            "export it as MONOCHROME2 or RGB, or as PNG."
        )
    notes: list[str] = []
    with guarded(_advice(syntax, damaged)):
        if syntax.is_compressed and syntax != RLELossless:
            _check_stream(get_frame(ds.PixelData, 0, number_of_frames=1), name, columns, rows)
        stored = pixel_array(ds)  # (rows, columns) or (rows, columns, 3), YBR already made RGB
        if stored.ndim != (3 if photometric in _COLOUR else 2):
            raise ImageError(damaged)
        if photometric in _GREY:
            pixels = _grey(ds, stored, notes)
        elif photometric == "PALETTE COLOR":
            entries = apply_color_lut(stored, ds)[..., :3]
            pixels = to_8bit(entries, 0, np.iinfo(entries.dtype).max)
        else:
            pixels = to_8bit(stored, 0, 2**ds.BitsStored - 1)
        image = Image.fromarray(pixels)

    modality = _code(ds, "Modality")
    if modality not in RADIOGRAPH_MODALITIES:
        notes.append(
            f"Its modality is {modality}; models of plain radiographs expect one of {', '.join(RADIOGRAPH_MODALITIES)}."
        )
    details = {
        "Format": "DICOM",
        "Original size": f"{columns} x {rows} px",
        "Bit depth": f"{ds.BitsStored} of {ds.BitsAllocated} bits",
        "Modality": modality,
        "PhotometricInterpretation": photometric,
        "Transfer syntax": syntax.name,
    }
    return Decoded(image, tuple(notes), details)


def _transfer_syntax(data: bytes, name: str, damaged: str) -> UID:
    """How the file is encoded. Raises ImageError, naming it, when it cannot be decoded here."""
    with guarded(damaged):
        group_2 = read_dataset(
            io.BytesIO(data[_HEADER:]), False, True, stop_when=lambda tag, _vr, _length: tag.group != 2
        )
        syntax = UID(str(group_2.get("TransferSyntaxUID", "")))
        shown = _printable(f"{syntax.name} ({syntax})" if syntax.name != syntax else syntax)
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            decoder = None
    # A deflated file can unpack to a thousand times its size before any of it can be checked.
    if decoder is None or syntax == DeflatedExplicitVRLittleEndian:
        raise ImageError(
            f"{name} has the DICOM transfer syntax {shown or '(none given)'}, which is not read here: "
            "export it uncompressed (Explicit VR Little Endian), or as PNG."
        )
    if not decoder.is_available:
        raise ImageError(
            f"{name} has the DICOM transfer syntax {shown} and no decoder for it is installed: "
            f"run `{_PIP_LINE}`, or export it uncompressed."
        )
    return syntax


def _advice(syntax: UID, damaged: str) -> str:
    """What to say when pixels fail to decode: Pillow alone decodes only part of what DICOM may hold."""
    is_jpeg = syntax.is_compressed and syntax != RLELossless
    if is_jpeg and "pylibjpeg" not in get_decoder(syntax).available_plugins:
        return f"{damaged[:-1]}, or run `{_PIP_LINE}`, as its compression ({syntax.name}) may need it."
    return damaged


def _check_stream(stream: bytes, name: str, columns: int, rows: int) -> None:
    """Refuse what decoders would take: a stream of another size than the header says, or a JPEG cut short."""
    if stream[:2] == b"\xff\xd8" and b"\xff\xd9" not in stream[-10:]:  # SOI, and EOI before any padding
        raise ImageError(f"{name} has truncated JPEG data, which would be decoded in part: export it again.")
    size: tuple[int, int] | None = None
    if (siz := stream.find(b"\xff\x4f\xff\x51")) >= 0 and stream[:2] != b"\xff\xd8":  # JPEG 2000 SOC, SIZ
        x1, y1, x0, y0 = struct.unpack_from(">4I", stream, siz + 8)
        size = (x1 - x0, y1 - y0)
    at = 2
    while size is None and at + 9 <= len(stream) and stream[at] == 0xFF:
        if stream[at + 1] in _SIZE_MARKERS:
            height, width = struct.unpack_from(">2H", stream, at + 5)
            size = (width, height)
        at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    if size is not None and size != (columns, rows):
        raise ImageError(
            f"{name} says {columns} x {rows} px in its header and {size[0]} x {size[1]} px in its compressed "
            "data: one of them is damaged, so export it again."
        )


def _grey(ds: Dataset, stored: NDArray[np.integer], notes: list[str]) -> NDArray[np.uint8]:
    """Stored values (rows, columns) to displayed grey, the same shape; ``notes`` gets what was assumed."""
    padding = _padding(ds, stored)
    values = apply_modality_lut(stored, ds)
    shown: NDArray[np.uint8] | None = None
    if "VOILUTSequence" in ds or ("WindowCenter" in ds and "WindowWidth" in ds):
        try:
            with guarded("Its display window is not usable."):
                shown = _voi_lut(ds, values) if "VOILUTSequence" in ds else _window(ds, values)
        except ImageError as error:
            notes.append(str(error))
    if shown is None:
        real = values[~padding]
        low, high = (real.min(), real.max()) if real.size else (0, 0)
        notes.append(f"No display window was applied: grey runs from least value, {low:g}, to greatest, {high:g}.")
        shown = to_8bit(values, low, high)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        shown = 255 - shown
    shown[padding] = 0
    return shown


def _window(ds: Dataset, values: NDArray[np.number]) -> NDArray[np.uint8]:
    """The first window, linear or sigmoid; pydicom's output range varies with the header, so ask it."""
    low, high = apply_windowing(np.array([-np.inf, np.inf]), ds)
    return to_8bit(apply_windowing(values, ds), low, high)


def _voi_lut(ds: Dataset, values: NDArray[np.number]) -> NDArray[np.uint8]:
    """The first VOI LUT. Not pydicom's apply_voi: at 3.0.2 it wraps the index of a table of 8-bit entries."""
    item = ds.VOILUTSequence[0]
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


def _code(ds: Dataset, keyword: str) -> str:
    """A coded value such as MONOCHROME2, or "not stated"; free text put there by mistake is not repeated."""
    value = str(ds.get(keyword, ""))
    return value if re.fullmatch(r"[A-Z0-9_ ]{1,16}", value) else "not stated"


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:140]
