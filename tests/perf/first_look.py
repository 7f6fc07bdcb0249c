"""Seconds to the first picture with a CLIP of BiomedCLIP's size, once it is loaded: one case, one pair, one head."""

import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser_tools import CHROMIUM_FLAGS, chromium_path, running_app
from tests.perf.models import biomedclip_size

LOOKS = {  # page -> what it shows first
    "": "First case on Home",
    "tracing": "First pair on Causal tracing",
    "attention": "First pair on Attention",
    "heads": "Heads, on one pair",
    "attribution": "First pair on Attribution",
}
AGAINST = "ViT-B/16 + BERT-base, random weights, loaded before; at most 5 s wanted"
PICTURE = ".js-plotly-plot .main-svg"


def first_look_seconds() -> list[tuple[str, str, str]]:
    rows = []
    with tempfile.TemporaryDirectory() as where, sync_playwright() as playwright:
        model = biomedclip_size(Path(where) / "model")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        own = {"NAST_MODEL": str(model), "NAST_RUNS": f"{where}/runs", "NAST_CACHE": f"{where}/cache"}
        with running_app(**own, HF_HUB_OFFLINE="1") as address:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(300_000)
            page.goto(f"{address}/data")
            page.get_by_text("Self-test").first.wait_for()  # the model is loaded
            for path, what in LOOKS.items():
                began = time.perf_counter()
                page.goto(f"{address}/{path}")
                seen = page.get_by_text("chosen").first if path == "" else page.locator(PICTURE).first
                seen.wait_for()
                rows.append((what, f"{time.perf_counter() - began:.1f} s", AGAINST))
        browser.close()
    return rows
