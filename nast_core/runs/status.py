"""How a run stands, and whether what its folder says is still true."""

import socket
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

State = Literal["queued", "running", "finished", "failed", "cancelled", "lost"]
FINAL: frozenset[State] = frozenset({"finished", "failed", "cancelled"})
BEAT = 1.0  # seconds between signs of life: the modification time of status.json
SILENCE = 8.0  # seconds without one after which a process that cannot be looked up counts as gone
_CLOCK_STEP = 2.0  # seconds by which a boot time, and with it a start time, may be corrected


class Process(BaseModel):
    """One process of one machine; a later process that is given the same number is another."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float  # seconds since 1970
    host: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        return cls(pid=pid, started=psutil.Process(pid).create_time(), host=host())

    @property
    def here(self) -> bool:
        """Whether this machine can look it up."""
        return self.host == host()

    @property
    def alive(self) -> bool:
        """For a process of this machine: whether it is there still, and is no zombie."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < _CLOCK_STEP
            return same and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@cache
def host() -> str:
    """The machine, and on Linux the container: process numbers mean the same within one, and nothing outside."""
    space = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}/{space.stat().st_ino}" if space.exists() else socket.gethostname()


def now() -> datetime:
    return datetime.now(UTC)


class Status(BaseModel):
    """status.json. ``lost`` is never written: it is what the others become when their process is gone."""

    model_config = ConfigDict(frozen=True)

    state: State = "queued"
    created: datetime = Field(default_factory=now)
    queued: datetime = Field(default_factory=now)  # anew on every resume
    started: datetime | None = None
    ended: datetime | None = None
    done: int = 0
    total: int = 0
    label: str = ""  # what is being done
    message: str = ""  # what went wrong
    mistake: bool = False  # it went wrong through something the user can put right
    process: Process | None = None
    job: str | None = None  # SLURM's number
    device: str | None = None
    figures: dict[str, float | None] = {}  # the headline results; None where one is undefined

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")


def checked(written: Status, path: Path, run_id: str) -> Status:
    """What status.json says, or ``lost`` where the process that should be at work is gone."""
    if written.state in FINAL:
        return written
    if written.job is not None:
        from nast_core.runs.slurm import job_state

        state = job_state(written.job)
        if state == "PENDING":
            return written.model_copy(update={"state": "queued", "process": None})
        if written.process is None and state is not None:  # about to begin; or there is no SLURM here to ask
            return written
    process = written.process
    if process is not None and process.here:
        return written if process.alive else _lost(written, run_id)
    return written if silence(path) < SILENCE else _lost(written, run_id)


def _lost(written: Status, run_id: str) -> Status:
    what = "its process is gone" if written.process else "its process never started"
    where = "" if written.process is None or written.process.here else f" (on {written.process.host.split('/')[0]})"
    said = f"{what}{where}; go on from its last checkpoint with: nast runs resume {run_id}"
    return written.model_copy(update={"state": "lost", "message": said})


def silence(path: Path) -> float:
    """Seconds since the last sign of life, by the clock of the file system: those of two machines may differ."""
    clock = path.parent.parent / ".clock"
    try:
        beat = path.stat().st_mtime
    except OSError:
        return float("inf")
    try:
        clock.touch()
        return clock.stat().st_mtime - beat
    except OSError:  # a folder that may only be read
        return time.time() - beat
