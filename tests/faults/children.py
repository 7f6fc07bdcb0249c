"""``nast`` commands in processes of their own that can be killed: forked, so that none pays for importing torch."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

LONGEST = 300.0  # seconds that a child may take


@dataclass(frozen=True)
class Ended:
    code: int  # the exit code; a signal that killed it as its negative
    said: str  # stdout and stderr
    seconds: float

    def refusal(self) -> str:
        """The sentence of a command that ended with one; what is amiss where it did not."""
        lines = [line for line in self.said.splitlines() if line.startswith("nast: ")]
        if self.code != 2 or len(lines) != 1 or "Traceback" in self.said:
            raise AssertionError(f"ended with {self.code}: {self.said[-400:]!r}")
        return lines[0]


class Child:
    """A forked process that carries out ``work``."""

    def __init__(self, work: Callable[[], object], log: Path, environment: Mapping[str, str]):
        self._log, self._begun = log, time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _carry_out(work, log, environment)

    def kill(self) -> None:
        """As by the kernel, for want of memory: no warning, and all that it started with it."""
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        while time.monotonic() < self._begun + LONGEST:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                seconds = time.monotonic() - self._begun
                return Ended(os.waitstatus_to_exitcode(status), self._log.read_text("utf-8", "replace"), seconds)
            time.sleep(0.01)
        self.kill()
        os.waitpid(self.pid, 0)
        return Ended(-int(signal.SIGKILL), f"not done after {LONGEST:g} s", LONGEST)


def _carry_out(work: Callable[[], object], log: Path, environment: Mapping[str, str]) -> NoReturn:
    code = 1
    try:
        os.setpgid(0, 0)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ.update(environment)
        work()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def nast(*words: object) -> Callable[[], None]:
    """What ``nast WORDS`` does."""

    def work() -> None:
        from nast_core.cli import app

        sys.argv = ["nast", *map(str, words)]
        app()

    return work


def warm() -> None:
    """Imports what commands import late, once for all children; runs nothing, for a fork must find no threads."""
