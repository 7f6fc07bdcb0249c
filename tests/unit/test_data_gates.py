"""The gates for tables, XML, archives and images: what is no such file is one sentence, soon, whatever its bytes
are."""

import gzip
import io
import os
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nast_core.claims.openi import openi_studies
from nast_core.claims.padchest import COLUMNS
from nast_core.claims.sources import read_source
from nast_core.data.images import read_image
from nast_core.data.labels import read_labels
from nast_core.errors import DataError, ImageError, NastError
from nast_core.files.markup import parse_xml
from nast_core.files.tables import open_table, read_table
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # every kind of table, spoiled

WORLD = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STATES = ",".join("1" if name in ("Edema", "Fracture") else "0" for name in CHEXPERT_CONDITIONS)
OWN = f"patient_id,study_id,image,{','.join(CHEXPERT_CONDITIONS)}\n" + "".join(
    f'p{n},s{n},"{n}.png",{STATES}\n' for n in range(4)
)
NIH = "Image Index,Finding Labels,Patient ID,View Position\n0.png,Mass|Effusion,1,PA\n1.png,No Finding,2,AP\n"
PADCHEST = f"{','.join(COLUMNS)}\n" + "0.png,0,s0,p0,PA,Physician,\"[['pneumonia', 'loc left']]\"\n"
REPORTS = 'study_id,patient_id,split,text\na,p,train,"FINDINGS: No edema.\nIMPRESSION: Small left effusion."\n'
XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><eCitation><uId id="CXR1"/><Abstract><AbstractText Label="FINDINGS">No '
    b"edema."
    b"</AbstractText></Abstract><MeSH><major>normal</major></MeSH></eCitation>"
)
ODD = [b"\0", b'"', b'""', b"\n", b"\r", b";", b"\t", b"\xff\xfe", b"\xef\xbb\xbf", "²".encode(), b"1e400", b"9" * 5000,
    b"[" * 400,
       b"nan", b"<!ENTITY", b"&x;", b"\xed\xa0\x80", b"(" * 3000, b"x" * 300_000, b"PK\x03\x04",
           b"\x1f\x8b"]  # fmt: skip


