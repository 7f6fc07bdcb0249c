"""One still DICOM image to 8-bit grey or RGB, as a viewer would first show it.

Greys go through the DICOM pipeline (``dicom_grey``). Overlays and shutters are ignored. What a header contradicts or
leaves out is told.

Only the elements in ``_TAGS`` are ever read, so nothing that identifies a patient can reach a result.
"""

import io
import re
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_fragments, get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels import apply_color_lut, get_decoder, pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from nast_core.data._pixels import Decoded, Notes, check_size, guarded, to_8bit
from nast_core.data.dicom_grey import grey
from nast_core.data.dicom_start import HEADER, dataset_at
from nast_core.errors import ImageError

RADIOGRAPH_MODALITIES = ("CR", "DX", "DR", "RG")  # DR is not in the standard, but is written

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PIP_LINE = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
_SIZE_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # JPEG SOF0 to SOF15, and JPEG-LS
_JPEGS = {0xC0: JPEGBaseline8Bit, 0xC1: JPEGExtended12Bit, 0xC3: JPEGLossless, 0xF7: JPEGLSLossless}
_OVERLAY = 0.05  # of the pixels: an overlay in the bits above; more, and the header is wrong
_TAGS = [
    "Modality",
    "PhotometricInterpretation",
    "PresentationLUTShape",
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
    notes = Notes()
    if data[128:HEADER] != b"DICM":
        notes.said.append("It lacks the prefix of a DICOM file, and was read as one.")
        data = bytes(128) + b"DICM" + data[dataset_at(data) or 0 :]
    syntax = _transfer_syntax(data, name, damaged, notes)
    with guarded(damaged):
        ds = dcmread(io.BytesIO(data), specific_tags=_TAGS)
        ds.file_meta.TransferSyntaxUID = syntax
        for element in list(ds):
            if element.is_empty:  # says no more than an absent one, and pydicom trips over it
                del ds[element.tag]
        columns, rows, frames = (int(ds.get(key) or 0) for key in ("Columns", "Rows", "NumberOfFrames"))
    _need_one_image(ds, name, frames)
    check_size(name, columns, rows, max_pixels)
    ds.PhotometricInterpretation = photometric = _photometric(ds, name)
    with guarded(_advice(syntax, damaged)):
        if syntax.is_compressed and syntax != RLELossless:
            stream = get_frame(ds.PixelData, 0, number_of_frames=1)
            end = _check_stream(stream, name, columns, rows)
            if end < len(stream):
                ds.PixelData = encapsulate([stream[:end] + b"\0" * (end % 2)])
        stored = _samples(ds, syntax, notes)  # (rows, columns) or (rows, columns, 3), YBR already made RGB
        if stored.ndim != (3 if photometric in _COLOUR else 2):
            raise ImageError(damaged)
        if photometric in _GREY:
            pixels = grey(ds, stored, notes)
        elif photometric == "PALETTE COLOR":
            entries = apply_color_lut(stored, ds)[..., :3]
            pixels = to_8bit(entries, 0, np.iinfo(entries.dtype).max)
        else:
            pixels = to_8bit(stored, 0, 2**ds.BitsStored - 1)
        image = Image.fromarray(pixels)

    modality = _code(ds, "Modality", RADIOGRAPH_MODALITIES)
    if modality not in RADIOGRAPH_MODALITIES:
        notes.said.append(
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
    return Decoded(image, notes, details)


def _need_one_image(ds: Dataset, name: str, frames: int) -> None:
    if "PixelData" not in ds:
        raise ImageError(
            f"{name} is a DICOM file without image pixels (a report, say, or a file cut short): "
            "choose the image object of the study, or export it again."
        )
    if frames > 1:
        raise ImageError(
            f"{name} holds {frames} frames and one still image is needed: export one frame as DICOM or PNG."
        )


def _photometric(ds: Dataset, name: str) -> str:
    """How values stand for brightness or colour; refuses what is not read here."""
    known = (*_GREY, *_COLOUR, "PALETTE COLOR")
    photometric = _code(ds, "PhotometricInterpretation", known)
    if photometric not in known:
        raise ImageError(
            f"{name} has the photometric interpretation {photometric}, which is not read here: "
            "export it as MONOCHROME2 or RGB, or as PNG."
        )
    return photometric


def _transfer_syntax(data: bytes, name: str, damaged: str, notes: Notes) -> UID:
    """How the file is encoded. Raises ImageError, naming it, when it cannot be decoded here."""
    with guarded(damaged):
        group_2 = read_dataset(
            io.BytesIO(data[HEADER:]), False, True, stop_when=lambda tag, _vr, _length: tag.group != 2
        )
        syntax = UID(str(group_2.get("TransferSyntaxUID") or ""))
        if not syntax and (syntax := _guessed(data)):
            notes.said.append(f"It names no transfer syntax, and was read as {syntax.name}.")
        label = _printable(f"{syntax.name} ({syntax})" if syntax.name != syntax else syntax)
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:
            decoder = None
    # A deflated file can unpack to a thousand times its size before any of it can be checked.
    if decoder is None or syntax == DeflatedExplicitVRLittleEndian:
        raise ImageError(
            f"{name} has the DICOM transfer syntax {label or '(none given)'}, which is not read here: "
            "export it uncompressed (Explicit VR Little Endian), or as PNG."
        )
    if not decoder.is_available:
        raise ImageError(
            f"{name} has the DICOM transfer syntax {label} and no decoder for it is installed: "
            f"run `{_PIP_LINE}`, or export it uncompressed."
        )
    return syntax


def _guessed(data: bytes) -> UID:
    """The encoding of a file that names none, from its elements, and of compressed pixels from their first bytes."""
    ds = dcmread(io.BytesIO(data), specific_tags=["PixelData"])  # tells byte order and representation for itself
    if "PixelData" in ds and ds["PixelData"].is_undefined_length:
        stream = next((part for part in generate_fragments(ds.PixelData) if len(part) > 4), b"")
        if stream[:2] != b"\xff\xd8":
            return JPEG2000 if b"\xff\x4f\xff\x51" in stream[:200] else RLELossless
        return _JPEGS.get(_frame_marker(stream)[0], UID(""))
    implicit, little = ds.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _samples(ds: Dataset, syntax: UID, notes: Notes) -> NDArray[np.integer]:
    """Stored values, (rows, columns) or (rows, columns, 3).
    Bits that lie higher than BitsStored says are brought down."""
    bits = int(ds.BitsStored)
    high = int(ds.get("HighBit", bits - 1))
    whole = bits == ds.BitsAllocated or ds.PixelRepresentation == 1
    if (high == bits - 1 and whole) or syntax.is_compressed or ds.PhotometricInterpretation not in _GREY:
        return pixel_array(ds)
    ds.BitsStored = ds.BitsAllocated  # else pydicom cuts off what lies above
    stored = pixel_array(ds)
    ds.BitsStored = bits
    shift = high + 1 - bits
    above = (stored >= 2**bits).mean()
    if shift > 0 and (above > _OVERLAY or not (stored & ((1 << shift) - 1)).any()):
        notes.doubt(f"Its header says that {bits} bits are stored up to bit {high}, and so they were read.")
        return stored >> shift
    if shift or above > _OVERLAY:
        notes.doubt(f"Its header says that {bits} bits are stored up to bit {high}; its values were taken as they are.")
    return stored if above > _OVERLAY or whole else stored & (2**bits - 1)


def _advice(syntax: UID, damaged: str) -> str:
    """What to say when pixels fail to decode: Pillow alone decodes only part of what DICOM may hold."""
    is_jpeg = syntax.is_compressed and syntax != RLELossless
    if is_jpeg and "pylibjpeg" not in get_decoder(syntax).available_plugins:
        return f"{damaged[:-1]}, or run `{_PIP_LINE}`, as its compression ({syntax.name}) may need it."
    return damaged


def _frame_marker(stream: bytes) -> tuple[int, tuple[int, int] | None, int]:
    """Of a JPEG: (marker that says its process, (columns, rows), where its picture ends, 0 where it does not)."""
    marker, size, at = 0, None, 2
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        if stream[at + 1] in _SIZE_MARKERS and size is None and at + 9 <= len(stream):
            height, width = struct.unpack_from(">2H", stream, at + 5)
            marker, size = stream[at + 1], (width, height)
        scan = stream[at + 1] == 0xDA  # no marker stands inside of a scan, so an end after it is the picture's
        at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
        if scan:
            return marker, size, stream.find(b"\xff\xd9", at) + 2 if b"\xff\xd9" in stream[at:] else 0
    return marker, size, 0


def _check_stream(stream: bytes, name: str, columns: int, rows: int) -> int:
    """Where the picture ends. Refuses what decoders would take: another size than the header says, a JPEG cut short."""
    size: tuple[int, int] | None = None
    end = len(stream)
    if stream[:2] == b"\xff\xd8":
        _, size, end = _frame_marker(stream)
        if not end and b"\xff\xd9" not in stream[-10:]:
            raise ImageError(f"{name} has truncated JPEG data, which would be decoded in part: export it again.")
    elif (siz := stream.find(b"\xff\x4f\xff\x51")) >= 0:  # JPEG 2000 SOC, SIZ
        x1, y1, x0, y0 = struct.unpack_from(">4I", stream, siz + 8)
        size = (x1 - x0, y1 - y0)
    if size is not None and size != (columns, rows):
        raise ImageError(
            f"{name} says {columns} x {rows} px in its header and {size[0]} x {size[1]} px in its compressed "
            "data: one of them is damaged, so export it again."
        )
    return end or len(stream)


def _code(ds: Dataset, keyword: str, known: Sequence[str] = ()) -> str:
    """A coded value such as MONOCHROME2, or "not stated"; free text put there by mistake is not repeated.

    One of ``known`` is known in lower case, too.
    """
    value = str(ds.get(keyword, "")).strip("\0 ")
    if value.upper() in known:
        return value.upper()
    return value if re.fullmatch(r"[A-Z0-9_ ]{1,16}", value) else "not stated"


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:140]
