"""A fine-tune launched from the page in a real Chromium goes on without its server, and is found again."""

import re
import signal

import pytest
from playwright.sync_api import expect

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.runs.store import RunStore
from nast_core.work.executors import cancel, wait_for
from tests.browser_tools import ROOT, load_it, running_app
from tests.finetuning import write_phantom_claims

SHOTS = ROOT / "artifacts"


@pytest.fixture
def stop_at_the_end():
    runs = []
    yield runs
    for begun in runs:
        if begun.status.active:
            cancel(begun)


def settle(page, label: str, value: int) -> None:
    page.get_by_label(label, exact=True).fill(str(value))
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)


@pytest.mark.long
def test_a_training_outlives_the_killed_server_and_shows_before_and_after(page, tmp_path, stop_at_the_end):
    runs = {"NAST_RUNS": str(tmp_path / "runs")}
    store = RunStore(tmp_path / "runs")
    claims, items = write_phantom_claims(tmp_path / "claims.jsonl"), tmp_path / "items.jsonl"
    write_items(phantom_items(24, split="validation"), items)
    mine = f"finetune?train-on=my+files&claims={claims}&train-items={items}"
    with running_app(stop=signal.SIGKILL, **runs) as address:
        page.goto(f"{address}/{mine}")
        load_it(page)
        expect(page.get_by_text("No trace of this model is kept yet")).to_be_visible()
        settle(page, "Steps", 40)
        page.get_by_text("More settings").click()
        settle(page, "Studies a step", 8)
        page.get_by_role("button", name=re.compile("^play_arrow Train 1 run:|Train 1 run:")).click()
        expect(page.get_by_test_id("stDataFrame")).to_be_visible()
        (begun,) = [row.run for row in store.table().rows if row.recipe.kind == "finetune"]
        stop_at_the_end.append(begun)
        assert begun.status.active
        page.goto("about:blank")
    assert begun.status.active  # the server is gone, the run is not
    with running_app(**runs) as address:
        page.goto(f"{address}/{mine}")
        load_it(page)
        assert wait_for(begun, 400).state == "finished"
        expect(page.get_by_text("Validation figures while training").first).to_be_visible()
        expect(page.get_by_test_id("stDataFrame")).to_have_count(2)  # the board; and before, after, change
        page.screenshot(path=str(SHOTS / "finetune.png"), full_page=True)
        page.goto("about:blank")
