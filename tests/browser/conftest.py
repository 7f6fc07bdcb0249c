"""The app as a user starts it, once a file of tests, and a window that lets no trouble pass."""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser_tools import CHROMIUM_FLAGS, need_chromium, running_app

expect.set_options(timeout=120_000)  # CI machines have two slow cores

# Console lines about a failed load name no address; such loads are caught below by their address instead.
_HARMLESS = re.compile(r"fragment|ResizeObserver|React DevTools|preload|WebGL|Failed to load resource", re.IGNORECASE)


@pytest.fixture(scope="module")
def address():
    need_chromium()
    with running_app() as where:
        yield where


@pytest.fixture(scope="module")
def browser():
    path = need_chromium()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A window that notes every console error and uncaught exception, and fails the test on any."""
    window = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    window.set_default_timeout(120_000)
    troubles: list[str] = []
    window.on(
        "console", lambda m: troubles.append(m.text) if m.type == "error" and not _HARMLESS.search(m.text) else None
    )
    window.on(
        "requestfailed", lambda r: troubles.append(f"{r.url}: {r.failure}") if "ABORTED" not in str(r.failure) else None
    )
    # on a deep link Streamlit itself first asks for its own files one folder too deep
    window.on(
        "response",
        lambda r: troubles.append(f"{r.url}: {r.status}") if r.status >= 400 and "/_stcore/" not in r.url else None,
    )
    window.on("pageerror", lambda error: troubles.append(str(error)))
    yield window
    assert window.get_by_test_id("stException").count() == 0
    window.close()
    assert not troubles, troubles
