"""A SLURM cluster of one node, this machine, for tests: Debian's munge and slurm-wlm, started in a folder of its
own."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
_UP = 30.0  # seconds in which the node must be idle

_CONF = """
ClusterName=nast
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge.socket
CredType=cred/munge
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
KillWait=5
NodeName={name} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 Features=tall,fast State=UNKNOWN
PartitionName=main Nodes={name} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Why a cluster cannot be started here, or None."""
    if missing := [program for program in _PROGRAMS if _program(program) is None]:
        return f"no {', '.join(missing)} (apt-get install slurm-wlm munge)"
    return None if os.geteuid() == 0 else "its daemons must be started as root"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextmanager
def cluster() -> Iterator[dict[str, str]]:
    """While open, SLURM's commands work in the environment it gives.
    Raises RuntimeError where the node does not come up."""
    base = Path(tempfile.mkdtemp(prefix="nast-slurm-", dir="/tmp"))
    base.chmod(0o755)  # munged refuses folders that others may write to
    for folder in ("state", "spool"):
        (base / folder).mkdir()
    key = base / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    name = socket.gethostname().split(".")[0]
    (base / "slurm.conf").write_text(
        _CONF.format(base=base, name=name, ports=[_free_port(), _free_port()], cpus=os.cpu_count())
    )
    environment = os.environ | {"SLURM_CONF": str(base / "slurm.conf")}
    munged = ["munged", "--foreground", f"--key-file={key}", f"--socket={base}/munge.socket"]
    munged += [f"--pid-file={base}/munged.pid", f"--log-file={base}/munged.log", f"--seed-file={base}/munged.seed"]
    started: list[subprocess.Popen] = []
    try:
        for words in (munged, ["slurmctld", "-D"], ["slurmd", "-D", "-N", name]):
            program = _program(words[0])
            assert program is not None
            with (base / f"{words[0]}.out").open("wb") as out:
                started.append(subprocess.Popen([program, *words[1:]], env=environment, stdout=out, stderr=out))
            time.sleep(0.3)
        _wait_until_idle(base, environment)
        yield environment
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(base, ignore_errors=True)


def _wait_until_idle(base: Path, environment: dict[str, str]) -> None:
    until, said = time.monotonic() + _UP, ""
    while time.monotonic() < until:
        done = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
        said = (done.stdout or done.stderr).strip()
        if said == "idle":
            return
        time.sleep(0.3)
    logs = "\n".join(f"{path.name}:\n{path.read_text(errors='replace')[-1500:]}" for path in sorted(base.glob("*.*t")))
    raise RuntimeError(f"the node did not come up; sinfo says {said!r}\n{logs}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
