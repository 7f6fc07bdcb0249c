"""The short form of ``python -m tests.faults``: the table of all of it is docs/faults.md."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def short(*parts: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short", *parts], cwd=ROOT, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_a_killed_command_asked_again_gives_what_an_uninterrupted_one_gives_and_a_full_disk_is_a_sentence():
    said = short("kills", "disk")
    if "skipped" in said:
        pytest.skip(said.split("skipped, ")[1].splitlines()[0])


@pytest.mark.long
def test_sessions_get_their_own_answers_and_no_error_box():
    assert "| crowd | every answer is one's own |" in short("crowd")
