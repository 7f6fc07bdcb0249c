"""Files of a folder, whatever its size: one at a time, links to folders above and what may not be read passed over."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_DEPTH = 40  # of folders in folders; datasets have five or six


def walked(
    root: Path, ending: str | tuple[str, ...] = "", stamps: dict[str, int] | None = None
) -> Iterator["os.DirEntry[str]"]:
    """Every file, pipe or device below ``root`` whose name ends so, folder by folder, each in the order of names.

    Nothing is opened: what an entry is, ``is_file`` and the gate that reads it say. Hidden ones are passed over.
    ``stamps`` gets the time of the last change, in ns, of every folder read.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(str(root), 0)]
    while waiting:
        folder, depth = waiting.pop()
        with suppress(OSError):
            about = os.stat(folder)
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            if stamps is not None:
                stamps[folder] = about.st_mtime_ns
            with os.scandir(folder) as entries:
                inside = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
            below = []
            for entry in inside:
                if _is_folder(entry):
                    below.append((entry.path, depth + 1))
                elif entry.name.lower().endswith(ending):
                    yield entry
            if depth < _DEPTH:
                waiting += reversed(below)


def is_file(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a regular file or a link to one."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
