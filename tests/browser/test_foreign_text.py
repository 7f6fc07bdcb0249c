"""One payload in names, texts and addresses, in a real Chromium: it is read as text, and nobody is called."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from nast_core.benchmark.items import Item, write_items
from nast_core.benchmark.phantoms import phantom_items
from tests.browser_tools import ROOT, load_it

SHOTS = ROOT / "artifacts"


class Listener:
    """A server that notes every request, as a stranger's would."""

    def __init__(self) -> None:
        noted = self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path != "/frame":
                    noted.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(self.server.page.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.page = ""
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def stranger():
    listener = Listener()
    yield listener
    listener.server.shutdown()


@pytest.fixture
def payload(stranger) -> str:
    there = stranger.address
    return (
        f"![i]({there}/x.png) :red[r] :material/rocket: :tada: [l]({there}/l) $x^2$ <img src={there}/y.png> **b** "
        f"{there}/bare"
    )


def settled(page: Page) -> None:
    page.wait_for_function(
        "document.querySelector('[data-test-script-state]')?.dataset.testScriptState == 'notRunning'"
    )
    page.wait_for_timeout(700)


def nothing_but_text(page: Page, stranger: Listener) -> None:
    """The page holds no image, link, formula, icon or bold of the payload, and nobody was called."""
    settled(page)
    assert page.locator(f"[src*='{stranger.address}'], a[href*='{stranger.address}']").count() == 0
    assert page.locator(".katex, [aria-label='rocket icon']").count() == 0
    assert page.locator("strong", has_text=re.compile("^b$")).count() == 0
    assert stranger.requests == []


def seen(page: Page) -> str:
    """What a reader sees, in one line."""
    return " ".join(page.get_by_test_id("stMain").inner_text().replace("\u2060", "").split())


@pytest.mark.long
def test_typed_texts_and_names_in_addresses_are_text(page, address, stranger, payload):
    page.goto(f"{address}/attention?{urlencode({'pair-source': 'typed', 'affirmative': payload, 'negated': 'no'})}")
    expect(page.get_by_text("shorten it")).to_be_visible()
    nothing_but_text(page, stranger)
    page.goto(f"{address}/models?{urlencode({'model': payload})}")
    expect(page.get_by_role("button", name=re.compile("Load it"))).to_be_visible()
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / "link.png"))
    nothing_but_text(page, stranger)
    assert payload in seen(page)
    load_it(page)
    expect(page.get_by_text("there is no folder")).to_be_visible()
    nothing_but_text(page, stranger)


@pytest.mark.long
def test_items_are_opened_at_a_press_and_are_text_in_every_view(page, address, stranger, payload, tmp_path: Path):
    made = []
    for number, item in enumerate(phantom_items(8, seed=3, split="validation")):
        texts = {
            form: tuple(f"{text} {payload}" for text in getattr(item, form)) for form in ("negated", "affirmative")
        }
        names = {"item_id": f"{number}", "patient_id": f"p{number} {payload}", "study_id": payload, "question": payload}
        conditions = tuple(f"{condition} {payload}" for condition in item.conditions)
        made.append(Item.model_validate(item.model_dump() | texts | names | {"conditions": conditions}))
    path = tmp_path / "evil.items.jsonl"
    write_items(made, path)
    page.goto(f"{address}/data?{urlencode({'data-do': 'Look through a file', 'data-file': path})}")
    load_it(page)
    expect(page.get_by_text("8 of 8 items")).to_be_visible()
    nothing_but_text(page, stranger)
    assert payload in seen(page)
    page.goto(
        f"{address}/data?{urlencode({'data-do': 'Look through a file', 'data-file': path, 'data-view': 'Balance'})}"
    )
    expect(page.locator(".js-plotly-plot").first).to_be_visible()  # opened before: nothing is asked
    nothing_but_text(page, stranger)
    assert page.locator(".js-plotly-plot text a").count() == 0


@pytest.mark.long
def test_what_a_link_leaves_out_is_not_opened(page, address, tmp_path: Path):
    page.goto(f"{address}/attention?{urlencode({'model': tmp_path / 'not-wanted', 'layer': 2})}")
    page.get_by_role("button", name=re.compile("Leave it out")).click()
    expect(page.get_by_role("heading", name="Attention to the negator")).to_be_visible()
    settled(page)
    assert "not-wanted" not in page.url
    assert "layer=2" in page.url
    expect(page.get_by_role("textbox", name="Model")).to_have_value("demo")


@pytest.mark.long
def test_what_is_typed_is_opened_without_a_question(page, address, tmp_path: Path):
    page.goto(f"{address}/attention")
    settled(page)
    field = page.get_by_role("textbox", name="Model")
    field.fill(str(tmp_path / "typed"))
    field.press("Enter")
    expect(page.get_by_text("there is no folder")).to_be_visible()
    page.reload()  # the address names it now, and this server has been asked for it
    expect(page.get_by_text("there is no folder")).to_be_visible()


def test_the_app_is_shown_in_no_other_page(browser, address, stranger):
    stranger.server.page = f"<iframe src='{address}/' width=800 height=600></iframe>"
    window = browser.new_page()
    window.goto(f"{stranger.address}/frame")
    window.wait_for_timeout(1500)
    assert [frame.url for frame in window.frames if frame != window.main_frame] == ["chrome-error://chromewebdata/"]
    window.close()
