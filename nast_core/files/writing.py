"""Files that are written whole or not at all, and the folder of those that can be made again."""

import json
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nast_core.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path`` to write to; it takes the name of ``path`` when the block ends well.

    Folders are made. Raises DataError where the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror or error}); choose another place") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def user_cache() -> Path:
    """Where NAST keeps what it can make again: XDG_CACHE_HOME/nast, else ~/.cache/nast."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nast"


def need_writable(path: Path) -> None:
    """Makes the folder of ``path``. Raises DataError where nothing can be written there: better before work than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(
            f"nothing can be written to {path.parent} ({error.strerror or error}); choose another folder"
        ) from error


def write_json(path: Path, value: object) -> None:
    """Written whole; NaN as null, for JSON has none and readers other than Python's refuse it."""
    with whole(path) as temporary:
        temporary.write_text(json.dumps(_defined(value), indent=2), "utf-8")


def _defined(value: object) -> object:
    if hasattr(value, "dtype") and hasattr(value, "item"):  # numpy's scalars, without importing numpy
        value = value.item()
    if isinstance(value, dict):
        return {name: _defined(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
