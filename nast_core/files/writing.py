"""Files that are written whole or not at all, alone or several together, and what is said where a disk is full."""

import errno
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nast_core.errors import DataError, NastError
from nast_core.files.gate import as_path, kind_of, reason_of, shown
from nast_core.files.leftovers import staged

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FULL_SAID = ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122")  # by libraries
_LITTLE = 1_000_000  # bytes left with which a failed writing is put down to the disk, whatever its library says


@contextmanager
def whole(path: Path, needed: int = 0) -> Iterator[Path]:
    """A temporary file to write to, in a folder of its own; it takes the place of ``path`` when the block ends well.

    Until then, and where anything fails, ``path`` is as it was, and nothing else is left. Folders are made. The file
    has the permissions of the one it replaces, else those that the umask gives. ``needed``: its bytes, where they are
    known. Raises DataError, one sentence, where the file cannot be written, whatever library does the writing.
    """
    with writing(path, needed):
        place = place_of(path)
        with staged(place.parent, place.name) as stage:
            temporary = stage / place.name
            yield temporary
            _settle(temporary, _mode(stage, place))
            temporary.replace(place)
            _sync(place.parent)


@contextmanager
def whole_folder(folder: Path, names: Sequence[str] = ()) -> Iterator[Path]:
    """A temporary folder to write the files of one result to; they come to ``folder`` together when the block ends
    well.

    A folder that is not there yet appears by one rename, with all that is in it. In one that is there, only ``names``
    are replaced, or go where this result has no such file; the last of them speaks for the others: it goes first and
    comes last, so that whoever finds it finds the files it was written with, after a kill at any moment too. Raises
    DataError as ``whole`` does, and for a folder that is there where no names are given.
    """
    there = os.path.isdir(folder)
    if there and not names:
        raise _exists(folder)
    with writing(folder), staged(folder if there else folder.parent, folder.name) as stage:
        ready = stage / (folder.name or "files")
        ready.mkdir()
        yield ready
        for path in sorted(ready.rglob("*"), reverse=True):
            if path.is_file():
                _settle(path, _mode(stage, folder / path.relative_to(ready)))
            else:
                _sync(path)
        _sync(ready)
        if there or not _renamed(ready, folder):
            if not names:  # somebody has made it meanwhile
                raise _exists(folder)
            _move(ready, folder, names)
        _sync(folder)
        _sync(folder.parent)


