"""Seconds until the Compare page shows something: on a fresh install, and a finished fine-tune beside its base,
computed and found again by a new server."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

from tests.browser_tools import CHROMIUM_FLAGS, chromium_path, running_app
from tests.finetuning import write_phantom_claims

RECIPE = """kind: finetune
data: {claims}
steps: 4
validation_studies: 8
device: cpu
tracker: none
"""


def fresh_compare_seconds() -> list[tuple[str, str, str]]:
    """A server that has just begun to answer and has loaded nothing, three times;
    the page is the first that is asked for."""
    shown = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        for _ in range(3):
            with (
                tempfile.TemporaryDirectory() as folder,
                running_app(NAST_RUNS=f"{folder}/runs", NAST_CACHE=f"{folder}/cache") as address,
            ):
                page = browser.new_page()
                shown.append(_shown(page, f"{address}/compare"))
                page.close()
        browser.close()
    headlines, charts = (sorted(getattr(one, name) for one in shown) for name in ("headline", "chart"))
    return [
        ("Compare page, fresh install and server, headline", f"{headlines[1]:.1f} s", "median of 3, "
            f"{headlines[0]:.1f} to {headlines[-1]:.1f} s; demo and demo-tuned, without a click; at most 3 s wanted"),
        ("Compare page, the same, first chart", f"{charts[1]:.1f} s", f"median of 3, {charts[0]:.1f} to "
            f"{charts[-1]:.1f} s"),
    ]  # fmt: skip


def compare_page_seconds() -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        runs, link = Path(folder) / "runs", _tuned(Path(folder))
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        seconds = []
        for _ in range(2):
            with running_app(NAST_RUNS=str(runs), NAST_CACHE=str(Path(folder) / "cache")) as address:
                page = browser.new_page()
                page.goto(address)  # the server is up and holds the base, as when one comes from another page
                page.get_by_text(re.compile(r"chosen$")).first.wait_for(timeout=120_000)
                seconds.append(_shown(page, f"{address}/{link}"))
                again = _shown(page, f"{address}/{link}")
                page.close()
        browser.close()
    return [
        ("Compare page, a run's own figures shown", f"{seconds[0].recorded:.1f} s", "opened for the first time; at "
            "most 2 s wanted"),
        ("Compare page, everything compared", f"{seconds[0].chart:.1f} s", "base and fine-tune, demo CLIP, 500 "
            "questions, 48 pairs"),
        ("Compare page, opened again by a new server", f"{seconds[1].headline:.1f} s", "until the headline is "
            "painted; at most 2 s wanted"),
        ("Compare page, the same, first chart", f"{seconds[1].chart:.1f} s", "about a second of it is the browser's, "
            "for Plotly"),
        ("Compare page, opened once more, first chart", f"{again.chart:.1f} s", "on that server; at most 2 s wanted"),
    ]  # fmt: skip


def _tuned(folder: Path) -> str:
    """A finished fine-tune, and the link that compares the base with it."""
    claims = write_phantom_claims(folder / "claims.jsonl", train=60, validation=20)
    (folder / "recipe.yaml").write_text(RECIPE.format(claims=claims), "utf-8")
    words = [sys.executable, "-m", "nast_core.cli", "run", str(folder / "recipe.yaml")]
    subprocess.run(words, check=True, capture_output=True, env=os.environ | {"NAST_RUNS": str(folder / "runs")})
    (run,) = (path.name for path in (folder / "runs").iterdir() if (path / "summary.json").exists())
    return f"compare?a=demo&b=run:{run}"


class Shown(NamedTuple):
    """Seconds until each is painted, from a load of the whole page."""

    recorded: float  # what the run wrote down, or the headline where that comes first
    headline: float
    chart: float


def _shown(page: Page, link: str) -> Shown:
    began = time.perf_counter()
    page.goto(link)
    headline = page.get_by_text("Accuracy, negated, B - A").first
    found = []
    for awaited in (page.get_by_text("wrote down when it ended").first.or_(headline).first, headline,
                    page.get_by_text("Accuracy of A and B").first):  # fmt: skip
        awaited.wait_for(timeout=300_000)
        found.append(time.perf_counter() - began)
    return Shown(*found)
