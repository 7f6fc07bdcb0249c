"""The process that carries out one run: ``python -P -m nast_core.work.execute FOLDER``."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nast_core.errors import NastError
from nast_core.models.put_off import quiet_libraries
from nast_core.recipe import Cancelled, RunError
from nast_core.runs.reporter import Recorder
from nast_core.runs.status import Process, now
from nast_core.runs.store import Run
from nast_core.work.identity import identity
from nast_core.work.processes import WorkError, carry_out_work, devices, what_happened
from nast_core.work.surroundings import surroundings
from nast_core.work.turns import turn

_LONGEST = 4000  # characters of what went wrong


def carry_out(folder: Path) -> None:
    """Runs a queued run to its end and writes how it ended. Does nothing where another process is at it already."""
    run = Run(folder)
    os.environ["NAST_RUNS"] = str(folder.parent)  # where the recipe's run:ID are
    try:
        _at_work(run)
    except Timeout:
        print(f"run {run.id} is at work in another process", file=sys.stderr)
    except (NastError, OSError) as error:  # it was deleted; or the disk is full, and those who look will find it lost
        with suppress(OSError):
            print(f"how run {run.id} ended cannot be written: {error}", file=sys.stderr)


def _at_work(run: Run) -> None:
    if not run.folder.is_dir():  # the lock would make it again
        raise RunError(f"run {run.id} was deleted")
    with FileLock(run.folder / ".lock", timeout=0), Recorder(run) as record:
        record.change(process=Process.of(os.getpid()))
        record.change(**_ending(run, record), ended=now())


def _ending(run: Run, record: Recorder) -> dict[str, object]:
    """How the work ended, as fields of the status."""
    try:
        figures = _work(run, record)
    except Cancelled:
        return {"state": "cancelled"}
    except NastError as error:
        return {"state": "failed", "message": str(error)[:_LONGEST], "mistake": True}
    except WorkError as error:
        return {"state": "failed", "message": str(error)[:_LONGEST]}
    except Exception as error:
        with suppress(OSError):  # the log's disk may be what is full
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            message = f"the disk of {run.folder} is full; make room there, and go on with: nast runs resume {run.id}"
            return {"state": "failed", "message": message, "mistake": True}
        return {"state": "failed", "message": what_happened(error)[:_LONGEST]}
    return {"state": "finished", "figures": {name: float(value) for name, value in figures.items()}}


def _work(run: Run, record: Recorder) -> dict[str, float]:
    quiet_libraries()  # the log is a file
    recipe, environment = run.recipe, run.environment
    if identity(recipe, run.folder.parent).key != environment["key"]:
        raise RunError("the model or the data has changed since this run was made; make the run anew")
    on = devices(recipe)
    run.set_environment(environment | surroundings(on))
    with turn(run, record, on):
        record.change(state="running", started=now(), label="")
        return carry_out_work(recipe, run.folder, record.note, on)


def main() -> None:
    folder = Path(sys.argv[1])
    sys.stdin.read()  # whoever starts this process writes down its number first, and then closes the pipe
    carry_out(folder)


if __name__ == "__main__":
    main()
