"""Files that are written whole or not at all."""

import os
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
