"""Seconds to the first of the demo: ``nast model info``, and from ``streamlit run`` to the first page's title and case.

Each three times; besides the middle of them the processor's seconds, which hold on a busy machine too.
"""

import re
import resource
import subprocess
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from tests.browser_tools import CHROMIUM_FLAGS, chromium_path, running_app

TIMES = 3


def first_page_seconds() -> list[tuple[str, str, str]]:
    told = sorted(_told() for _ in range(TIMES))
    tuned = sorted(_told("demo-tuned") for _ in range(TIMES))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        opened = [_opened(browser) for _ in range(TIMES)]
        browser.close()
    titles, cases = (sorted(times) for times in zip(*opened, strict=True))
    return [
        ("`nast model info demo`", _said(told), "with its self-test; at most 4 s wanted"),
        ("`nast model info demo-tuned`", _said(tuned), "the demo and its adapter, by PEFT"),
        (
            "First page: title painted",
            f"{titles[1]:.1f} s after `streamlit run`",
            f"{_spread(titles)}; cold server, headless Chromium",
        ),
        (
            "First page: first case scored and shown",
            f"{cases[1]:.1f} s after `streamlit run`",
            f"{_spread(cases)}; includes loading torch and the model; at most 5 s wanted",
        ),
    ]


def _told(model: str = "demo") -> tuple[float, float]:
    """Seconds of ``nast model info``, and those of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = [sys.executable, "-m", "nast_core.cli", "model", "info", model]
    subprocess.run(words, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, spent


def _said(times: list[tuple[float, float]]) -> str:
    return f"{times[len(times) // 2][0]:.1f} s, {min(spent for _, spent in times):.1f} s of the processor"


def _opened(browser: Browser) -> tuple[float, float]:
    """Seconds from the start of a server to Home's title, and to its first finished case."""
    began = time.perf_counter()
    with running_app() as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("heading", name="Does the model read").wait_for(timeout=120_000)
        title = time.perf_counter() - began
        page.get_by_text(re.compile(r"chosen$")).first.wait_for(timeout=120_000)
        case = time.perf_counter() - began
        page.close()
    return title, case


def _spread(times: list[float]) -> str:
    return f"median of {len(times)}, {times[0]:.1f} to {times[-1]:.1f} s"
