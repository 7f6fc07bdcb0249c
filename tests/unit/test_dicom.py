"""Reading DICOM: greys worked out by the standard's formulas, and refusals in one sentence."""

import io
import logging
import random
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders import JPEGBaseline8BitDecoder, JPEGLosslessSV1Decoder
from pydicom.uid import (
    MPEG4HP41,
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)
from pydicom.valuerep import VR

from nast_core.data.dicom_start import REPRESENTATIONS
from nast_core.data.images import LoadedImage, read_image
from nast_core.errors import ImageError

DETAIL = np.random.default_rng(0).integers(0, 4096, (32, 48))  # 12 bit


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def dataset(pixels: ArrayLike, *, bits: int = 12, signed: bool = False, **elements: object) -> Dataset:
    """A DX image of ``pixels``, (rows, columns) or (rows, columns, 3), with the given elements set."""
    stored = np.asarray(pixels, f"<{'i' if signed else 'u'}{1 if bits <= 8 else 2}")
    ds = Dataset()
    ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "DOE^JANE", "MRN-4711", "19700101"
    ds.InstitutionName = "Saint Nowhere"
    ds.Modality = "DX"
    ds.Rows, ds.Columns = stored.shape[:2]
    ds.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    ds.PhotometricInterpretation = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    if stored.ndim == 3:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8 * stored.itemsize, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.PixelData = stored.tobytes() + b"\0" * (stored.nbytes % 2)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def written(ds: Dataset, syntax: UID | str | None = ExplicitVRLittleEndian) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    if syntax is not None:
        ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.preamble = bytes(128)
    buffer = io.BytesIO()
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    ds.save_as(buffer, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


def compressed(ds: Dataset, syntax: UID) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.compress(syntax, generate_instance_uid=False)
    return written(ds, syntax)


def jpeg_in_dicom(image: Image.Image, **elements: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    data = stream.getvalue()
    ds = dataset(np.asarray(image), bits=8, **elements)
    ds.PixelData = encapsulate([data + b"\0" * (len(data) % 2)])
    return written(ds, JPEGBaseline8Bit)


def no_jpeg() -> bytes:
    """A JPEG stream with a beginning and an end, and nothing between them that decodes."""
    ds = dataset(DETAIL)
    ds.PixelData = encapsulate([b"\xff\xd8" + bytes(20) + b"\xff\xd9"])
    return written(ds, JPEGBaseline8Bit)


def grey(pixels: ArrayLike, **elements: object) -> list[list[int]]:
    return np.asarray(read_image(written(dataset(pixels, **elements))).pixels, int).tolist()


def refusal(data: bytes, **options: object) -> str:
    """The message of the ImageError, after checking that it is one sentence with advice in it."""
    with pytest.raises(ImageError) as caught:
        read_image(data, name="chest.dcm", **options)
    message = str(caught.value)
    assert message.startswith("chest.dcm ")
    assert message.endswith(".")
    assert "\n" not in message
    assert ": " in message or ", so " in message
    assert not re.search("DOE|JANE|4711|1970|Nowhere", message)
    return message


# Greys


def test_monochrome1_with_a_window_follows_the_formula_and_is_inverted():
    stored = [[0, 1500], [2000, 4095]]
    # PS3.3 C.11.2.1.2.1: y = ((x - (c - 0.5)) / (w - 1) + 0.5) * 255, clipped; then 255 - y.
    assert pytest.approx(63.81, abs=0.01) == ((1500 - 1999.5) / 2000 + 0.5) * 255
    assert pytest.approx(127.56, abs=0.01) == ((2000 - 1999.5) / 2000 + 0.5) * 255
    one = grey(stored, WindowCenter=2000, WindowWidth=2001, PhotometricInterpretation="MONOCHROME1")
    assert one == [[255, 255 - 64], [255 - 128, 0]]
    two = grey(stored, WindowCenter=2000, WindowWidth=2001, PhotometricInterpretation="MONOCHROME2")
    assert two == [[0, 64], [128, 255]]


def test_a_window_alone_needs_no_warning():
    assert read_image(written(dataset(DETAIL, WindowCenter=2048, WindowWidth=4096))).warnings == ()


def test_the_first_of_several_windows_is_used():
    stored = [[0, 1500], [2000, 4095]]
    several = grey(stored, WindowCenter=[2000, 40], WindowWidth=[2001, 400])
    assert several == grey(stored, WindowCenter=2000, WindowWidth=2001)


def test_linear_exact_and_sigmoid_windows_follow_their_formulas():
    stored = [[0, 1000], [2000, 4000]]
    window = {"WindowCenter": 2000, "WindowWidth": 4000}
    exact = [[round(((x - 2000) / 4000 + 0.5) * 255) for x in row] for row in stored]
    assert grey(stored, VOILUTFunction="LINEAR_EXACT", **window) == exact == [[0, 64], [128, 255]]
    sigmoid = [[round(255 / (1 + np.exp(-4 * (x - 2000) / 4000))) for x in row] for row in stored]
    assert grey(stored, VOILUTFunction="SIGMOID", **window) == sigmoid == [[30, 69], [128, 225]]


def test_signed_values_and_rescale_are_applied_before_the_window():
    # x = 2 * stored - 100, so -450, 50 and 550 -> -1000, 0, 1000; with c = 0.5 and w = 2001 the window
    # is -1000 to 1000 and the greys are 0, 127.5 and 255.
    elements = {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": 0.5, "WindowWidth": 2001}
    assert grey([[-450, 50, 550]], signed=True, **elements) == [[0, 128, 255]]


def test_a_falling_rescale_turns_the_greys_round_once():
    # x = 1000 - stored = 1000, 750, 0 and the window is 0 to 1000: 255, 191.25 and 0.
    elements = {"RescaleSlope": -1, "RescaleIntercept": 1000, "WindowCenter": 500.5, "WindowWidth": 1001}
    assert grey([[0, 250, 1000]], **elements) == [[255, 191, 0]]


def test_sixteen_bit_values_are_not_clipped():
    assert grey([[0, 32768, 65535]], bits=16, WindowCenter=32768, WindowWidth=65536) == [[0, 128, 255]]


def test_without_a_window_grey_runs_from_least_to_greatest_and_says_so():
    loaded = read_image(written(dataset([[100, 200, 300]])))
    assert np.asarray(loaded.pixels).tolist() == [[0, 128, 255]]
    assert "least value, 100, to greatest, 300" in loaded.warnings[0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_padding_is_left_out_of_the_range_and_shown_black(syntax):
    ds = dataset([[4095, 100, 200, 300]], PixelPaddingValue=4095, PhotometricInterpretation="MONOCHROME1")
    if syntax == ExplicitVRBigEndian:
        ds["PixelData"].VR = "OW"
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    pixels = np.asarray(read_image(written(ds, syntax)).pixels)
    assert pixels.tolist() == [[0, 255, 127, 0]]


def test_a_range_of_signed_padding_is_left_out():
    elements = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1500}
    assert grey([[-2000, -1600, 0, 100]], signed=True, **elements) == [[0, 0, 0, 255]]


def test_an_image_of_padding_alone_is_black():
    assert grey([[7, 7]], PixelPaddingValue=7) == [[0, 0]]


@pytest.mark.parametrize(("depth", "scale"), [(8, 1), (12, 16), (16, 257)])
def test_a_voi_lut_of_any_depth_is_looked_up(depth, scale):
    # Entries rise by one 8-bit grey for every 16 stored values, from the first mapped value 100 on.
    item = Dataset()
    item.LUTDescriptor = [4096, 100, depth]
    item.add_new("LUTData", "US", [(i // 16) * scale for i in range(4096)])
    shown = grey([[0, 100, 100 + 300, 100 + 3000]], VOILUTSequence=[item], WindowCenter=1, WindowWidth=2)
    top = 2**depth - 1
    assert shown == [[round(entry * scale / top * 255) for entry in (0, 0, 18, 187)]]


@pytest.mark.parametrize(("depth", "unit"), [(8, np.uint8(1)), (16, np.uint16(257))])
def test_a_voi_lut_written_as_bytes_is_looked_up(depth, unit):
    item = Dataset()
    item.LUTDescriptor = [4, 0, depth]
    item.add_new("LUTData", "OW", (np.array([0, 50, 100, 200], unit.dtype) * unit).tobytes())
    assert grey([[0, 1, 2, 3, 9]], VOILUTSequence=[item]) == [[0, 50, 100, 200, 200]]


def test_a_modality_lut_comes_before_the_window():
    item = Dataset()
    item.LUTDescriptor = [4, 0, 16]
    item.add_new("LUTData", "US", [0, 10, 500, 1000])
    item.ModalityLUTType = "US"
    assert grey([[0, 1, 2, 3]], ModalityLUTSequence=[item], WindowCenter=500.5, WindowWidth=1001) == [[0, 3, 128, 255]]


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 100, "WindowWidth": 0},
        {"WindowCenter": 100, "WindowWidth": 10, "VOILUTFunction": "CURVE"},
        {"VOILUTSequence": [Dataset()]},
    ],
)
def test_an_unusable_window_is_replaced_and_said(elements):
    loaded = read_image(written(dataset([[100, 200, 300]], **elements)))
    assert np.asarray(loaded.pixels).tolist() == [[0, 128, 255]]
    assert "window is not usable" in loaded.warnings[0]
    assert "least value" in loaded.warnings[1]


def test_empty_elements_count_as_absent():
    empty = dict.fromkeys(("WindowCenter", "WindowWidth", "RescaleSlope", "PixelPaddingValue", "NumberOfFrames"))
    assert grey([[100, 200, 300]], **empty) == [[0, 128, 255]]


# Colour


def test_rgb_comes_back_pixel_for_pixel_in_either_plane_order():
    colours = np.random.default_rng(1).integers(0, 256, (4, 6, 3))
    loaded = read_image(written(dataset(colours, bits=8)))
    assert loaded.pixels.mode == "RGB"
    assert np.array_equal(np.asarray(loaded.pixels), colours)
    planes = dataset(colours, bits=8, PlanarConfiguration=1)
    planes.PixelData = colours.astype(np.uint8).transpose(2, 0, 1).tobytes()
    assert np.array_equal(np.asarray(read_image(written(planes)).pixels), colours)


def test_ybr_becomes_rgb():
    # ITU-R BT.601, full range: pure red is Y 76, Cb 85, Cr 255.
    loaded = read_image(written(dataset([[[76, 85, 255]]], bits=8, PhotometricInterpretation="YBR_FULL")))
    assert np.abs(np.asarray(loaded.pixels, int) - (255, 0, 0)).max() <= 2


def test_a_palette_is_looked_up():
    ds = dataset([[0, 1, 2]], bits=8, PhotometricInterpretation="PALETTE COLOR")
    for colour, entries in (("Red", [0, 255, 10]), ("Green", [0, 128, 20]), ("Blue", [0, 0, 30])):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [3, 0, 16])
        data = np.array(entries, "<u2") * 257
        setattr(ds, f"{colour}PaletteColorLookupTableData", data.tobytes())
    assert np.asarray(read_image(written(ds)).pixels).tolist() == [[[0, 0, 0], [255, 128, 0], [10, 20, 30]]]


# Compression


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compression_changes_nothing(syntax):
    plain = read_image(written(dataset(DETAIL)))
    packed = read_image(compressed(dataset(DETAIL), syntax))
    assert np.array_equal(np.asarray(plain.pixels), np.asarray(packed.pixels))
    assert packed.details["Transfer syntax"] == syntax.name
    assert packed.sha256 != plain.sha256


def test_jpeg_in_dicom_is_read_in_grey_and_in_colour():
    image = Image.new("L", (16, 16), 80)
    image.paste(180, (8, 0, 16, 16))
    pixels = np.asarray(read_image(jpeg_in_dicom(image, WindowCenter=128, WindowWidth=256)).pixels, int)
    assert np.abs(pixels - np.asarray(image, int)).max() <= 3
    red = Image.new("RGB", (16, 16), (250, 10, 10))
    pixels = np.asarray(read_image(jpeg_in_dicom(red, PhotometricInterpretation="YBR_FULL_422")).pixels, int)
    assert np.abs(pixels - (250, 10, 10)).max() <= 4


@pytest.mark.parametrize(
    ("syntax", "words"),
    [("1.2.3.4.5", "1.2.3.4.5"), (MPEG4HP41, "MPEG-4"), (DeflatedExplicitVRLittleEndian, "Deflated")],
)
def test_an_encoding_that_is_not_read_is_named(syntax, words):
    ds = dataset(DETAIL)
    ds.PixelData = encapsulate([b"film"])
    message = refusal(written(ds, syntax))
    assert words in message
    assert "transfer syntax" in message
    assert "uncompressed" in message


def test_a_missing_decoder_is_named_with_the_line_that_installs_it(monkeypatch):
    ds = dataset(DETAIL)
    ds.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
    data = written(ds, JPEGLosslessSV1)
    monkeypatch.setattr(JPEGLosslessSV1Decoder, "_available", {})
    message = refusal(data)
    assert "JPEG Lossless" in message
    assert str(JPEGLosslessSV1) in message
    assert "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg" in message


def test_a_stream_pillow_alone_cannot_decode_mentions_the_plugin(monkeypatch):
    data = no_jpeg()
    assert "pip install" not in refusal(data)
    monkeypatch.delitem(JPEGBaseline8BitDecoder._available, "pylibjpeg")
    assert "pip install pylibjpeg" in refusal(data)


# Refusals


def test_several_frames_are_refused_with_their_number():
    ds = dataset(DETAIL, NumberOfFrames=4)
    ds.PixelData = ds.PixelData * 4
    message = refusal(written(ds))
    assert "holds 4 frames" in message
    assert "one still image" in message


def test_a_dicom_without_pixels_is_refused():
    ds = dataset(DETAIL)
    del ds.PixelData
    assert "without image pixels" in refusal(written(ds))


def test_too_many_pixels_are_refused_before_decoding():
    message = refusal(written(dataset([[0]], Rows=30_000, Columns=30_000)))
    assert "30000 x 30000 px (900 megapixels)" in message
    assert "limit of 64 megapixels" in message
    assert "48 x 32 px" in refusal(written(dataset(DETAIL)), max_pixels=48 * 32 - 1)


def test_a_header_without_a_size_is_refused():
    assert "0 x 32 px" in refusal(written(dataset(DETAIL, Columns=0)))


def test_a_stream_larger_than_its_header_is_refused_before_decoding():
    assert "16 x 8 px in its header and 16 x 16 px" in refusal(jpeg_in_dicom(Image.new("L", (16, 16)), Rows=8))
    packed = dataset(DETAIL)
    compressed(packed, JPEG2000Lossless)
    packed.Rows = 8
    assert "48 x 8 px in its header and 48 x 32 px" in refusal(written(packed, JPEG2000Lossless))


def test_a_photometric_interpretation_not_known_is_named():
    assert "CMYK" in refusal(written(dataset(np.zeros((2, 2, 3)), bits=8, PhotometricInterpretation="CMYK")))
    assert "not stated" in refusal(written(dataset(DETAIL, PhotometricInterpretation=None)))


def test_grey_that_holds_three_samples_is_refused():
    data = written(dataset(np.zeros((2, 2, 3)), bits=8, PhotometricInterpretation="MONOCHROME2"))
    assert "damaged" in refusal(data)


@pytest.mark.parametrize("pack", ["plain", "rle", "jpeg", "jpeg2000"])
def test_a_dicom_cut_anywhere_is_refused(pack, capfd):
    data = {
        "plain": lambda: written(dataset(DETAIL)),
        "rle": lambda: compressed(dataset(DETAIL), RLELossless),
        "jpeg": lambda: jpeg_in_dicom(Image.fromarray((DETAIL // 16).astype(np.uint8))),
        "jpeg2000": lambda: compressed(dataset(DETAIL), JPEG2000Lossless),
    }[pack]()
    for length in range(132, len(data) - 4, 7):  # the last four bytes only say that nothing follows
        refusal(data[:length])
    assert "truncated" in refusal(data[:-20]) or "cut short" in refusal(data[:-20])
    assert capfd.readouterr() == ("", "")


def test_a_jpeg_stream_cut_inside_a_whole_file_is_refused():
    stream = io.BytesIO()
    Image.fromarray((DETAIL // 16).astype(np.uint8)).save(stream, "JPEG")
    for missing in (2, 100, 500):
        ds = dataset(DETAIL, bits=8)
        ds.PixelData = encapsulate([stream.getvalue()[:-missing]])
        assert "truncated" in refusal(written(ds, JPEGBaseline8Bit))


# What is told, and what is not


@pytest.mark.parametrize("modality", ["CR", "DX", "DR", "RG"])
def test_radiograph_modalities_pass_without_a_word(modality):
    loaded = read_image(written(dataset(DETAIL, Modality=modality, WindowCenter=2048, WindowWidth=4096)))
    assert loaded.warnings == ()
    assert loaded.details["Modality"] == modality


@pytest.mark.parametrize(
    ("modality", "shown"), [("CT", "CT"), ("RF", "RF"), (None, "not stated"), ("Jane Doe!", "not stated")]
)
def test_any_other_modality_is_accepted_with_a_warning_that_names_it(modality, shown):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = written(dataset(DETAIL, Modality=modality, WindowCenter=2048, WindowWidth=4096))
    loaded = read_image(data)
    assert f"modality is {shown}" in loaded.warnings[0]
    assert loaded.details["Modality"] == shown


def test_nothing_about_the_patient_comes_out():
    loaded = read_image(written(dataset(DETAIL)))
    assert loaded.source == "dicom"
    assert loaded.name == "image"
    assert not re.search("DOE|JANE|4711|1970|Nowhere", repr(loaded))
    assert loaded.pixels.info == {}
    assert loaded.details == {
        "Format": "DICOM",
        "Original size": "48 x 32 px",
        "Bit depth": "12 of 16 bits",
        "Modality": "DX",
        "PhotometricInterpretation": "MONOCHROME2",
        "Transfer syntax": "Explicit VR Little Endian",
    }


def test_pydicom_logs_nothing_while_we_read_and_logs_again_afterwards(caplog):
    with caplog.at_level(logging.DEBUG):
        refusal(no_jpeg())
        assert caplog.records == []
        logging.getLogger("pydicom").warning("heard")
        assert [record.message for record in caplog.records] == ["heard"]


@pytest.mark.parametrize("pack", ["plain", "rle", "jpeg2000"])
def test_a_damaged_dicom_is_an_image_or_an_image_error_and_nothing_else(pack, capfd):
    ds = dataset(DETAIL, WindowCenter=[2048, 40], WindowWidth=[4096, 400], PixelPaddingValue=0, RescaleSlope=1)
    ds.RescaleIntercept = 0
    whole = {
        "plain": lambda: written(ds),
        "rle": lambda: compressed(ds, RLELossless),
        "jpeg2000": lambda: compressed(ds, JPEG2000Lossless),
    }[pack]()
    header = whole.index(b"\xe0\x7f\x10\x00")  # Pixel Data: damage is mostly wanted before it
    for seed in range(150):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(132, header + 12) if chance.random() < 0.8 else chance.randrange(len(data))
            data[at] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data))]
        try:
            loaded = read_image(bytes(data), max_pixels=10**6)
        except ImageError as error:
            assert re.fullmatch(r"[^\n]+\.", str(error))
        else:
            assert isinstance(loaded, LoadedImage)
            assert loaded.pixels.mode in ("L", "RGB")
    assert capfd.readouterr() == ("", "")


# What a header says of a picture in which nothing could be seen


def chest() -> np.ndarray:
    """256 x 256 of 12 bits, dark at the rim, with bright and dark parts, none of a single value."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    body = np.where(x**2 + y**2 < 0.9, 2200 - 900 * (np.abs(np.abs(x) - 0.4) < 0.2), 60)
    return (
        (body + 1300 * (np.abs(x) < 0.06) + np.random.default_rng(0).normal(0, 30, body.shape))
        .clip(0, 4095)
        .astype(int)
    )


WINDOW = {"WindowCenter": 2000, "WindowWidth": 4000}


def alike(loaded: LoadedImage, other: LoadedImage) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(*(np.asarray(one.pixels, float).ravel() for one in (loaded, other)))[0, 1])


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"WindowCenter": 20000, "WindowWidth": 100}, "Its display window would show almost one value and was not "
            "used."),
        ({"WindowCenter": -500, "WindowWidth": 100}, "almost one value"),
        ({"WindowCenter": 2000, "WindowWidth": 10**7}, "almost one value"),
        ({"WindowCenter": 1000, "WindowWidth": 1}, "almost only black and white"),
        (WINDOW | {"RescaleSlope": 0, "RescaleIntercept": 5}, "rescale slope 0 and intercept 5 are not usable"),
        ({"WindowCenter": [90000, 2000], "WindowWidth": [10, 4000]}, "Display window 1 of 2 would show almost one "
            "value"),
        (WINDOW | {"HighBit": 15}, "12 bits are stored up to bit 15; its values were taken as they are"),
        (WINDOW | {"HighBit": 7}, "12 bits are stored up to bit 7; its values were taken as they are"),
        (WINDOW | {"BitsStored": 8, "HighBit": 7}, "8 bits are stored up to bit 7; its values were taken as they are"),
    ],
)  # fmt: skip
def test_a_header_that_would_hide_the_picture_is_told_and_the_picture_shown(elements, said):
    right = read_image(written(dataset(chest(), **WINDOW)))
    loaded = read_image(written(dataset(chest(), **elements)))
    assert right.doubts == ()
    assert any(said in doubt for doubt in loaded.doubts)
    assert set(loaded.doubts) <= set(loaded.warnings)
    assert alike(loaded, right) > 0.98


def test_bits_that_lie_higher_than_stored_ones_are_brought_down():
    high = dataset(chest() << 4, bits=16, **WINDOW)
    high.BitsStored = 12
    loaded = read_image(written(high))
    assert np.array_equal(np.asarray(loaded.pixels), np.asarray(read_image(written(dataset(chest(), **WINDOW))).pixels))
    assert "12 bits are stored up to bit 15, and so they were read" in loaded.doubts[0]


def test_an_overlay_in_the_bits_above_is_left_out():
    pixels = chest()
    pixels[5:20, 5:20] |= 1 << 13
    loaded = read_image(written(dataset(pixels, **WINDOW)))
    assert np.array_equal(np.asarray(loaded.pixels), np.asarray(read_image(written(dataset(chest(), **WINDOW))).pixels))


@pytest.mark.parametrize("side", [3, 12, 20, 40, 60])
def test_a_burned_in_marker_does_not_flatten_the_rest_in_dicom_and_png_alike(side):
    marked = chest().astype(np.uint16)
    marked[5 : 5 + side, 5 : 5 + side] = 65535
    png = io.BytesIO()
    Image.fromarray(marked).save(png, "PNG")
    in_dicom, in_png = read_image(written(dataset(marked, bits=16))), read_image(png.getvalue())
    assert np.array_equal(np.asarray(in_dicom.pixels), np.asarray(in_png.pixels))
    assert np.asarray(in_png.pixels)[100:150, 60:].std() > 40
    assert in_png.doubts == in_dicom.doubts == ()


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "doubted"),
    [
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "INVERSE", True, True),
        ("MONOCHROME1", "IDENTITY", True, True),
        ("MONOCHROME1", None, True, False),
    ],
)
def test_a_presentation_lut_shape_inverts_once_and_a_contradiction_is_told(photometric, shape, inverted, doubted):
    right = read_image(written(dataset(chest(), **WINDOW)))
    elements = WINDOW | {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    loaded = read_image(written(dataset(chest(), **elements)))
    assert alike(loaded, right) == pytest.approx(-1 if inverted else 1)
    assert bool(loaded.doubts) is doubted


@pytest.mark.parametrize("photometric", ["monochrome2", "Monochrome2 "])
def test_codes_are_known_in_lower_case(photometric):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = written(dataset(chest(), PhotometricInterpretation=photometric, Modality="dx", **WINDOW))
    assert read_image(data).warnings == ()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_the_prefix_or_without_its_encoding_is_read_and_told(syntax):
    ds = dataset(DETAIL, **WINDOW)
    if syntax == ExplicitVRBigEndian:
        ds["PixelData"].VR = "OW"
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    data = written(ds, syntax)
    whole = np.asarray(read_image(data).pixels)
    first = data.index(b"\0\x08\0\x16" if syntax == ExplicitVRBigEndian else b"\x08\0\x16\0")
    for bare in (data[132:], data[128:], bytes(128) + data[132:], data[first:]):
        loaded = read_image(bare)
        assert np.array_equal(np.asarray(loaded.pixels), whole)
        assert "lacks the prefix" in loaded.warnings[0]
    assert f"was read as {syntax.name}" in loaded.warnings[1]
    with pytest.raises(ImageError, match="not an image but"):
        read_image(data[132:200])


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000", "rle"])
def test_compressed_pixels_of_a_file_that_names_no_encoding_are_known_by_their_bytes(kind):
    data = {
        "jpeg": lambda: jpeg_in_dicom(Image.fromarray((DETAIL // 16).astype(np.uint8))),
        "jpeg2000": lambda: compressed(dataset(DETAIL), JPEG2000Lossless),
        "rle": lambda: compressed(dataset(DETAIL), RLELossless),
    }[kind]()
    at = data.index(b"\x02\x00\x10\x00UI")
    size = 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    loaded = read_image(data[:at] + data[at + size :])
    assert np.array_equal(np.asarray(loaded.pixels), np.asarray(read_image(data).pixels))
    assert "names no transfer syntax" in loaded.warnings[0]


@pytest.mark.parametrize("extra", [b"\0" * 20, b"junk" * 30, b"\xff\xff\xff\xff" + b"x" * 40])
def test_bytes_after_the_end_of_an_embedded_jpeg_do_not_matter(extra):
    image = Image.fromarray((DETAIL // 16).astype(np.uint8))
    plain, stream = jpeg_in_dicom(image), io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    ds = dataset(np.asarray(image), bits=8)
    ds.PixelData = encapsulate([stream.getvalue() + extra + b"\0" * (len(stream.getvalue() + extra) % 2)])
    loaded = read_image(written(ds, JPEGBaseline8Bit))
    assert np.array_equal(np.asarray(loaded.pixels), np.asarray(read_image(plain).pixels))


def test_a_dicom_file_is_told_without_pydicom_by_the_representations_that_pydicom_knows():
    assert {str(one.value) for one in VR if len(one.value) == 2} == REPRESENTATIONS
    code = "import nast_core.data.images, sys; print('pydicom' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"
