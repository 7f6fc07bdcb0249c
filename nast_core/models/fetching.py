"""Fetching a planned download into models/: whole or not at all, with progress in bytes.

Files come into a hidden folder beside the final one, which takes its name when every file is there in its full size.
"""

import io
import json
import re
import shutil
import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from nast_core.errors import ModelError
from nast_core.models.hub import Plan, Source, asking, size_text
from nast_core.progress import Far

_ROOM = 64 * 2**20  # bytes to leave on the disk
_POLL = 0.2  # seconds between two reports of progress


def fetch(plan: Plan, progress: Far | None = None) -> Path:
    """Carries a plan out; the folder. ``progress`` is called in the caller's own thread, a few times a second.

    The work goes on in a thread of its own even where the caller leaves. Raises ModelError where the hub refuses or the
    connection is lost (what came whole is kept for the next try), where the disk is full (what came is removed), and
    where the same model is being fetched already.
    """
    _check_room(plan)
    counter = _Counter()
    future: Future[Path] = Future()
    threading.Thread(target=_run, args=(plan, counter, future), name=f"download {plan.name}", daemon=True).start()
    while not future.done():
        wait([future], _POLL)
        if progress:
            progress(min(counter.bytes, plan.total), plan.total)
    return future.result()


@dataclass
class _Counter:
    """Bytes come so far. The hub's client shows them in several bars of its own kind, some of the same bytes."""

    before: int = 0  # of sources that are done
    bars: dict[int, float] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return self.before + int(max(self.bars.values(), default=0))

    def next_source(self, size: int) -> None:
        self.before, self.bars = self.before + size, {}

    def bar(self) -> type[tqdm]:
        bars = self.bars

        class Bar(tqdm):
            def __init__(self, *args: Any, **options: Any):
                super().__init__(*args, **{k: v for k, v in options.items() if k != "name"} | {"file": io.StringIO()})

            def update(self, n: float | None = 1) -> bool | None:
                redrew = super().update(n)
                if self.unit == "B":
                    bars[id(self)] = self.n
                return redrew

        return Bar


def _run(plan: Plan, counter: _Counter, future: Future[Path]) -> None:
    try:
        future.set_result(_fetch(plan, counter))
    except BaseException as error:  # whatever it is, it belongs to whoever waits
        future.set_exception(error)


def _fetch(plan: Plan, counter: _Counter) -> Path:
    from huggingface_hub import snapshot_download

    incoming = plan.folder.with_name(f".{plan.folder.name}.incoming")
    lock = FileLock(f"{incoming}.lock")
    try:
        plan.folder.parent.mkdir(parents=True, exist_ok=True)
        with lock.acquire(blocking=False):
            for source in plan.sources:
                place = incoming / source.into
                with asking(source.hub, plan.card, incoming):
                    snapshot_download(
                        source.hub,
                        revision=source.commit,
                        local_dir=place,
                        allow_patterns=[_literal(file) for file in source.sizes],
                        tqdm_class=counter.bar(),
                    )
                _check_whole(source, place)
                counter.next_source(sum(source.sizes.values()))
            for source in plan.sources:  # the client's notes for a next try
                shutil.rmtree(incoming / source.into / ".cache", ignore_errors=True)
            _write_card(plan, incoming)
            incoming.rename(plan.folder)
    except Timeout:
        raise ModelError(f"{plan.name} is being fetched already, by another window or process; wait for it") from None
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(f"{plan.folder} cannot be written ({reason}); run from a folder where it can") from error
    Path(lock.lock_file).unlink(missing_ok=True)
    return plan.folder


def _literal(file: str) -> str:
    """A file's name as a pattern that matches it alone."""
    return re.sub(r"([*?[])", r"[\1]", file)


def _write_card(plan: Plan, incoming: Path) -> None:
    """Says where the folder came from, unless it brings a card of its own."""
    path, main = incoming / "nast.json", plan.sources[0]
    if not path.exists():
        about = {"name": plan.name, "hub": main.hub, "revision": main.commit}
        about |= {"licence": plan.card.licence} if plan.card else {}
        path.write_text(json.dumps(about, indent=2) + "\n", "utf-8")


def _check_whole(source: Source, place: Path) -> None:
    """Raises ModelError for a file that is missing or of another size: the client takes an old folder for good
    offline."""
    for file, size in source.sizes.items():
        length = (place / file).stat().st_size if (place / file).is_file() else None
        if length is None or (size and length != size):
            raise ModelError(
                f"{file} of {source.hub} did not come whole ({length or 0:,} of {size:,} bytes); try again"
            )


def _check_room(plan: Plan) -> None:
    place = next(folder for folder in (plan.folder.absolute(), *plan.folder.absolute().parents) if folder.exists())
    incoming = plan.folder.with_name(f".{plan.folder.name}.incoming")
    here = sum(path.stat().st_size for path in incoming.rglob("*") if path.is_file()) if incoming.is_dir() else 0
    free = shutil.disk_usage(place).free
    if free < plan.total - here + _ROOM:
        raise ModelError(
            f"{plan.name} has {size_text(plan.total)} and the disk of {place} has {size_text(free)} free; make room, "
            "or run from a folder on another disk"
        )