def write_bytes(path: Path, content: bytes | bytearray | memoryview) -> None:
    """Written whole or not at all; where there is no room for it, not even begun."""
    with whole(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """UTF-8, as ``write_bytes``. Raises DataError for a text with half a character (a lone surrogate)."""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{shown(path)} cannot be written (it would hold half a character: {error.reason})") from None
    write_bytes(path, content)


def write_json(path: Path, value: object) -> None:
    """Written whole; NaN as null, for JSON has none and readers other than Python's refuse it."""
    write_text(path, json.dumps(_defined(value), indent=2))


@contextmanager
def writing(path: Path, needed: int = 0) -> Iterator[None]:
    """What goes wrong while ``path`` is written, as one sentence: DataError. For writers that ``whole`` cannot serve.

    Where the disk is full it says which, and how much is left; ``needed``: bytes, to be told before the first is
    written.
    """
    try:
        if needed and (left := _left(path)) is not None and left < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except NastError:
        raise
    except Exception as error:
        reason = _why(error, path, needed)
        if reason is None:
            raise
        raise DataError(f"{shown(path)} cannot be written ({reason}); choose another place") from error


def need_writable(path: Path) -> None:
    """Raises DataError where no file can be written to ``path``: better before work than after.
    Leaves nothing behind."""
    with writing(path):
        folder = _existing(place_of(path).parent)
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise DataError(
                f"{shown(path)} cannot be written: nothing can be written to {shown(folder)} ({reason_of(error)}); "
                "choose another folder"
            ) from error


def need_folder_writable(folder: Path) -> None:
    """As ``need_writable``, where ``folder`` is what files will be written to."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise DataError(f"{shown(folder)} cannot be written (it is a file); give a folder")
    need_writable(folder / "file")


def user_cache() -> Path:
    """Where NAST keeps what it can make again: XDG_CACHE_HOME/nast, else ~/.cache/nast.

    For a user without a home folder, a folder of their own among the machine's temporary files.
    """
    place = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(place or "~/.cache").expanduser() / "nast"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"nast-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def vectors_folder() -> Path | None:
    """Where vectors, and what was made from them, are kept: the folder that NAST_CACHE names, else "vectors" in NAST's
    cache folder; None for NAST_CACHE=off."""
    place = os.environ.get("NAST_CACHE", "")
    if place == "off":
        return None
    return as_path(place) if place else user_cache() / "vectors"


def place_of(path: Path) -> Path:
    """Where the file will be: where a link leads. Raises DataError for what a file must not take the place of."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        status = None
    except ValueError as error:  # an embedded NUL, a lone surrogate
        raise DataError(f"{shown(path)} cannot be the path of a file ({error}); give another") from None
    if status is not None and (kind := kind_of(status)) is not None:
        raise DataError(f"{shown(path)} cannot be written (it is {kind}); give the name of a file")
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _mode(stage: Path, place: Path) -> int:
    """Permissions: of the file that is replaced, else what the umask leaves, as the new folder ``stage`` shows."""
    with suppress(OSError):
        return os.stat(place).st_mode & 0o777
    return stage.stat().st_mode & 0o666


def _settle(temporary: Path, mode: int) -> None:
    """On the disk, and with its permissions: some libraries make files that only their owner can read."""
    with temporary.open("rb") as file:
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A name is on the disk once its folder is; what cannot be told to wait for that is left to its own pace."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _exists(folder: Path) -> DataError:
    return DataError(f"{shown(folder)} exists already; give the name of a new folder")


def _renamed(ready: Path, folder: Path) -> bool:
    """False where somebody has made the folder meanwhile."""
    try:
        ready.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        return False
    return True


def _move(ready: Path, folder: Path, names: Sequence[str]) -> None:
    with _alone(folder):
        for name in reversed(names):  # the one that speaks for the others goes first
            if name == names[-1] or not (ready / name).exists():
                (folder / name).unlink(missing_ok=True)
        _sync(folder)
        for name in names:
            if (ready / name).exists():
                (ready / name).replace(folder / name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time among those who move files into a folder;
    where the file system knows no such locks, as it comes."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _why(error: BaseException, path: Path, needed: int) -> str | None:
    """Why it cannot be written, as half a sentence; None for what is no fault of the disk's."""
    chain = list(_chain(error))
    numbers = {one.errno for one in chain if isinstance(one, OSError)}
    of_a_library = isinstance(error, RuntimeError) or type(error).__module__.partition(".")[0] == "safetensors"
    left = _left(path)
    if numbers & _FULL or any(words in str(one) for one in chain for words in _FULL_SAID):
        return _full(path, left, needed)
    if isinstance(error, OSError):
        return reason_of(error)
    if of_a_library and left is not None and left < _LITTLE:
        return _full(path, left, needed)
    if of_a_library and any(words in str(error) for words in ("PytorchStreamWriter", "unexpected pos", "os error")):
        return f"writing stopped: {str(error).splitlines()[0][:200]}"
    return None


def _full(path: Path, left: int | None, needed: int) -> str:
    message = f"the disk at {shown(_disk(path))} is full: {left or 0:,} bytes left"
    return f"{message}, {needed:,} needed" if needed else message


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _left(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return shutil.disk_usage(_existing(path)).free
    return None


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next((one for one in (path, *path.parents) if os.path.exists(one)), Path())


def _disk(path: Path) -> Path:
    """Where the disk that holds the path is mounted."""
    place = Path(os.path.realpath(_existing(path)))
    return next((one for one in (place, *place.parents) if os.path.ismount(one)), place)


def _defined(value: object) -> object:
    if hasattr(value, "dtype") and hasattr(value, "item"):  # numpy's scalars, without importing numpy
        value = value.item()
    if isinstance(value, dict):
        return {name: _defined(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
