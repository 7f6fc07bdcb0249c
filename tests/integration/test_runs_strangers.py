"""What lies in the folder a command is given in is not run, by the command or by any process that it starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import Canaries

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = (
    "from nast_core.cli import app\nif __name__ == '__main__':\n    app()\n"  # the commands, without what main() adds
)
POOL = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from nast_core.cli import main
if __name__ == "__main__":
    sys.argv = ["nast", "--help"]
    try:
        main()
    except SystemExit:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            print(pool.submit(os.getpid).result())
"""
PAIRS = [
    {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"},
    {"affirmative": "rib fracture is present", "negated": "rib fracture is absent", "finding": "Fracture"},
]


@pytest.fixture
def canaries(tmp_path) -> Canaries:
    return Canaries(tmp_path / "downloads", tmp_path / "heard.txt")


@pytest.fixture
def script(tmp_path, canaries):
    """Carries out a Python script, which lies elsewhere, in the folder of the canaries."""
    (tmp_path / "bin").mkdir()

    def call(code: str, *words: object) -> subprocess.CompletedProcess:
        (tmp_path / "bin" / "nast").write_text(code)
        env = os.environ | {
            "PYTHONPATH": str(ROOT),
            "NAST_RUNS": str(tmp_path / "runs"),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        words = (sys.executable, tmp_path / "bin" / "nast", *words)
        return subprocess.run(words, cwd=canaries.folder, env=env, capture_output=True, text=True, timeout=300)

    return call


def test_a_canary_sings_where_python_looks_into_the_current_folder(canaries):
    subprocess.run([sys.executable, "-c", "import filelock"], cwd=canaries.folder, check=True)
    assert "filelock" in canaries.sang


@pytest.mark.long
def test_a_run_of_two_processes_runs_nothing_that_lies_in_the_current_folder(canaries, script, folders, tmp_path):
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    recipe = canaries.folder / "attention.yaml"
    recipe.write_text(
        f"kind: attention\nmodel: {folders['Hugging Face CLIP']}\npairs: {tmp_path}/pairs.jsonl\ndevice: "
        "cpu\nnum_processes: 2\n"
    )
    done = script(SCRIPT, "run", recipe)
    assert canaries.sang == []
    assert done.returncode == 0, done.stderr
    assert "results: " in done.stdout


def test_the_processes_that_a_command_draws_with_run_nothing_of_it_either(canaries, script):
    done = script(POOL)
    assert canaries.sang == []
    assert done.stdout.splitlines()[-1].isdigit(), done.stderr


def test_an_empty_entry_of_the_callers_path_does_not_bring_the_current_folder_back(monkeypatch, tmp_path):
    from nast_core.work.launch import search_path

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "lib", str(tmp_path)]))
    assert search_path().split(os.pathsep) == [str(ROOT), str(tmp_path)]
