"""What a run at work writes of itself: its status with a sign of life every second, its metrics;
and how it is stopped."""

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from nast_core.errors import DataError, NastError
from nast_core.recipe import Cancelled
from nast_core.runs.pace import Pace
from nast_core.runs.status import BEAT, now
from nast_core.runs.store import Run

GRACE = 3.5  # seconds that a cancelled run has to stop by itself, of the five it may take
_LOOK = 0.1  # seconds between looks for the flag
_FLAG = "cancel"


def ask_to_stop(folder: Path) -> None:
    """Leaves the flag that the run's own process looks for, on whatever machine it is."""
    (folder / _FLAG).touch()


def asked_to_stop(folder: Path) -> bool:
    """True too where the whole folder is gone."""
    return os.path.exists(folder / _FLAG) or not os.path.exists(folder)


def withdraw(folder: Path) -> None:
    (folder / _FLAG).unlink(missing_ok=True)


class Recorder(threading.Thread):
    """Keeps status.json while a run is at work, as the only one who writes it; a ``with`` block.

    Sees to it that a cancelled run ends: what has not stopped by itself after GRACE seconds is ended.
    """

    def __init__(self, run: Run):
        super().__init__(daemon=True)
        self._run, self._status, self._lock = run, run.written_status, threading.Lock()
        self._over, self._noted, self._pace = threading.Event(), False, Pace()

    def __enter__(self) -> "Recorder":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        self._stay_deleted()

    def change(self, **values: Any) -> None:
        """Sets fields of the status and writes it."""
        with self._lock:
            self._status = self._status.model_copy(update=values)
            self._run.set_status(self._status)
            if not self._status.active:
                self._over.set()

    def note(self, done: int, total: int, label: str) -> None:
        """Sets the progress; the next sign of life writes it."""
        moment = now() if self._pace.tell(done, label) else self._status.moved
        fields = {"done": done, "total": total, "label": label, "pace": self._pace.seconds, "moved": moment}
        self._status = self._status.model_copy(update=fields)
        self._noted = True

    def run(self) -> None:
        stop_since: float | None = None
        while not self._over.wait(BEAT):
            with suppress(NastError, OSError):  # a full disk now may have room at the next beat
                if self._noted:
                    self._noted = False
                    self._write()
                else:
                    os.utime(self._run.folder / "status.json")
            self._stay_deleted()
            if stop_since is None and asked_to_stop(self._run.folder):
                stop_since = time.monotonic()
            if stop_since is not None and time.monotonic() - stop_since > GRACE:
                self._end()

    def _write(self) -> None:
        with self._lock:
            if not self._over.is_set():
                self._run.set_status(self._status)

    def _stay_deleted(self) -> None:
        """Removes the folder where it was deleted, and something that the work saved meanwhile has made it again."""
        folder = self._run.folder
        if not any(os.path.lexists(folder / name) for name in ("recipe.json", "environment.json")):
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self) -> None:
        with self._lock:
            if self._over.is_set():
                return
            with suppress(NastError, OSError):
                self._run.set_status(self._status.model_copy(update={"state": "cancelled", "ended": now()}))
        self._stay_deleted()
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.Process().kill()


class FolderReporter:
    """The Reporter of a run: metrics go to metrics.jsonl, progress to ``note``."""

    def __init__(self, folder: Path, note: Callable[[int, int, str], None], *, main: bool = True):
        self._folder, self._note, self._main, self._looked = folder, note, main, 0.0

    def progress(self, done: int, total: int, label: str = "") -> None:
        self._stop_if_asked()
        if self._main:
            self._note(done, total, label)

    def metrics(self, step: int, **values: float) -> None:
        self._stop_if_asked()
        if self._main:
            numbers = {
                name: number if math.isfinite(number := float(value)) else None for name, value in values.items()
            }
            line = json.dumps({"step": step, "time": round(time.time(), 3), **numbers})
            try:
                with (self._folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            except OSError as error:
                if asked_to_stop(self._folder):
                    raise Cancelled from None
                raise DataError(f"metrics.jsonl cannot be written ({error.strerror or error})") from error

    def say(self, line: str) -> None:
        """A run's standard output is its log."""
        if self._main:
            print(line, flush=True)

    def _stop_if_asked(self) -> None:
        if (at := time.monotonic()) - self._looked >= _LOOK:
            self._looked = at
            if asked_to_stop(self._folder):
                raise Cancelled


class Silent:
    """A Reporter for work that nobody watches."""

    def progress(self, done: int, total: int, label: str = "") -> None: ...

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None: ...
