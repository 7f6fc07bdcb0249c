"""One run at a time on each device of this machine, those of one folder in the order they were queued."""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nast_core.errors import DataError
from nast_core.files.gate import read_text
from nast_core.files.writing import user_cache
from nast_core.recipe import Cancelled, RunError
from nast_core.runs.reporter import Recorder, asked_to_stop
from nast_core.runs.store import Run, RunStore

_TURN = 0.5  # seconds between tries for a device


@contextmanager
def turn(run: Run, record: Recorder, on: list[str]) -> Iterator[None]:
    """The devices ``on`` to itself, where it needs any. Raises Cancelled where the run is cancelled meanwhile."""
    if run.recipe.executor.name == "slurm" or not run.recipe.needs_model:
        yield  # the cluster has given this run its devices; or it needs none, and a training need not be waited for
        return
    record.change(device=on[0])
    with ExitStack() as locks:
        for name in sorted(set(on)):
            locks.enter_context(_wait_for(run, record, name))
        yield


def lock_of(device: str) -> Path:
    """The file whose lock is this user's turn on a device of this machine. Raises RunError where it cannot be made.

    In the user's own cache, closed to others: in a folder for all, another user could take the name first and hold it.
    The cache may be shared by machines, each of which has devices of its own, so the name says which.
    """
    host = re.sub(r"[^\w.-]", "_", socket.gethostname())
    try:
        folder = user_cache() / "locks"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home
        raise _no_lock(error) from None
    return folder / f"{host}-{device.replace(':', '')}.lock"


def _no_lock(error: Exception) -> RunError:
    reason = getattr(error, "strerror", None) or str(error)
    return RunError(
        f"the lock that keeps a device for one run at a time cannot be made in the user's cache ({reason}); "
        "set XDG_CACHE_HOME to a folder of your own that can be written"
    )


def _wait_for(run: Run, record: Recorder, device: str) -> FileLock:
    """The device's lock, held, with the holder's name beside it."""
    path = lock_of(device)
    lock, last = FileLock(path), ""
    while not asked_to_stop(run.folder):
        before = ""
        try:
            lock.acquire(timeout=0)
        except Timeout:
            before = _holder(path, run)
        except (OSError, NotImplementedError) as error:
            raise _no_lock(error) from None
        else:
            if not (before := _earlier(run, device) or ""):
                with suppress(OSError):  # a full disk only costs the others a name
                    path.with_suffix(".holder").write_text(str(run.folder), "utf-8")
                if last:
                    record.change(label="")
                return lock
            lock.release()
        if before != last:
            last = before
            record.change(label=f"waiting for its turn on {device}, after {before}")
        time.sleep(_TURN)
    raise Cancelled


def _holder(lock: Path, run: Run) -> str:
    """Who has the device: a run's id, with its folder where that is another one."""
    try:
        holder = Path(read_text(lock.with_suffix(".holder"), most=10_000))
    except DataError:
        return "another program"
    return holder.name if holder.parent == run.folder.parent else os.fspath(holder)


def _earlier(run: Run, device: str) -> str | None:
    """The run queued first of those that wait for the same device, where it is not this one."""
    mine = run.written_status
    waiting = [
        row
        for row in RunStore(run.folder.parent).table().rows
        if row.status.state == "queued"
        and row.status.device == device
        and row.status.process is not None
        and row.status.process.here
        and row.status.queued < mine.queued
    ]
    return min(waiting, key=lambda row: row.status.queued).run.id if waiting else None
