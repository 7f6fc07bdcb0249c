"""Whether files have changed since they were last looked at: told by what the disk says of them, without reading
them."""

import hashlib
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nast_core.files.folders import walked

_MOST = 10_000  # files of a folder that are looked at: many more than a model has; somebody may have typed their home


def stamp(*paths: Path) -> str:
    """Another text as soon as a file, or any file below a folder, has changed, has gone or is new. Never raises.

    Size and times of each, and which file on the disk it is: one that is put in another's place within the same tick of
    the clock, with the same size or with its time set back, is told too. Links are followed.
    """
    about = hashlib.sha256()
    for path in paths:
        for name, file in _files(path):
            about.update(f"{name}\0{_look(file)}\n".encode("utf-8", "surrogateescape"))
        about.update(b"\n")
    return about.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, str]]:
    """(name below the path, path) of every file."""
    if not os.path.isdir(path):  # unlike Path.is_dir, never raises
        yield "", str(path)
        return
    for entry in islice(walked(path), _MOST):
        yield os.path.relpath(entry.path, path), entry.path


def _look(file: str) -> str:
    try:
        about = os.stat(file)
    except (OSError, ValueError):
        return "absent"
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_dev} {about.st_ino}"
