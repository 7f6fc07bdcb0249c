"""Seconds from ``streamlit run`` to the first page: its title, and its first finished case."""

import re
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright

from tests.browser_tools import CHROMIUM_FLAGS, chromium_path, running_app


def first_page_seconds() -> list[tuple[str, str, str]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        began = time.perf_counter()
        with running_app() as address:
            page = browser.new_page()
            page.goto(address)
            page.get_by_role("heading", name="Does the model read").wait_for(timeout=120_000)
            title = time.perf_counter() - began
            page.get_by_text(re.compile(r"chosen$")).first.wait_for(timeout=120_000)
            case = time.perf_counter() - began
        browser.close()
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "nast_core.cli", "model", "info", "demo"], check=True, capture_output=True)
    told = time.perf_counter() - began
    return [
        ("`nast model info demo`", f"{told:.1f} s", "with its self-test; at most 4 s wanted"),
        ("First page: title painted", f"{title:.1f} s after `streamlit run`", "cold server, headless Chromium"),
        (
            "First page: first case scored and shown",
            f"{case:.1f} s after `streamlit run`",
            "includes loading torch and the model",
        ),
    ]
