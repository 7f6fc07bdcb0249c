"""``python -m tests.faults``: kills, full disks and a crowd, on the product as it is; prints every trial as a table.

``--write`` keeps it in docs/faults.md. ``--short`` is what CI runs. Parts alone: ``python -m tests.faults disk kills``.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a fork must find no threads of torch

PARTS = ("kills", "disk", "crowd")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
HEAD = """# Kills, full disks, a crowd

Made by `python -m tests.faults --write`: real processes killed at random moments, real disks of a few megabytes (tmpfs) filled up,
and sessions of a real server over its own WebSocket, without browsers. A short form runs with the tests.
"""  # noqa: E501


def main() -> int:
    from tests.faults import children, crowd, disks, kills, world
    from tests.faults.trials import Trial, table

    asked = argparse.ArgumentParser(prog="python -m tests.faults")
    asked.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, where none is named")
    asked.add_argument("--short", action="store_true", help="a few trials of each part, in half a minute")
    asked.add_argument("--write", action="store_true", help=f"keep the table in {DOCS.name}")
    asked.add_argument("--sessions", type=int, default=20)
    asked.add_argument("--minutes", type=float, default=5.0, help="of the crowd; the bar is measured over 15")
    asked.add_argument("--times", type=int, default=6, help="kills of each kind of work")
    told = asked.parse_args()
    parts = told.parts or list(PARTS)

    def all_trials(folder: Path) -> Iterator[Trial]:
        if {"kills", "disk"} & {*parts}:
            children.warm()
            made = world.make(folder, tuned=not told.short)
            if "kills" in parts:
                yield from kills.trials(made, 1 if told.short else told.times, kills.SHORT if told.short else ())
            if "disk" in parts:
                yield from disks.trials(made, disks.SHORT if told.short else (), (8,) if told.short else disks.LEFT)
        if "crowd" in parts and told.short:
            yield from crowd.trials(3, 0.15, 1.5, crowd.SHORT, judged=False)
        elif "crowd" in parts:
            yield from crowd.trials(told.sessions, told.minutes)

    begun, done = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="nast-faults-") as folder:
        for trial in all_trials(Path(folder)):
            done.append(trial)
            print(
                f"{time.monotonic() - begun:5.0f} s  {trial.held} of {trial.tried}  {trial.what}  {trial.said}",
                flush=True,
            )
    print("\n" + table(done))
    if told.write:
        machine = (
            f"{platform.machine()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}, "
            f"{time.monotonic() - begun:.0f} s"
        )
        DOCS.write_text(f"{HEAD}\n{machine}\n\n{table(done)}", "utf-8")
    return 0 if all(trial.good for trial in done) else 1


if __name__ == "__main__":
    sys.exit(main())
