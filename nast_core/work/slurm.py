"""Runs on a SLURM cluster, by submitit: the batch script, the job's number, and its way back after a time limit."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from nast_core.errors import DataError
from nast_core.files.gate import printable, read_text
from nast_core.recipe import Cancelled, Executor, RunError
from nast_core.runs import known_kinds, squeue
from nast_core.work.launch import SAFE, search_path

_SHARES = "slurm/array"  # in a run's folder: the number of the array that does its shares
_NOTED = 30.0  # seconds in which a job's number is written down


class Job:
    """What the cluster runs. Preempted, or at its time limit, it is queued again and goes on from its checkpoint."""

    def __call__(self, folder: str) -> None:
        if not os.path.isdir(folder):  # it was deleted while it was queued
            return
        _into_the_log(folder)
        from nast_core.runs.store import Run
        from nast_core.work.execute import carry_out

        until = time.monotonic() + _NOTED
        with suppress(RunError):  # it was deleted
            while Run(Path(folder)).written_status.job != os.environ["SLURM_JOB_ID"] and time.monotonic() < until:
                time.sleep(0.2)  # whoever queued it writes down its number first: two never write one status
        carry_out(Path(folder))

    def checkpoint(self, folder: str) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder)


class Share:
    """One job of an array: does its share ahead, for the run that comes after all of them. Queued again as that is."""

    def __call__(self, folder: str, number: int, of: int) -> None:
        if not os.path.isdir(folder):
            return
        _into_the_log(folder)
        from nast_core.runs.reporter import FolderReporter
        from nast_core.runs.store import Run

        os.environ["NAST_RUNS"] = str(Path(folder).parent)
        recipe = Run(Path(folder)).recipe
        work = known_kinds()[recipe.kind].share
        assert work is not None
        with suppress(Cancelled):
            work(recipe, number, of, FolderReporter(Path(folder), lambda *_: None, main=False))
        print(f"share {number + 1} of {of} ended", flush=True)

    def checkpoint(self, folder: str, number: int, of: int) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, folder, number, of)


def _into_the_log(folder: str) -> None:
    log = os.open(Path(folder) / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)


def submit(folder: Path, options: Executor) -> str:
    """Queues a run and returns its job's number. Raises RunError where there is no SLURM, or it refuses.

    Of an array, its jobs do their shares first; the run's own comes after the last, however they ended, and does what
    is left.
    """
    if shutil.which("sbatch") is None:
        raise RunError("this machine has no SLURM (no sbatch); use 'executor: local', or start this on the cluster")
    if not str(folder).isprintable():  # the batch script is made of lines
        raise RunError(f"SLURM cannot be given a folder of runs with such a name: {printable(str(folder))}; rename it")
    from submitit import AutoExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    executor = AutoExecutor(folder / "slurm", cluster="slurm", slurm_python=f"{shlex.quote(sys.executable)} {SAFE}")
    parameters = {
        "slurm_partition": options.partition,
        "slurm_account": options.account,
        "slurm_qos": options.qos,
        "slurm_constraint": options.constraint,
        "slurm_gpus_per_node": options.gpus or None,
        "slurm_cpus_per_task": options.cpus,
        "slurm_srun_args": options.cpus and [f"--cpus-per-task={options.cpus}"],  # srun does not take it from sbatch
        "mem_gb": options.memory_gb,
        "slurm_additional_parameters": options.extra or None,
        "slurm_setup": [f"export PYTHONPATH={shlex.quote(search_path())}"],  # a job may begin in any folder
    }
    executor.update_parameters(
        name=folder.name,
        timeout_min=options.minutes,
        **{name: value for name, value in parameters.items() if value is not None},
    )
    squeue.forget()
    shares: list[Any] = []
    try:
        if options.array > 1:
            executor.update_parameters(slurm_array_parallelism=options.array)
            numbers = range(options.array)
            shares = executor.map_array(Share(), [str(folder)] * len(numbers), numbers, [options.array] * len(numbers))
            (folder / _SHARES).write_text(_number(shares[0]), "utf-8")
            after = ",".join([*filter(None, [options.extra.get("dependency")]), f"afterany:{_number(shares[0])}"])
            executor.update_parameters(slurm_additional_parameters=options.extra | {"dependency": after})
        return executor.submit(Job(), str(folder)).job_id
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError, OSError) as error:
        for job in shares[:1]:
            _cancel(folder, _number(job))
        lines = str(error).strip().splitlines()
        raise RunError(f"SLURM refused the run: {lines[-1] if lines else error!r}") from None


def cancel(folder: Path, job: str) -> None:
    """Takes a job, and those it waits for, from the cluster. Raises RunError where there is no SLURM."""
    with suppress(DataError):
        _cancel(folder, read_text(folder / _SHARES, most=100))
    _cancel(folder, job)


def _number(job: Any) -> str:
    """Of the whole array that a job is of."""
    return str(job.job_id).split("_")[0]


def _cancel(folder: Path, job: str) -> None:
    from submitit import SlurmJob

    try:
        SlurmJob(folder / "slurm", job).cancel(check=False)
    except OSError as error:
        message = f"SLURM's job {job} cannot be cancelled here ({error.strerror or error}); do it where the cluster is"
        raise RunError(message) from None
