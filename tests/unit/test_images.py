"""Reading picture files: what is refused and in which words, and what the accepted pixels are worth."""

import hashlib
import io
import os
import random
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nast_core.data.images import LoadedImage, read_image
from nast_core.errors import ImageError

RAMP = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photo() -> Image.Image:
    """24 x 16 px, RGB, with enough detail that a JPEG of it cannot be cut unnoticed."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand; ``rows`` holds each row's samples after a filter byte of 0."""
    header = struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def refusal(source: str | Path | bytes, **options: object) -> str:
    """The message of the ImageError, after checking that it is one clear sentence."""
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 300
    assert ": " in message  # what was wrong, then what to do
    return message


# What is refused


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "scan.png").write_bytes(b"")
    assert "scan.png is empty (0 bytes)" in refusal(tmp_path / "scan.png")
    assert "image is empty (0 bytes)" in refusal(b"")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.7\n1 0 obj", "a PDF document"),
        (b"\r\n\r\n%PDF-1.4", "a PDF document"),
        (b"PK\x03\x04" + bytes(40), "a ZIP archive"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "a HEIC"),
        (b"patient,finding\n1,none\n", "text"),
        ("BM ist der Anfang, für einen Text".encode(), "text"),
        (bytes(range(200, 256)), "of an unknown kind"),
    ],
)
def test_a_file_that_is_no_image_is_named_for_what_it_is(data, what):
    message = refusal(data, name="scan.png")
    assert message.startswith("scan.png is not an image but " + what)
    assert "PNG, JPEG" in message
    assert "DICOM" in message


def test_random_bytes_are_refused():
    for seed in range(30):
        refusal(random.Random(seed).randbytes(300))


def test_a_png_cut_anywhere_is_refused():
    data = saved(photo(), "PNG")
    for length in range(8, len(data) - 4):  # the last four bytes are the end mark's own checksum
        assert "truncated" in refusal(data[:length], name="scan.png")


def test_a_jpeg_cut_anywhere_is_refused():
    data = saved(photo(), "JPEG")
    for length in range(3, len(data)):
        assert "truncated" in refusal(data[:length], name="scan.jpg")


def test_a_png_with_a_wrong_checksum_is_refused():
    data = bytearray(saved(photo(), "PNG"))
    data[data.index(b"IDAT") + 40] ^= 1
    assert "damaged" in refusal(bytes(data))


def test_a_huge_image_is_refused_by_its_header_alone():
    message = refusal(png(30_000, 30_000, 8, 0, b""), name="big.png")
    assert "30000 x 30000 px (900 megapixels)" in message
    assert "limit of 64 megapixels" in message


def test_the_pixel_limit_is_the_callers_and_is_inclusive():
    data = saved(Image.new("L", (10, 10)), "PNG")
    assert read_image(data, max_pixels=100).pixels.size == (10, 10)
    assert "10 x 10 px" in refusal(data, max_pixels=99)


def test_an_image_over_pillows_own_limit_is_left_to_our_limit():
    message = refusal(png(20_000, 20_000, 8, 0, b""), max_pixels=10**9)  # within ours, so decoded: it is empty
    assert "truncated" in message


def test_too_many_bytes_are_refused_before_reading(tmp_path, monkeypatch):
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(300 * 2**20)  # a sparse file: takes no room
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("it was opened"))
    message = refusal(path)
    assert "300 MiB" in message
    assert "limit of 256 MiB" in message


def test_the_byte_limit_holds_for_bytes_too():
    data = saved(photo(), "PNG")
    assert read_image(data, max_bytes=len(data)).source == "png"
    assert "over the limit" in refusal(data, max_bytes=len(data) - 1)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused_with_their_number(kind):
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 100, 200)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    message = refusal(data, name="heart.img")
    assert "heart.img holds 3 frames" in message
    assert "one still image" in message


def test_what_is_not_a_readable_file_is_refused(tmp_path):
    assert "There is no file lost.png" in refusal(tmp_path / "lost.png")
    assert "There is no file lost.png" in refusal(str(tmp_path / "no" / "lost.png"))
    (tmp_path / "series1").mkdir()
    assert "series1 is a folder" in refusal(tmp_path / "series1")
    assert "cannot be read from disk" in refusal("bad\0name.png")
    assert "cannot be read from disk" in refusal("x" * 5000)
    os.mkfifo(tmp_path / "pipe.png")
    assert "pipe.png is a device or a pipe" in refusal(tmp_path / "pipe.png")


