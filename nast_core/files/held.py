"""One at a time: a file kept to oneself while it is read and written anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from nast_core.errors import DataError
from nast_core.files.gate import shown


@contextmanager
def held(path: Path, remedy: str) -> Iterator[None]:
    """The file to oneself: two who change it at once, in whatever processes, do so one after the other.

    Its folder is made. Raises DataError, which ends with ``remedy``, where nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            yield
    except OSError as error:
        raise DataError(f"{shown(path.parent)} cannot be written ({error.strerror or error}); {remedy}") from error
