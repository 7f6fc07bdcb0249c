"""The Layers page in a real Chromium: what is clicked leads on, and a chart opens over the whole window."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_app import settled, shot

PAIR = "pair=There+is+no+edema."


def opened(page: Page, address: str, tab: str) -> None:
    page.goto(f"{address}/layers?layers-tab={tab}&{PAIR}")
    expect(page.get_by_role("heading", name="Layers", exact=True)).to_be_visible()
    settled(page)


def head_of(page: Page) -> str:
    return page.get_by_role("heading", name=re.compile(r"^Head \d+\.\d+$")).inner_text()


@pytest.mark.long
def test_lines_bars_and_cells_lead_on_and_every_chart_opens_over_the_window(page, address):
    opened(page, address, "Flow")
    before = head_of(page)
    traces = page.locator(".js-plotly-plot .scatterlayer .trace")
    expect(traces.locator(".points path.point").first).to_be_attached()
    sizes = [traces.nth(i).locator(".points path.point").count() for i in range(traces.count())]
    lines = traces.nth(sizes.index(max(sizes))).locator(".points path.point")  # of the text with more of them
    lines.first.click(force=True)  # the smallest that is drawn: of another head than the one that adds most
    expect(page.get_by_role("heading", name=before, exact=True)).to_have_count(0)
    settled(page)
    assert "contribution-" in page.url
    shot(page, "layers-flow")

    page.locator(".js-plotly-plot").hover()
    page.locator("[data-title='Fullscreen']").first.click()
    page.wait_for_function("document.querySelector('.js-plotly-plot').getBoundingClientRect().width > 1200")
    shot(page, "layers-flow-whole")
    page.locator("[data-title='Close fullscreen']").first.click()
    settled(page)

    opened(page, address, "Who+makes+the+score")
    before = head_of(page)
    bars = page.locator(".js-plotly-plot").first.locator(".barlayer .point path")
    expect(bars.first).to_be_attached()
    bars.nth(3).click(force=True)
    expect(page.get_by_role("heading", name=before, exact=True)).to_have_count(0)
    layer, head = head_of(page).removeprefix("Head ").split(".")
    settled(page)
    shot(page, "layers-parts")
    assert page.locator("[data-title='Fullscreen']").count() == page.locator(".js-plotly-plot").count() >= 2
    page.get_by_role("link", name="Where it looks, token by token").click()
    expect(page.get_by_text(f"Layer {layer}, head {head}: attention of each token")).to_be_visible()
    expect(page.get_by_role("img", name="There is some edema. -> There is no edema.")).to_be_visible()

    opened(page, address, "Patch+lens")
    effect = page.get_by_test_id("stMetricValue").nth(3)
    before = effect.inner_text()
    cells = page.locator(".js-plotly-plot .scatterlayer .trace").nth(1).locator(".points path.point")
    expect(cells.first).to_be_attached()
    cells.last.click(force=True)  # the last layer's end token: what is written there is all that is read
    expect(effect).not_to_have_text(before)
    assert "patch-to-layer=12" in page.url
    shot(page, "layers-patch")
