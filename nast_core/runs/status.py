"""How a run stands, and whether what its folder says is still true."""

import shutil
import socket
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import psutil
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from nast_core.runs.squeue import job_state

State = Literal["queued", "running", "finished", "failed", "cancelled", "lost"]
FINAL: frozenset[State] = frozenset({"finished", "failed", "cancelled"})
BEAT = 1.0  # seconds between signs of life: the modification time of status.json
SILENCE = 8.0  # seconds without one after which a process that cannot be looked up counts as gone
_CLOCK_STEP = 2.0  # seconds by which a boot time, and with it a start time, may be corrected
_ROOM = 64_000  # bytes free on a disk, below which even a status may not have fitted


def _text(value: object) -> object:
    if isinstance(value, str | datetime):
        return value
    raise ValueError("a time is a text such as 2026-03-10T14:15:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_text)]
Count = Annotated[int, Field(ge=0, le=10**15)]


class Process(BaseModel):
    """One process of one machine; a later process that is given the same number is another."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(ge=1, le=2**31 - 1)
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
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_STEP
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:  # there is one, and this user may not look closer
            return True


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
    created: Moment = Field(default_factory=now)
    queued: Moment = Field(default_factory=now)  # anew on every resume
    started: Moment | None = None
    ended: Moment | None = None
    done: Count = 0
    total: Count = 0
    label: str = ""  # what is being done
    moved: Moment | None = None  # when ``done`` last changed
    pace: Annotated[float, Field(ge=0, le=1e12)] | None = None  # seconds a unit of ``total``, once warm
    message: str = ""  # what went wrong
    mistake: bool = False  # it went wrong through something the user can put right
    process: Process | None = None
    job: str | None = Field(default=None, pattern=r"^\d{1,12}(_\d{1,12})?$")  # SLURM's number
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
        state = job_state(written.job)
        if state == "PENDING":
            return written.model_copy(update={"state": "queued", "process": None})
        if written.process is None and state is not None:  # about to begin; or there is no SLURM here to ask
            return written
    process = written.process
    if process is not None and process.here:
        return written if process.alive else _lost(written, path, run_id)
    return written if silence(path) < SILENCE else _lost(written, path, run_id)


def _lost(written: Status, path: Path, run_id: str) -> Status:
    what = "its process is gone" if written.process else "its process never started"
    where = "" if written.process is None or written.process.here else f" (on {written.process.host.split('/')[0]})"
    message = f"{what}{where}{_no_room(path.parent)}; go on from its last checkpoint with: nast runs resume {run_id}"
    return written.model_copy(update={"state": "lost", "message": message})


def _no_room(folder: Path) -> str:
    """Why a run may not have been able to write how it ended."""
    try:
        full = shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return ""
    return f", and the disk of {folder} is full: make room there" if full else ""


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
