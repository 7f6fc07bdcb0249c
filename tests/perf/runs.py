"""Seconds to list many runs."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nast_core.runs.status import Process, Status
from nast_core.runs.store import RunStore
from nast_core.work.identity import identity
from nast_core.work.kinds import TraceRecipe
from tests.perf.timing import best

ROOT = Path(__file__).resolve().parents[2]
_MANY = 500
_LIST = "import sys; from nast_core.cli import app; app(['runs', 'list'])"


def listing_five_hundred_runs() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        recipe = TraceRecipe()
        first = store.create(recipe, identity(recipe, store.root, "f" * 64))
        first.set_status(Status(state="running", process=Process.of(os.getpid())))
        for number in range(2, _MANY + 1):
            shutil.copytree(first.folder, first.folder.with_name(f"{first.id}-{number}"))
        env = os.environ | {"NAST_RUNS": folder, "PYTHONPATH": str(ROOT)}

        def command() -> str:
            return subprocess.run(
                [sys.executable, "-c", _LIST], env=env, check=True, capture_output=True, text=True
            ).stdout

        assert command().count(" running ") == _MANY
        return [
            (
                f"`nast runs list` with {_MANY} runs at work",
                f"{best(command):.2f} s",
                "a process of its own, from start to end",
            ),
            (
                f"The table of {_MANY} runs at work",
                f"{best(store.table):.2f} s",
                "read and checked anew, in a running page",
            ),
        ]
