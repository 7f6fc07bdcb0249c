"""What SLURM says of its jobs: a run that waits in a queue has no process that could be looked up."""

import subprocess
import time

_SECONDS = 3.0  # seconds for which one answer of squeue serves: a table asks for every run
_jobs: tuple[float, dict[str, str] | None] = (float("-inf"), None)


def job_state(job: str) -> str | None:
    """SLURM's word for a job of this user, None for one it does not know (any more), UNKNOWN without a SLURM to ask."""
    global _jobs
    if time.monotonic() - _jobs[0] > _SECONDS:
        _jobs = (time.monotonic(), _ask())
    return "UNKNOWN" if _jobs[1] is None else _jobs[1].get(job)


def forget() -> None:
    """squeue is asked anew: its last answer does not know the job that was queued just now."""
    global _jobs
    _jobs = (float("-inf"), None)


def _ask() -> dict[str, str] | None:
    words = ["squeue", "--me", "--noheader", "--format=%A %T"]
    try:
        output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    words_by_line = (line.split(maxsplit=1) for line in output.splitlines())
    return {words[0]: words[1] for words in words_by_line if len(words) == 2}
