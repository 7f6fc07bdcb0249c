"""Processes that read images, when whoever started them is stopped or killed: none stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
SOON = 60


def _heeding_interrupts() -> None:
    """What a shell starts in the background ignores them, and so do its children: this suite may be such a one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_stopped_command_leaves_no_process_and_no_file(folders, tmp_path, stop, code):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500), np.uint8)).save(tmp_path / "images/0.png")
    for number in range(1, 600):
        os.link(tmp_path / "images/0.png", tmp_path / f"images/{number}.png")
    words = ["encode", "--model", folders["Hugging Face CLIP"], "--images", tmp_path / "images", "--workers", 2]
    env = os.environ | {"PYTHONPATH": str(ROOT), "NAST_RUNS": str(tmp_path / "runs"), "NAST_CACHE": "off"}
    command = subprocess.Popen(
        [sys.executable, "-m", "nast_core.cli", *map(str, words), "--out", str(tmp_path / "o.npz")],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heeding_interrupts,
    )
    one, deadline, readers = psutil.Process(command.pid), time.monotonic() + SOON, []
    while len(readers) < 2 and time.monotonic() < deadline:
        readers = one.children()
        time.sleep(0.05)
    assert len(readers) == 2
    if stop == signal.SIGINT:
        os.killpg(command.pid, stop)  # Ctrl-C goes to all that the terminal started
    else:
        command.send_signal(stop)
    _, said = command.communicate(timeout=SOON)
    assert command.returncode == code, said
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(readers, timeout=15)
    assert alive == []
    assert not (tmp_path / "o.npz").exists()
