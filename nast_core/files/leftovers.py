"""Temporary folders of writers: one a writing, beside what is written, and swept once their writer is gone.

A name holds machine, process and a random part, so no two writers share one: .NAME.MACHINE-PID-RANDOM.part
"""

import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from zlib import crc32

_NAME = re.compile(r"\..*\.([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}\.part")
_ELSEWHERE = 24 * 3600  # seconds: whether another machine's process lives cannot be seen, and some write for hours
_CLOCK = 2.0  # seconds by which a file's time and a process's may differ


@contextmanager
def staged(folder: Path, name: str) -> Iterator[Path]:
    """A new temporary folder in ``folder``, for what will be called ``name``; it is gone afterwards, with all that is
    left in it.

    ``folder`` is made, and where the block fails it goes again. Raises OSError.
    """
    new_folders = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    folder.mkdir(parents=True, exist_ok=True)
    stage = folder / f".{name[:40]}.{_here()}-{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        sweep(folder)
        stage.mkdir()
        yield stage
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        with suppress(OSError):  # not empty: somebody else has come to use it
            for path in new_folders:
                path.rmdir()
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Removes what killed writers have left in ``folder``; never follows a link, never touches another name."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if (match := _NAME.fullmatch(entry.name)) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    if _gone(match[1], int(match[2]), entry.stat(follow_symlinks=False).st_mtime):
                        shutil.rmtree(entry.path, ignore_errors=True)


def _gone(machine: str, pid: int, last: float) -> bool:
    if machine != _here():
        return time.time() - last > _ELSEWHERE
    if pid == os.getpid():
        return False
    import psutil

    try:
        return psutil.Process(pid).create_time() > last + _CLOCK  # another process that was given the same number
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False


@cache
def _here() -> str:
    """This machine, and on it the container: both have numbers for processes of their own."""
    try:
        numbering = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbering = ""
    return f"{crc32(f'{socket.gethostname()} {numbering}'.encode()):08x}"
