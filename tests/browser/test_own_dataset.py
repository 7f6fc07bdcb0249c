"""From a table and a folder of images to the compared fine-tune, all by the pages, in a real Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from nast_core.runs.store import RunStore
from nast_core.work.executors import cancel, wait_for
from tests.browser_tools import ROOT, load_it, running_app
from tests.datasets import write_table

SHOTS = ROOT / "artifacts"
PATIENTS = {"train": 20, "validation": 12, "test": 12}


def settled(page: Page) -> None:
    page.wait_for_timeout(500)
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'"
    )


@pytest.mark.long
def test_from_a_table_and_images_to_a_compared_fine_tune(page, tmp_path):
    table = write_table(tmp_path / "mine", PATIENTS)
    store = RunStore(tmp_path / "runs")
    own = {"NAST_RUNS": str(tmp_path / "runs"), "NAST_DATA": str(tmp_path / "sets")}
    with running_app(**own) as address:
        try:
            build(page, address, table)
            trace(page)
            run = tune(page, store)
            assert wait_for(run, 200).state == "finished"
            card = (run.folder / "adapter" / "README.md").read_text("utf-8")
            assert f"- Data: the dataset my-dataset ({tmp_path / 'sets' / 'my-dataset'}, fingerprint `" in card
            assert "20 training and 12 validation studies" in card
            compare(page, address, tmp_path, run.id)
        finally:
            for left in store.runs():
                if left.status.active:
                    cancel(left)
            page.goto("about:blank")


def build(page: Page, address: str, table) -> None:
    page.goto(f"{address}/data?data-do=Build+a+dataset&data-table-path={table}&data-images={table.parent / 'images'}")
    load_it(page)
    page.get_by_role("button", name=re.compile("Build$")).click()  # while the model still loads: a press is not lost
    page.get_by_role("button", name="Use this dataset").click()
    expect(page.get_by_text("44 of 44 studies of my-dataset.")).to_be_visible()
    expect(page.get_by_test_id("stImage").locator("img").first).to_be_visible()
    settled(page)
    page.screenshot(path=str(SHOTS / "own-dataset.png"))
    assert "my-dataset" in page.url  # the dataset is in the address


def trace(page: Page) -> None:
    page.get_by_role("link", name="Causal tracing").click()
    expect(page.get_by_role("heading", name="One pair")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    settled(page)
    expect(page.get_by_text(re.compile(r"p\d+\.png")).first).to_be_visible()


def tune(page: Page, store: RunStore):
    page.get_by_role("link", name="Fine-tune").click()
    expect(page.get_by_text(re.compile("my-dataset: .* statements about 20 train studies"))).to_be_visible()
    settled(page)
    page.get_by_label("Steps", exact=True).fill("20")
    page.keyboard.press("Enter")
    settled(page)
    page.get_by_role("button", name=re.compile("Train . runs?:")).click()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    settled(page)
    *others, first = [row.run for row in store.table().rows if row.recipe.kind == "finetune"]  # the newest come first
    for other in others:  # an arm is enough
        cancel(other)
    return first


def compare(page: Page, address: str, tmp_path, run: str) -> None:
    link = f"compare?dataset={tmp_path / 'sets' / 'my-dataset'}&a=demo&b=run:{run}&compare-n=200&compare-pairs=12"
    page.goto(f"{address}/{link}")
    expect(page.get_by_text(re.compile("validation split of my-dataset")).first).to_be_visible()
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    settled(page)
    page.screenshot(path=str(SHOTS / "own-dataset-compared.png"), full_page=True)
