"""Images read and prepared by other processes, ahead of the image tower, in order. Source: PyTorch's DataLoader.

The processes are forked: docs/decisions/0009-images-read-ahead.md says why, and what that asks of the code they run.
"""

import logging
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

_FEW = 96  # images that are read sooner than processes are started and ended
_TOGETHER, _TOGETHER_BYTES = 8, 5 * 2**20  # images handed over at a time, so that handing over costs little of reading
_AHEAD = 16  # such groups that may be ahead, of all processes together: two batches of the tower; but two each at least
_MOST = 32  # processes, where nobody says how many
_LONGEST = 300.0  # seconds that a group may take: a slow disk's, or eight of the largest DICOM files'
_SHARED = Path("/dev/shm")  # what the system makes shared memory of
_log = logging.getLogger(__name__)
warnings.filterwarnings(
    "ignore", "This DataLoader will create"
)  # who asks for more processes than cores has slow disks


class Prepared(NamedTuple):
    """What is known of an image once it was read."""

    name: str
    key: str = ""  # what the cache knows it by
    pixels: Tensor | None = None  # as the model takes them; None for one that cannot be read, or whose vector is kept
    doubts: tuple[str, ...] = ()
    failed: str = ""  # why it cannot be read


Read = Callable[[str], Prepared]


def read_ahead(read: Read, names: Sequence[str], *, workers: int | None, size: int) -> Generator[Prepared, None, None]:
    """``read`` of every name, in order. A generator: to be closed, which ends its processes.

    ``workers``: processes that read; None: one for each core, but none for few images, on a single core, or where the
    system cannot fork safely (macOS). ``size``: bytes of a prepared image. Should a process die, half as many go on
    from the first image that was not handed over, and in the end this one.
    """
    together, done = max(1, min(_TOGETHER, _TOGETHER_BYTES // size)), 0
    count, ahead = _that_fit(_how_many(len(names), workers), together * size)
    while count and done < len(names):
        with _reading(_Groups(read, names[done:], together), count, ahead) as groups:
            try:
                for group in groups:
                    yield from group.apart()
                    done += len(group.images)
            except Exception as fault:  # of whatever kind: what has its cause in an image comes again, below
                count //= 2
                cause = [type(fault).__name__, *str(fault).splitlines()][
                    -1
                ]  # of a fault in a worker, after its traceback
                _log.warning("the processes that read images ended (%s); %s", cause[:150], _go_on(count))
    yield from map(read, names[done:])


def cores() -> int:
    """Of this process: what a scheduler leaves it, shared with the others of its run."""
    have = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, have // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _how_many(images: int, workers: int | None) -> int:
    if sys.platform != "linux":
        return 0
    if workers is not None:
        return min(workers, images)
    return 0 if images < _FEW or cores() == 1 else min(cores(), _MOST)


def _that_fit(workers: int, group: int) -> tuple[int, int]:
    """How many processes shared memory has room for, and how many groups of ``group`` bytes each may be ahead.

    Whoever writes to shared memory that is full is ended by the system: in containers it often is 64 MB.
    """
    if not workers:
        return 0, 0
    ahead = max(2, _AHEAD // workers)
    with suppress(OSError):
        room = shutil.disk_usage(_SHARED).free // 2 // group
        if room < 2 * workers:
            _log.warning("%s has room for %d processes that read images, not %d", _SHARED, room // 2, workers)
            return room // 2, 2
        ahead = min(ahead, room // workers)
    return workers, ahead


def _go_on(workers: int) -> str:
    return f"{workers} go on" if workers else "this one goes on alone"


class _Group(NamedTuple):
    """Several images' pixels as one tensor, which costs one handing-over."""

    images: list[Prepared]
    places: list[int]  # of those that have pixels
    pixels: Tensor | None

    def apart(self) -> list[Prepared]:
        images = list(self.images)
        for place, pixels in zip(self.places, () if self.pixels is None else self.pixels, strict=True):
            images[place] = images[place]._replace(pixels=pixels)
        return images


class _Groups(Dataset[_Group]):
    def __init__(self, read: Read, names: Sequence[str], together: int):
        self._read, self._names, self._together = read, names, together

    def __len__(self) -> int:
        return -(-len(self._names) // self._together)

    def __getitem__(self, number: int) -> _Group:
        start = number * self._together
        images = [self._read(name) for name in self._names[start : start + self._together]]
        places = [place for place, image in enumerate(images) if image.pixels is not None]
        pixels = [image.pixels for image in images if image.pixels is not None]
        bare = [image._replace(pixels=None) for image in images]
        # shared here, where a want of room is an error that comes back; later, it would be lost with the group
        return _Group(bare, places, torch.stack(pixels).share_memory_() if pixels else None)


def _as_it_is(group: Any) -> Any:
    return group


@contextmanager
def _reading(groups: _Groups, workers: int, ahead: int) -> Iterator[Iterator[_Group]]:
    """Processes at work while open."""
    loader = DataLoader(
        groups,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=ahead,
        multiprocessing_context="fork",
        # else it draws from the process's own, and whatever is drawn after comes out otherwise
        generator=torch.Generator(),
    )
    at_work: Any = None

    def each() -> Iterator[_Group]:
        nonlocal at_work
        with _no_alarm():
            at_work = iter(loader)
        while True:
            watch = threading.Timer(_LONGEST, _end, [at_work._workers])
            watch.daemon = True
            watch.start()
            try:
                group = next(at_work)
            except StopIteration:
                return
            finally:
                watch.cancel()
            yield group

    try:
        yield each()
    finally:
        if at_work is not None:
            at_work._shutdown_workers()  # its own __del__ would, some time after whoever holds a traceback let go of it


def _end(processes: Sequence[BaseProcess]) -> None:
    """Ends processes that give nothing any more: whoever waits for them then finds them dead."""
    for process in processes:
        process.kill()


@contextmanager
def _no_alarm() -> Iterator[None]:
    """Keeps the loader from handling the ends of children: it raises amid whatever the main thread is at, a write to
    disk, say.

    It looks for its processes itself where it waits for one, every five seconds.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if before is None else before)
