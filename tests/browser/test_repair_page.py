"""The Repair page in a real Chromium: a repair measured at a press, its picture, and the repaired model on Home."""

import re

import pytest
from playwright.sync_api import expect

from nast_core.runs.store import RunStore
from nast_core.work.executors import cancel, wait_for
from tests.browser_tools import ROOT, running_app

SHOTS = ROOT / "artifacts"
WAIT = 240_000  # ms; CI machines have two slow cores


@pytest.mark.long
def test_a_repair_is_measured_at_a_press_drawn_and_taken_to_home(page, tmp_path):
    runs = {"NAST_RUNS": str(tmp_path / "runs")}
    store = RunStore(tmp_path / "runs")
    with running_app(**runs) as address:
        page.goto(f"{address}/repair?repair-methods=rewrite&repair-n=200")
        expect(page.get_by_text(re.compile("^Split: affirmed, ")).first).to_be_visible(timeout=WAIT)
        page.get_by_role("button", name=re.compile(r"Measure 1 repair \(rewrite\): about ")).click()
        expect(page.get_by_role("button", name=re.compile("Cancel"))).to_be_visible(timeout=WAIT)
        (begun,) = [row.run for row in store.table().rows if row.recipe.kind == "repair"]
        try:
            assert wait_for(begun, 400).state == "finished"
        finally:
            if begun.status.active:
                cancel(begun)
        expect(page.get_by_text(re.compile("^rewrite answers .* with negations, where demo as it is"))).to_be_visible(
            timeout=WAIT
        )
        expect(page.locator(".js-plotly-plot")).to_have_count(2, timeout=WAIT)
        page.screenshot(path=str(SHOTS / "repair.png"), full_page=True)
        page.get_by_role("button", name=re.compile("Use this model")).click()
        expect(page.get_by_text("demo CLIP + rewrite").first).to_be_visible(timeout=WAIT)
        assert "model=demo%2Brewrite" in page.url
        page.get_by_role("link", name=re.compile("Home")).first.click()
        expect(page.get_by_text(re.compile("^Split: ")).first).to_be_visible(timeout=WAIT)
        page.goto("about:blank")
