"""Folders of runs as the disk has them: which may be one, when it was made, and how one goes."""

import os
import re
import shutil
from pathlib import Path

_TIME = re.compile(r"-(\d{8}-\d{6})-")


def may_be_a_run(entry: os.DirEntry) -> bool:
    """Whether it is a folder, or a link that should lead to one and leads nowhere."""
    if entry.name.startswith("."):
        return False
    try:
        return entry.is_dir() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:  # links that lead round in a circle
        return True


def remove(path: Path) -> None:
    """A folder and all that is in it, closed folders too; of a link, the link alone. Raises OSError."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:  # somebody else deletes it too
        shutil.rmtree(path, ignore_errors=True)
    except PermissionError:
        path.chmod(0o700)
        for folder, inner, _ in os.walk(path):
            for name in inner:
                if not os.path.islink(at := os.path.join(folder, name)):
                    os.chmod(at, 0o700)
        shutil.rmtree(path)


def time_of(name: str) -> tuple[str, str]:
    """What a run's name sorts by: when it was made, then the name."""
    match = _TIME.search(name)
    return (match[1] if match else "", name)