def test_a_file_without_read_permission_is_refused(tmp_path, monkeypatch):
    (tmp_path / "scan.png").write_bytes(b"x")

    def denied(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # chmod would not stop root, who may run the tests
    assert "scan.png may not be read by this account" in refusal(tmp_path / "scan.png")


# What is accepted


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_a_grey_image_comes_back_pixel_for_pixel(kind):
    loaded = read_image(saved(Image.fromarray(RAMP), kind))
    assert loaded.source == kind.lower()
    assert np.array_equal(np.asarray(loaded.pixels.convert("L")), RAMP)
    assert loaded.warnings == ()


def test_what_is_known_of_an_image_is_kept(tmp_path):
    data = saved(photo(), "PNG")
    (tmp_path / "scan.txt").write_bytes(data)  # the name's ending is not believed
    loaded = read_image(tmp_path / "scan.txt")
    assert isinstance(loaded, LoadedImage)
    assert (loaded.name, loaded.source, loaded.pixels.mode) == ("scan.txt", "png", "RGB")
    assert loaded.sha256 == hashlib.sha256(data).hexdigest() == read_image(data, name="other").sha256
    assert loaded.details["Original size"] == "24 x 16 px"
    assert loaded.details["Format"] == "PNG"
    assert np.array_equal(np.asarray(loaded.pixels), np.asarray(photo()))


def test_a_webp_and_a_jpeg_are_read():
    for kind, options in (("WEBP", {"lossless": True}), ("JPEG", {"quality": 95})):
        loaded = read_image(saved(Image.new("RGB", (16, 16), (10, 200, 30)), kind, **options))
        assert loaded.source == kind.lower()
        assert np.abs(np.asarray(loaded.pixels, int) - (10, 200, 30)).max() <= 3


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/home/me/scan.png", "scan.png"),
        (r"C:\scans\scan.png", "scan.png"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\n\u202ec.png", "abc.png"),
        ("..", "image"),
        ("", "image"),
        ("é" * 200 + ".png", "é" * 68 + "…" + "é" * 7 + ".png"),
    ],
)
def test_a_name_is_made_fit_to_show(given, shown):
    assert read_image(saved(photo(), "PNG"), name=given).name == shown
    assert len(shown) <= 80


def test_sixteen_bit_grey_is_scaled_by_its_own_percentiles():
    # 201 values, 1000 to 21000 in steps of 100: percentile q is 1000 + 200 q, so the window is 1100 to 20900.
    values = 1000 + 100 * np.arange(201)
    rows = b"\0" + values.astype(">u2").tobytes()
    loaded = read_image(png(201, 1, 16, 0, rows))
    expected = np.rint(np.clip((values - 1100) / 19800, 0, 1) * 255)
    assert loaded.pixels.mode == "L"
    assert np.array_equal(np.asarray(loaded.pixels)[0], expected)
    assert expected[:3].tolist() == [0, 0, 1]
    assert expected[100] == 128
    assert "window 1100 to 20900" in loaded.warnings[0]
    assert loaded.details["Bit depth"] == "16 bits"


def test_a_sixteen_bit_mask_with_few_marked_pixels_keeps_them():
    values = np.full((20, 20), 500, ">u2")
    values[3, 4] = 1500
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    pixels = np.asarray(read_image(png(20, 20, 16, 0, rows)).pixels)
    assert pixels[3, 4] == 255
    assert pixels.sum() == 255


def test_a_flat_sixteen_bit_image_is_black_not_an_error():
    pixels = read_image(png(2, 1, 16, 0, b"\0" + b"\x12\x34" * 2)).pixels
    assert np.asarray(pixels).tolist() == [[0, 0]]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_deep_tiffs_of_any_type_are_scaled(dtype):
    values = np.array([[0, 1000, 2000]], dtype)
    pixels = read_image(saved(Image.fromarray(values), "TIFF")).pixels
    assert np.asarray(pixels).tolist() == [[0, 128, 255]]


def test_a_sixteen_bit_tiff_where_zero_is_white_is_turned_round():
    values = np.array([[0, 1000, 2000]], np.uint16)
    data = saved(Image.fromarray(values), "TIFF")
    entry = struct.pack("<HHI", 262, 3, 1)  # PhotometricInterpretation, SHORT, one value
    assert data.count(entry + b"\1\0") == 1
    pixels = read_image(data.replace(entry + b"\1\0", entry + b"\0\0")).pixels
    assert np.asarray(pixels).tolist() == [[255, 128, 0]]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "almost one value"), (255, "almost one value"), (130, "almost one value"), (None, "black and white")],
)
def test_a_picture_that_shows_nothing_is_told_to_be_in_doubt(value, said):
    pixels = np.full((64, 64), 0 if value is None else value, np.uint8)
    pixels[::2] = 255 if value is None else value
    pixels[:3, :40] = 255  # a marker
    loaded = read_image(saved(Image.fromarray(pixels), "PNG"))
    assert said in loaded.doubts[0]
    assert loaded.doubts == loaded.warnings


