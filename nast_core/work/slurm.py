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

from nast_core.files.gate import printable
from nast_core.recipe import Executor, RunError
from nast_core.runs import squeue
from nast_core.work.launch import SAFE, search_path

_NOTED = 30.0  # seconds in which a job's number is written down


class Job:
    """What the cluster runs. Preempted, or at its time limit, it is queued again and goes on from its checkpoint."""

    def __call__(self, folder: str) -> None:
        if not os.path.isdir(folder):  # it was deleted while it was queued
            return
        log = os.open(Path(folder) / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
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


def submit(folder: Path, options: Executor) -> str:
    """Queues a run and returns its job's number. Raises RunError where there is no SLURM, or it refuses."""
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
    try:
        return executor.submit(Job(), str(folder)).job_id
    except (FailedJobError, FailedSubmissionError, subprocess.SubprocessError, OSError) as error:
        lines = str(error).strip().splitlines()
        raise RunError(f"SLURM refused the run: {lines[-1] if lines else error!r}") from None


def cancel(folder: Path, job: str) -> None:
    """Takes a job from the cluster. Raises RunError where there is no SLURM."""
    from submitit import SlurmJob

    try:
        SlurmJob(folder / "slurm", job).cancel(check=False)
    except OSError as error:
        message = f"SLURM's job {job} cannot be cancelled here ({error.strerror or error}); do it where the cluster is"
        raise RunError(message) from None