@st.composite
def spoiled(draw, good: bytes) -> bytes:
    """A good file with some bytes cut out, doubled, or put in place of others."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 12)))
        put = draw(st.one_of(st.sampled_from(ODD), st.binary(max_size=6), st.just(bytes(data[at:end]) * 2)))
        data[at:end] = put
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data)


def in_one_sentence(error: NastError) -> None:
    said = str(error)
    assert "\n" not in said
    assert "Traceback" not in said
    said.encode()  # can be shown and written
    assert len(said) < 1500


@pytest.mark.parametrize("good", [OWN, NIH, OWN.replace(",", ";")], ids=["own", "nih", "semicolon"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip"])
def test_a_spoiled_table_of_labels_is_read_or_refused_in_one_sentence(tmp_path, good, suffix):
    @WORLD
    @given(spoiled(good.encode()), st.booleans())
    def spoil(content, outside):
        packed = content
        if suffix == ".csv.gz":
            packed = gzip.compress(content)
        elif suffix == ".zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("t.csv", content)
            packed = buffer.getvalue()
        if outside:  # the packing is spoiled, too
            packed = packed[: len(packed) // 2] + packed[len(packed) // 2 + 3 :]
        (tmp_path / f"t{suffix}").write_bytes(packed)
        try:
            read_labels(str(tmp_path / f"t{suffix}"))
        except NastError as error:
            in_one_sentence(error)

    spoil()


@pytest.mark.parametrize("good", [PADCHEST, REPORTS], ids=["padchest", "reports"])
def test_a_spoiled_table_of_reports_is_read_or_refused_in_one_sentence(tmp_path, good):
    @WORLD
    @given(spoiled(good.encode()))
    def spoil(content):
        (tmp_path / "t.csv").write_bytes(content)
        try:
            read_source(str(tmp_path / "t.csv"))
        except NastError as error:
            in_one_sentence(error)

    spoil()


def test_spoiled_xml_is_an_element_or_a_value_error():
    @settings(WORLD, max_examples=300)
    @given(spoiled(XML))
    def spoil(content):
        try:
            parse_xml(content)
        except ValueError as error:
            assert len(str(error)) < 300

    spoil()


@pytest.mark.parametrize("kind", ["gz", "", "zip"])
def test_a_spoiled_archive_of_reports_is_read_or_refused_in_one_sentence(tmp_path, kind):
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("1.xml", XML)
    else:
        with tarfile.open(fileobj=buffer, mode=f"w:{kind}") as archive:
            entry = tarfile.TarInfo("1.xml")
            entry.size = len(XML)
            archive.addfile(entry, io.BytesIO(XML))

    @WORLD
    @given(spoiled(buffer.getvalue()))
    def spoil(content):
        (tmp_path / "r.tgz").write_bytes(content)
        try:
            openi_studies(tmp_path / "r.tgz")
        except NastError as error:
            in_one_sentence(error)

    spoil()


def test_a_spoiled_image_is_read_or_refused_in_one_sentence():
    picture = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(picture, "PNG")

    @WORLD
    @given(spoiled(picture.getvalue()))
    def spoil(content):
        try:
            read_image(content)
        except ImageError as error:
            in_one_sentence(error)

    spoil()


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(("t.csv", OWN.encode())))
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    return bytes(data)


def by_method(number: int) -> bytes:
    data = bytearray(zipped(("t.csv", OWN.encode())))
    data[8] = data[data.rindex(b"PK\1\2") + 10] = number
    return bytes(data)


REFUSED = [
    (b"\0" * 100, "holds NUL characters"),
    (OWN.encode("utf-16-le"), "holds NUL characters"),
    (OWN.replace("p1", "pé").encode("latin-1"), "is not UTF-8 text"),
    (",".join(f"c{n}" for n in range(12_000)).encode(), "it has 12,000 columns, and at most 10,000 are read"),
    (",".join(f"column {n}" for n in range(10**6)).encode(), "a line has more than 250,000 characters"),
    ((OWN + "p9,s9," + "x" * 400_000).encode(), "has more than 250,000"),
    ((OWN + 'p9,"s9').encode(), "line 6 has 2 cells, the header 16; close the quote that is open"),
    ((OWN + "p9,s9\n").encode(), "line 6 has 2 cells, the header 16; quote cells that hold ',', and fill up short "
        "rows"),
    ((OWN + f'p9,s9,i,{STATES[:-1]}"\n{OWN}').encode(), "line"),
    (OWN.replace("Edema", "Fracture").encode(), "has the column 'Fracture' twice"),
    (OWN.split("\n")[0].encode(), "has no rows"),
    (gzip.compress(b"\n" * 40_000_000), "it unpacks to more than 200 times its size"),
    (gzip.compress(OWN.encode())[:-20], "cannot be read as a table"),
    (zipped(), "the zip holds no file"),
    (zipped(("a.csv", b"x"), ("b.csv", b"y")), "the zip holds 2 files (a.csv, b.csv, ...); give one of them, unpacked"),
    (zipped(("[Content_Types].xml", b"x"), ("xl/sheet1.xml", b"y")), "it is an Excel workbook"),
    (encrypted(), "t.csv in it is encrypted"),
    (by_method(99), "packed by a method that is not read here"),
    (b"PAR1" + b"x" * 99, "it is a parquet file; save it as CSV"),
    (b"\xd0\xcf\x11\xe0" + b"x" * 99, "it is an Excel workbook"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_table_is_refused_for_what_it_is_and_soon(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    start = time.process_time()
    with pytest.raises(DataError) as caught:
        read_labels(str(tmp_path / "t.csv"))
    assert said in str(caught.value)
    in_one_sentence(caught.value)
    assert time.process_time() - start < 20


def test_a_zip_may_hold_what_a_mac_adds_and_a_name_need_not_tell_how_a_file_is_packed(tmp_path):
    content = zipped(("t.csv", OWN.encode()), ("__MACOSX/._t.csv", b"x"), (".DS_Store", b"y"), method=zipfile.ZIP_LZMA)
    for name, packed in (("t.csv", content), ("t.csv.gz", OWN.encode()), ("t", gzip.compress(OWN.encode()))):
        (tmp_path / name).write_bytes(packed)
        assert len(read_labels(str(tmp_path / name)).studies) == 4


@pytest.mark.parametrize("name", ["pipe", "folder", "/dev/zero", "x" * 5000, "a\0b", "\ud800"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for reader in (
        read_labels,
        lambda path: open_table(Path(path)),
        read_source,
        lambda path: openi_studies(Path(path)),
    ):
        with pytest.raises(DataError) as caught:
            reader(str(tmp_path / name))
        in_one_sentence(caught.value)


def test_cells_come_as_they_stand_and_rows_keep_their_lines(tmp_path):
    (tmp_path / "t.csv").write_text('a, b ,,c\n1," x\ny",,\n,,,\n\n"2""",,z,5" tube\n')
    table = open_table(tmp_path / "t.csv")
    assert table.header == ("a", "b", "", "c")
    frame = next(table.frames())
    assert frame.to_dict("list") == {"a": ["1", '2"'], "b": [" x\ny", ""], "c": ["", '5" tube']}
    assert [table.line(row) for row in frame.index] == [3, 6]
    assert read_table(tmp_path / "t.csv", ["c"]).c.tolist() == ['5" tube']