def test_a_dark_picture_beside_a_marker_of_any_size_is_in_doubt_and_a_real_range_is_not():
    dark = np.random.default_rng(0).integers(0, 12, (64, 64), np.uint8)
    for side in (4, 20, 30):
        dark[:side, :side] = 255
        assert "almost one value" in read_image(saved(Image.fromarray(dark), "PNG")).doubts[0]
    assert read_image(saved(Image.fromarray(np.tile(RAMP, (8, 8))), "PNG")).doubts == ()


def test_sixteen_bit_colour_says_that_it_was_cut():
    loaded = read_image(png(1, 1, 16, 2, b"\0" + bytes.fromhex("12ff 80ff ffff")))
    assert loaded.pixels.getpixel((0, 0)) == (0x12, 0x80, 0xFF)
    assert "16 bits were cut" in loaded.warnings[0]


def test_transparency_is_put_over_black_and_said():
    image = Image.new("RGBA", (2, 1), (200, 100, 50, 255))
    assert read_image(saved(image, "PNG")).warnings == ()  # opaque everywhere: nothing to say
    image.putpixel((1, 0), (200, 100, 50, 51))  # 51 / 255 = one fifth
    loaded = read_image(saved(image, "PNG"))
    assert [loaded.pixels.getpixel((x, 0)) for x in (0, 1)] == [(200, 100, 50), (40, 20, 10)]
    assert "transparent" in loaded.warnings[0]


def test_grey_with_transparency_stays_grey():
    image = Image.new("LA", (2, 1), (200, 255))
    image.putpixel((1, 0), (200, 0))
    loaded = read_image(saved(image, "PNG"))
    assert loaded.pixels.mode == "L"
    assert np.asarray(loaded.pixels).tolist() == [[200, 0]]


def test_palettes_one_bit_and_a_still_gif_are_read():
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    for data in (saved(palette, "PNG"), saved(palette, "GIF")):
        loaded = read_image(data)
        assert [loaded.pixels.convert("RGB").getpixel((x, 0)) for x in (0, 1)] == [(255, 0, 0), (0, 0, 255)]
    see_through = read_image(saved(palette, "PNG", transparency=0))
    assert see_through.pixels.getpixel((0, 0)) == (0, 0, 0)
    assert "transparent" in see_through.warnings[0]
    one_bit = read_image(saved(Image.fromarray(RAMP > 100), "PNG")).pixels
    assert np.array_equal(np.asarray(one_bit), np.where(RAMP > 100, 255, 0))


def test_a_cmyk_jpeg_becomes_rgb_with_a_warning():
    loaded = read_image(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert loaded.pixels.mode == "RGB"
    assert "CMYK" in loaded.warnings[0]
    assert np.abs(np.asarray(loaded.pixels, int) - (255, 0, 0)).max() <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(kind):
    image = Image.new("L", (16, 32), 0)
    image.paste(255, (0, 0, 16, 16))  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view: what is above goes right
    loaded = read_image(saved(image, kind, exif=exif))
    assert loaded.pixels.size == (32, 16)
    assert loaded.pixels.getpixel((28, 8)) > 250
    assert loaded.pixels.getpixel((4, 8)) < 5


def test_a_damaged_exif_block_costs_a_warning_not_the_image():
    loaded = read_image(saved(photo(), "PNG", exif=b"Exif\0\0not a TIFF header"))
    assert loaded.pixels.size == (24, 16)
    assert len(loaded.warnings) == 1
    assert "EXIF" in loaded.warnings[0]


def test_texts_inside_a_file_do_not_travel_with_the_pixels():
    texts = PngInfo()
    texts.add_text("Patient", "DOE^JANE")
    loaded = read_image(saved(photo(), "PNG", pnginfo=texts))
    assert loaded.pixels.info == {}
    assert "DOE" not in repr(loaded)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_a_damaged_picture_is_an_image_or_an_image_error_and_nothing_else(kind, capfd):
    whole = saved(photo(), kind)
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.3:
            data = data[: chance.randrange(len(data))]
        try:
            loaded = read_image(bytes(data), max_pixels=10**6)
        except ImageError as error:
            assert re.fullmatch(r"[^\n]+\.", str(error))
        else:
            assert loaded.pixels.mode in ("L", "RGB")
    assert capfd.readouterr() == ("", "")
