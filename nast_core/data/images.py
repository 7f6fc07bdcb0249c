"""One image file, of any common kind, to the 8-bit pixels a model is given.

What a file is, is told from its bytes and never from its name. It is decoded in full or refused in one
sentence; whatever is changed on the way and may matter (depth, colour, transparency) is a warning.
"""

import codecs
import hashlib
import io
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from nast_core.data._pixels import Decoded, Notes, check_size, guarded, nothing_to_see, own_window, to_8bit
from nast_core.data.dicom_start import is_dicom
from nast_core.errors import ImageError

MAX_BYTES = 256 * 2**20  # a 16-bit radiograph is 20 to 40 MB; above this a file is hardly one image
MAX_PIXELS = 64_000_000  # the largest detectors give about 20 million

READING = 2  # grows whenever the pixels of some file come out otherwise: vectors kept of them are of the older ones

# The plug-ins themselves, not Image.open: its decompression-bomb check fires before a size can be told.
_PLUGINS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "gif": GifImagePlugin.GifImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (  # patterns on the first bytes
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff", "jpeg"),
    (rb"GIF8[79]a", "gif"),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", "bmp"),
    (rb"II[*+]\0|MM\0[*+]", "tiff"),
    (rb"RIFF.{4}WEBP", "webp"),
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (rb".{0,1019}%PDF-", "a PDF document"),
    (rb"PK\x03\x04", "a ZIP archive or an office document"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb".{4}ftyp", "a HEIC or AVIF photo, or a video"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a bare JPEG 2000 file"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedImage:
    """One still image, ready for a model's own preprocessing."""

    pixels: Image.Image  # mode "L" or "RGB", 8 bit, upright, decoded in full
    name: str  # base name for display: printable, at most 80 characters
    sha256: str  # of the source bytes, in hex: the image's identity
    warnings: tuple[str, ...]  # one sentence for each conversion that may matter
    doubts: tuple[str, ...]  # those of them after which the picture may show nothing, or not what was meant
    source: str  # "png", "jpeg", "gif", "bmp", "tiff", "webp" or "dicom"
    details: dict[str, str]  # what the file says about itself; never who the patient is


def read_image(
    source: str | Path | bytes,
    *,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
) -> LoadedImage:
    """Read one still image: PNG, JPEG, GIF, BMP, TIFF, WebP or DICOM.

    Args:
        source: a path, or the bytes of the file.
        name: what to call it; by default the path's base name, or "image" for bytes.
        max_bytes: largest file, checked before it is read.
        max_pixels: largest width x height, checked before it is decoded.
    Returns:
        8-bit grey or RGB pixels. Greys of more than 8 bits are windowed (``own_window``; for DICOM the file's own
        window, where it shows something), transparency is put over black, and EXIF orientation is applied.
    Raises:
        ImageError: the file cannot be read, is no image, is damaged, too large, or holds several frames.
    """
    label = _display_name(name or ("" if isinstance(source, bytes) else str(source)))
    data = source if isinstance(source, bytes) else read_bytes(Path(source), max_bytes=max_bytes, name=label)
    _check_bytes(len(data), label, max_bytes)
    kind = _kind(data, label)
    if kind == "dicom":
        from nast_core.data.dicom import decode_dicom  # pydicom comes along

        decoded = decode_dicom(data, label, max_pixels)
    else:
        decoded = _decode_picture(data, kind, label, max_pixels)
    if fault := nothing_to_see(np.asarray(decoded.pixels.convert("L"))):
        decoded.notes.doubt(f"It shows {fault}, so nothing can be told from it.")
    return LoadedImage(
        pixels=decoded.pixels,
        name=label,
        sha256=hashlib.sha256(data).hexdigest(),
        warnings=tuple(decoded.notes.said),
        doubts=tuple(decoded.notes.doubts),
        source=kind,
        details=decoded.details,
    )


def _display_name(name: str) -> str:
    base = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    base = "".join(letter for letter in base if letter.isprintable()).strip()
    if len(base) > 80:
        base = f"{base[:68]}…{base[-11:]}"  # keeps the ending, by which people know a file
    return base if base.strip(".") else "image"


def read_bytes(path: Path, *, max_bytes: int = MAX_BYTES, name: str | None = None) -> bytes:
    """An image file as it is, for ``read_image``. Raises ImageError for one that is not there or too large."""
    name = name or _display_name(str(path))
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise ImageError(f"{name} is a folder, and an image file is needed: choose one file inside it.")
        if not stat.S_ISREG(about.st_mode):
            raise ImageError(f"{name} is a device or a pipe, and an image file is needed: save it to disk first.")
        _check_bytes(about.st_size, name, max_bytes)
        with path.open("rb") as file:
            return file.read(max_bytes + 1)  # one more than allowed: the file may have grown since
    except FileNotFoundError:
        raise ImageError(f"There is no file {name} at the given path: check the spelling and the folder.") from None
    except PermissionError:
        raise ImageError(f"{name} may not be read by this account: change its permissions, or copy it.") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise ImageError(f"{name} cannot be read from disk: check the path, or copy the file elsewhere.") from error


def _check_bytes(size: int, name: str, max_bytes: int) -> None:
    if size == 0:
        raise ImageError(f"{name} is empty (0 bytes): its copy or upload did not finish, so load it again.")
    if size > max_bytes:
        raise ImageError(
            f"{name} is {size / 2**20:.4g} MiB, over the limit of {max_bytes / 2**20:.4g} MiB: "
            "make it smaller and load it again."
        )


def _kind(data: bytes, name: str) -> str:
    """The kind of image these bytes are. Raises ImageError, saying what they are instead."""
    if is_dicom(data):
        return "dicom"
    for pattern, kind in _BEGINNINGS:
        if re.match(pattern, data, re.DOTALL):
            return kind
    content = next((what for pattern, what in _OTHERS if re.match(pattern, data, re.DOTALL)), None)
    if content is None:
        content = "text" if _is_text(data[:512]) else "of an unknown kind"
    raise ImageError(
        f"{name} is not an image but {content}, whatever its name ends in: "
        "give a PNG, JPEG, GIF, BMP, TIFF, WebP or DICOM file."
    )


def _is_text(data: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _decode_picture(data: bytes, kind: str, name: str, max_pixels: int) -> Decoded:
    """Decode any kind in ``_PLUGINS``; the other arguments are those of ``decode_dicom``."""
    damaged = f"{name} cannot be decoded: this {kind.upper()} is damaged, truncated or unusual, so export it again."
    notes = Notes()
    with guarded(damaged):
        picture = _PLUGINS[kind](io.BytesIO(data))
        check_size(name, *picture.size, max_pixels)
        frames = getattr(picture, "n_frames", 1)
        if frames > 1:
            raise ImageError(f"{name} holds {frames} frames and one still image is needed: export one frame as PNG.")
        if kind == "png":
            _PLUGINS["png"](io.BytesIO(data)).verify()  # load() does not look at the checksums
        picture.load()
        bits, white_is_zero = _stored_as(picture, data)
    details = {
        "Format": kind.upper(),
        "Original size": f"{picture.width} x {picture.height} px",
        "Bit depth": f"{bits} bits",
        "Colour mode": picture.mode,
    }
    if bits > 8 and picture.mode[0] not in "IF":
        notes.said.append(f"Its channels of {bits} bits were cut to their upper 8 bits.")
    image: Image.Image = picture
    try:
        with guarded("Its EXIF block is damaged, so it may lie on its side."):
            image = ImageOps.exif_transpose(picture)
    except ImageError as error:
        notes.said.append(str(error))
    with guarded(f"{name} has the colour mode {image.mode}, which is not read here: save it as an RGB or grey PNG."):
        image = _window_grey(image, white_is_zero, notes) if image.mode[0] in "IF" else _flatten(image, notes)
    image.info = {}  # text chunks and EXIF may name the patient
    return Decoded(image, notes, details)


def _stored_as(picture: ImageFile.ImageFile, data: bytes) -> tuple[int, bool]:
    """Bits per channel, and whether 0 is white: what Pillow's mode does not always tell."""
    if isinstance(picture, PngImagePlugin.PngImageFile):
        return data[24], False  # in IHDR, always the first chunk
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return int(picture.tag_v2.get(258, (1,))[0]), picture.tag_v2.get(262) == 0
    return 8, False


def _window_grey(image: Image.Image, white_is_zero: bool, notes: Notes) -> Image.Image:
    """Grey of more than 8 bits (modes I, I;16, F) to mode L, through a window of its own percentiles."""
    values = np.asarray(image)
    low, high, (least, most) = own_window(values)
    notes.said.append(
        f"Its grey of more than 8 bits was scaled to 8 bits with the window {low:g} to {high:g} (percentiles "
        f"{least:g} to {most:g}); what lies outside is black or white."
    )
    if white_is_zero:  # Pillow inverts these at 8 bits, and not at 16
        low, high = high, low
    return Image.fromarray(to_8bit(values, low, high))


def _flatten(image: Image.Image, notes: Notes) -> Image.Image:
    """8-bit modes to L or RGB; transparency is put over black, as the background of a radiograph is."""
    mode = "L" if image.mode in ("1", "L", "LA") else "RGB"
    if not image.has_transparency_data:
        if image.mode == "CMYK":
            notes.said.append("Its CMYK colours were converted to RGB, so shades may differ from print.")
        return image.convert(mode)
    full = image.convert("RGBA")
    alpha = full.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return full.convert(mode)
    notes.said.append("It has transparent pixels, which were put over black.")
    flat = Image.new(mode, image.size, 0)
    flat.paste(full.convert(mode), mask=alpha)
    return flat
