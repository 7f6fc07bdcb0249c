"""Packed files (.gz, .zip, .tar, .tgz), unpacked as a stream whose size is bounded: a few bytes can unpack to
terabytes."""

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, faults, regular, shown

MOST = 4_000 * MB  # of a file, packed or not
_RATIO = 200  # the most that tables and reports shrink by; a bomb reaches 1,000
_FREE = 4 * MB  # unpacked, before the ratio counts
_MEMBERS = 1_000_000
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ASIDE = ("__MACOSX/", ".")  # what a Mac adds to a zip
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)


class Unusable(ValueError):
    """What is wrong with a packed file, as half a sentence."""


class _Bounded(io.RawIOBase):
    """Reads another stream through, and stops where it grows beyond what its packed size can honestly hold."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, packed: int, most: int):
        self._stream, self._packed, self._most, self._seen = stream, packed, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(len(buffer))
        self._seen += len(content)
        if self._seen > self._most:
            raise Unusable(f"it unpacks to more than {self._most:,} bytes")
        if self._seen > max(_FREE, _RATIO * self._packed):
            raise Unusable(f"it unpacks to more than {_RATIO} times its size")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def broken(path: Path, error: type[NastError], what: str) -> Iterator[None]:
    """Faults of packed content, as a sentence in ``error``: "... cannot be read as WHAT"."""
    try:
        yield
    except UnicodeDecodeError:  # the reader of the text says so
        raise
    except _BROKEN as fault:
        reason = " ".join(str(fault).split())[:200] or "it is cut short"
        raise error(f"{shown(path)} cannot be read as {what}: {reason}") from None


def kind_of(path: Path, error: type[NastError] = DataError, *, most: int = MOST, absent: str = "check the path") -> str:
    """What a file is packed as, "gzip", "zip" or "" (neither), told from a file's first bytes.
    Raises ``error`` for what is no regular file."""
    regular(path, most=most, error=error, absent=absent)
    with faults(path, error, absent=absent), path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    return "zip" if start in _ZIP or path.suffix.lower() == ".zip" else ""


@contextmanager
def unpacked(
    path: Path, error: type[NastError] = DataError, *, what: str, most: int = MOST, absent: str = "check the path"
) -> Iterator[io.BufferedReader]:
    """A file's bytes as a stream: unpacked where it is gzip, or a zip of one file; as they are otherwise.

    Raises ``error``, also while the stream is read inside the block: no regular file, too large, a bomb, damaged.
    """
    kind = kind_of(path, error, most=most, absent=absent)
    size = regular(path, most=most, error=error)
    with faults(path, error):
        raw = path.open("rb")
    with raw, broken(path, error, what):
        if kind == "zip":
            with zipfile.ZipFile(raw) as archive, archive.open(_only(archive)) as member:
                yield io.BufferedReader(_Bounded(member, size, most), 2**18)
        elif kind == "gzip":
            yield io.BufferedReader(_Bounded(gzip.GzipFile(fileobj=raw), size, most), 2**18)
        else:
            yield raw


def _only(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith(_ASIDE)]
    names = ", ".join(shown(one.filename) for one in members[:3])
    if any(one.filename == "[Content_Types].xml" for one in members):
        raise Unusable("it is an Excel workbook or an office document; save the sheet as CSV (UTF-8)")
    if not members:
        raise Unusable("the zip holds no file")
    if len(members) > 1:
        raise Unusable(f"the zip holds {len(members):,} files ({names}, ...); give one of them, unpacked")
    _check(members[0])
    return members[0]


def _check(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise Unusable(f"{shown(member.filename)} in it is encrypted; unpack it with its password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        raise Unusable(f"{shown(member.filename)} in it is packed by a method that is not read here; pack it again")


def members(
    path: Path, ending: str, error: type[NastError] = DataError, *, each: int, what: str, absent: str = "check the path"
) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of an archive's files with an ending: .zip, .tar, or .tar packed by gzip.

    The content is None for a file of more than ``each`` bytes. Nothing is written to the disk. Raises ``error`` as
    ``unpacked`` does.
    """
    if kind_of(path, error, absent=absent) == "zip":
        yield from _of_zip(path, ending, error, each, what)
        return
    with unpacked(path, error, what=what) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= _MEMBERS:
                raise Unusable(f"it holds more than {_MEMBERS:,} files")
            if not member.isreg() or not member.name.lower().endswith(ending):
                continue
            if member.size > each:
                yield member.name, None
            elif (file := archive.extractfile(member)) is not None:
                yield member.name, file.read()


def _of_zip(
    path: Path, ending: str, error: type[NastError], each: int, what: str
) -> Iterator[tuple[str, bytes | None]]:
    with faults(path, error):
        raw = path.open("rb")
    with raw, broken(path, error, what), zipfile.ZipFile(raw) as archive:
        for member in archive.infolist()[: _MEMBERS + 1]:
            if member.is_dir() or member.filename.startswith(_ASIDE) or not member.filename.lower().endswith(ending):
                continue
            _check(member)
            with archive.open(member) as file:
                content = file.read(each + 1)
            yield member.filename, content if len(content) <= each else None
