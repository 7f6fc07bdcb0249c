"""The app as a user starts it, and a real Chromium to look at it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "dashboard" / "app.py"
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


def chromium_path() -> str | None:
    return next(filter(None, (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))), None)


def need_chromium() -> str | None:
    """A browser's path, None for Playwright's own; skips with the reason, or fails where it may not be skipped."""
    if path := chromium_path():
        return path
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        if Path(playwright.chromium.executable_path).exists():
            return None
    reason = "no Chromium here: 'apt-get install chromium' or 'playwright install chromium'"
    if os.environ.get("NAST_REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


def load_it(page) -> None:
    """Says yes to what a link names and the server has not opened before."""
    page.get_by_role("button", name=re.compile("Load it")).click()


@contextmanager
def running_app(
    *options: str, stop: signal.Signals = signal.SIGTERM, folder: Path = ROOT, script: Path = APP, **environment: str
) -> Iterator[str]:
    """``streamlit run dashboard/app.py`` in ``folder``, ended by ``stop``; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.headless",
        "true",
        "--server.port",
        str(port),
        *options,
    ]
    log = ROOT / "artifacts" / "streamlit.log"
    log.parent.mkdir(exist_ok=True)
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=os.environ | environment
        ) as server,
    ):
        address = f"http://localhost:{port}"
        try:
            wait_for_answer(address, server)
            yield address
        finally:
            server.send_signal(stop)


def wait_for_answer(address: str, server: subprocess.Popen, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError("the app's server stopped; see artifacts/streamlit.log")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"no answer from {address} in {seconds} s")
