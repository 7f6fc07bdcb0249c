"""The engine in a process of its own: what it prints to a real terminal, and what it must never import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def python(*words: object) -> subprocess.CompletedProcess:
    env = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300
    )


@pytest.mark.long
@pytest.mark.slow
def test_a_mistake_prints_one_line_in_a_real_process_too_whatever_the_libraries_say(copied, edit):
    folder = copied()
    edit(folder / "config.json", lambda config: config["text_config"].update(intermediate_size=48))
    done = python("-m", "nast_core.cli", "model", "info", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "found (64,), expected (48,)" in done.stderr
