"""Three items judged with the keyboard alone in a real Chromium, after a reload, and typing that presses no button."""

import re

import pytest
from playwright.sync_api import Page, expect

from nast_core.benchmark.items import read_items
from nast_core.review.judgements import Reviews, reading_order

WAIT = 120_000  # ms; CI machines have two slow cores


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Where the app keeps data sets: set before its server starts."""
    made = tmp_path_factory.mktemp("sets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAST_DATA", str(made))
        yield made


def judged(page: Page, count: int) -> None:
    expect(page.get_by_text(f"Ada: {count} of 24 judged")).to_be_visible(timeout=WAIT)
    page.wait_for_function(
        "document.querySelector('[data-test-script-state]')?.dataset.testScriptState == 'notRunning'"
    )


@pytest.mark.long
def test_items_are_judged_by_keys_and_a_reload_goes_on_where_it_was(page, address, folder):
    page.goto(f"{address}/review")
    page.get_by_role("button", name=re.compile("Start on 24 demo items")).click(timeout=WAIT)
    name = page.get_by_role("textbox", name="Your name")
    name.fill("Ada", timeout=WAIT)
    name.press("Enter")
    judged(page, 0)
    page.keyboard.press("1")  # the name's field is gone: nothing is typed into it
    judged(page, 1)
    page.keyboard.press("z")
    judged(page, 0)
    comment = page.get_by_role("textbox", name=re.compile("Comment"))
    comment.fill("see 1 and 2")
    comment.press("End")
    comment.press_sequentially("3")  # typed, not judged
    comment.press("Enter")
    judged(page, 0)
    page.locator("h1").click()
    page.keyboard.press("2")
    judged(page, 1)
    page.keyboard.press("1")
    judged(page, 2)
    page.keyboard.press("z")
    judged(page, 1)
    page.keyboard.press("3")
    judged(page, 2)

    page.reload()
    page.get_by_role("textbox", name="Your name").fill("Ada", timeout=WAIT)
    page.get_by_role("textbox", name="Your name").press("Enter")
    page.get_by_role("button", name=re.compile("That was me")).click(timeout=WAIT)
    judged(page, 2)
    page.keyboard.press("1")
    judged(page, 3)

    path = folder / "demo.items.jsonl"
    order = [item.item_id for item in reading_order(read_items(path), "Ada")]
    lines = [(line.item_id, line.verdict, line.comment) for line in Reviews(path).of("Ada")]
    assert lines == [
        (order[0], "correct", ""), (order[0], None, ""), (order[0], "wrong", "see 1 and 23"), (order[1], "correct", ""),
        (order[1], None, ""), (order[1], "unclear", ""),
        (order[2], "correct", ""),
    ]  # fmt: skip
