"""The gate that every file passes: a regular file, of a bounded size, whose name the system can hold.

What is read from a file goes through here or through a gate built on it (documents, jsonl, tables, archives ...), so
that a new reader cannot forget a check. Every fault is one sentence in the caller's own error.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nast_core.errors import DataError, NastError

MB = 1_000_000
_KINDS = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
_SHOWN = 200  # characters of a name in a message


def shown(path: object) -> str:
    """A name as a message can hold it: printable, and not longer than a line or two."""
    text = str(path).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def printable(text: str) -> str:
    """Foreign text on one line of a terminal or a table: what is no sign of writing is spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_path(typed: str | Path, error: type[NastError] = DataError) -> Path:
    """A path as typed, ~ for the home folder. Raises ``error`` for one that no file can have."""
    text = str(typed).strip()
    try:
        text.encode()
        path = Path(text).expanduser()
        os.lstat(path)
    except FileNotFoundError:
        return path
    except (OSError, ValueError, RuntimeError) as fault:
        if isinstance(fault, PermissionError | NotADirectoryError):
            return path  # what is done with it says so, with what was to be done
        raise error(f"{shown(typed)} cannot be the path of a file ({reason_of(fault)}); give another") from None
    return path


@contextmanager
def faults(path: Path, error: type[NastError], *, absent: str = "check the path") -> Iterator[None]:
    """What the system says of a file, as a sentence in ``error``."""
    try:
        yield
    except FileNotFoundError:
        raise error(f"there is no file {shown(path)}; {absent}") from None
    except PermissionError:
        raise error(f"{shown(path)} may not be read by this user; change its permissions or copy it") from None
    except (OSError, UnicodeError) as fault:
        raise error(f"{shown(path)} cannot be read ({reason_of(fault)})") from None
    except ValueError as fault:  # an embedded NUL
        raise error(f"{shown(path)} cannot be the path of a file ({reason_of(fault)}); give another") from None


def regular(path: Path, *, most: int, error: type[NastError] = DataError, absent: str = "check the path") -> int:
    """Size of a regular file in bytes, for readers that open a path themselves. Raises ``error`` for anything else."""
    with faults(path, error, absent=absent):
        status = os.stat(path)
    return _fits(path, status, most, error)


def open_regular(path: Path, *, error: type[NastError] = DataError, absent: str = "check the path") -> BinaryIO:
    """A regular file of any size, for readers that take it line by line; never waits on a pipe.
    To be closed by the caller."""
    with faults(path, error, absent=absent):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _fits(path, os.fstat(handle), sys.maxsize, error)
            return os.fdopen(handle, "rb")
        except NastError:
            os.close(handle)
            raise


def read_bytes(path: Path, *, most: int, error: type[NastError] = DataError, absent: str = "check the path") -> bytes:
    """All of a regular file of at most ``most`` bytes; never waits on a pipe, never reads a device."""
    with faults(path, error, absent=absent):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a pipe would wait for its writer
        try:
            size = _fits(path, os.fstat(handle), most, error)
            with os.fdopen(handle, "rb", closefd=False) as file:
                content = file.read(size + 1)  # reading takes as much memory as it is asked to read
                if len(content) > size:  # it grew, or lies about its size as files of /proc do
                    content += file.read(most + 1 - len(content))
        finally:
            os.close(handle)
    if len(content) > most:
        raise error(_too_large(path, len(content), most))
    return content


def read_tail(path: Path, *, most: int, error: type[NastError] = DataError, absent: str = "check the path") -> bytes:
    """The last ``most`` bytes of a regular file, however long it is: for logs."""
    with faults(path, error, absent=absent):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            _fits(path, status, status.st_size, error)
            file.seek(max(0, status.st_size - most))
            return file.read(most)


def read_text(path: Path, *, most: int, error: type[NastError] = DataError, absent: str = "check the path") -> str:
    """UTF-8 text, a byte-order mark dropped."""
    content = read_bytes(path, most=most, error=error, absent=absent)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise error(f"{shown(path)} cannot be read as UTF-8 text ({fault.reason} at byte {fault.start})") from None


def kind_of(status: os.stat_result) -> str | None:
    """What is there instead of a file; None for a regular one."""
    if stat.S_ISREG(status.st_mode):
        return None
    return next((name for test, name in _KINDS.items() if test(status.st_mode)), "a device")


def reason_of(fault: BaseException) -> str:
    """What the system says of a fault, without the path."""
    return getattr(fault, "strerror", None) or str(fault)


def _fits(path: Path, status: os.stat_result, most: int, error: type[NastError]) -> int:
    if (kind := kind_of(status)) is not None:
        raise error(f"{shown(path)} is {kind}, and a file is needed")
    if status.st_size > most:
        raise error(_too_large(path, status.st_size, most))
    return status.st_size


def _too_large(path: Path, size: int, most: int) -> str:
    return f"{shown(path)} has {size:,} bytes, and at most {most:,} are read of such a file"
