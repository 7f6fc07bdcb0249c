"""The process that carries out one run: ``python -P -m nast_core.runs.execute FOLDER``."""

import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock, Timeout

from nast_core.errors import NastError
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_json
from nast_core.runs.key import identity
from nast_core.runs.processes import WorkError, carry_out_work, devices, what_happened
from nast_core.runs.recipe import Cancelled, RunError
from nast_core.runs.reporter import Recorder, asked_to_stop
from nast_core.runs.status import Process, now
from nast_core.runs.store import Run, RunStore

_PACKAGES = ("nast-dashboard", "torch", "transformers", "open_clip_torch", "accelerate", "peft", "numpy", "xarray")
_TURN = 0.5  # seconds between tries for a device


def carry_out(folder: Path) -> None:
    """Runs a queued run to its end and writes how it ended. Does nothing where another process is at it already."""
    run = Run(folder)
    os.environ["NAST_RUNS"] = str(folder.parent)  # where the recipe's run:ID are
    try:
        with FileLock(folder / ".lock", timeout=0), Recorder(run) as record:
            record.change(process=Process.of(os.getpid()))
            record.change(**_ending(run, record), ended=now())
    except Timeout:
        print(f"run {run.id} is at work in another process", file=sys.stderr)


def _ending(run: Run, record: Recorder) -> dict[str, object]:
    """How the work ended, as fields of the status."""
    try:
        figures = _work(run, record)
    except Cancelled:
        return {"state": "cancelled"}
    except NastError as error:
        return {"state": "failed", "message": str(error), "mistake": True}
    except WorkError as error:
        return {"state": "failed", "message": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"state": "failed", "message": what_happened(error)}
    return {"state": "finished", "figures": {name: float(value) for name, value in figures.items()}}


def _work(run: Run, record: Recorder) -> dict[str, float]:
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()  # the log is a file
    recipe, environment = run.recipe, run.environment
    if identity(recipe, run.folder.parent).key != environment["key"]:
        raise RunError("the model or the data has changed since this run was made; make the run anew")
    on = devices(recipe)
    write_json(run.folder / "environment.json", environment | _surroundings(on))
    with _turn(run, record, on):
        record.change(state="running", started=now(), label="")
        return carry_out_work(recipe, run.folder, record.note, on)


def _surroundings(on: list[str]) -> dict[str, object]:
    import torch

    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that is not installed
            packages[name] = "not installed"
    return {
        "packages": packages,
        "python": platform.python_version(),
        "machine": f"{platform.node()}, {platform.platform()}, {platform.machine()}, {os.cpu_count()} cores",
        "devices": [torch.cuda.get_device_name(name) if name.startswith("cuda") else name for name in on],
        "threads": torch.get_num_threads(),
        "revision": code_revision(),
    }


@contextmanager
def _turn(run: Run, record: Recorder, on: list[str]) -> Iterator[None]:
    """The devices to itself: one run at a time on each, those of one folder in the order they were queued."""
    if run.recipe.executor.name == "slurm" or not run.recipe.needs_model:
        yield  # the cluster has given this run its devices; or it needs none, and a training need not be waited for
        return
    record.change(device=on[0], label=f"waiting for its turn on {', '.join(on)}")
    with ExitStack() as held:
        for name in sorted(set(on)):
            held.enter_context(_wait_for(run, name))
        yield


def _wait_for(run: Run, device: str) -> FileLock:
    """The device's lock, held. Raises Cancelled where the run is cancelled meanwhile."""
    user = os.getuid() if hasattr(os, "getuid") else ""  # on Windows the folder is the user's own
    lock = FileLock(Path(tempfile.gettempdir()) / f"nast-{user}-{device.replace(':', '')}.lock")
    while not asked_to_stop(run.folder):
        with suppress(Timeout):
            lock.acquire(timeout=0)
            if not _earlier(run, device):
                return lock
            lock.release()
        time.sleep(_TURN)
    raise Cancelled


def _earlier(run: Run, device: str) -> bool:
    """Whether a run queued before this one waits for the same device."""
    mine = run.written_status
    rows = RunStore(run.folder.parent).table().rows
    return any(
        row.status.state == "queued"
        and row.status.device == device
        and row.status.process is not None
        and row.status.process.here
        and row.status.queued < mine.queued
        for row in rows
    )


def main() -> None:
    folder = Path(sys.argv[1])
    sys.stdin.read()  # whoever starts this process writes down its number first, and then closes the pipe
    carry_out(folder)


if __name__ == "__main__":
    main()
