"""The attribution page in a real Chromium: what is drawn, the slider, a link, and Cancel on a model that takes long."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from tests.browser_tools import ROOT, load_it
from tests.checkpoints import TINY_TEXT

SHOTS = ROOT / "artifacts"
WAIT = 120_000  # ms; CI machines have two slow cores


def overlays(page: Page) -> dict:
    """What plotly holds of the image figure: opacity of its maps, how many X-rays lie under them."""
    return page.evaluate(
        """() => {
            const figure = [...document.querySelectorAll('.js-plotly-plot')].at(-1);
            return {opacity: figure.data.map(d => d.opacity), images: figure.layout.images.length,
                    drawn: figure.querySelectorAll('.heatmaplayer image, .hm image').length};
        }"""
    )


def drawn(page: Page, figures: int = 2) -> None:
    expect(page.locator(".js-plotly-plot")).to_have_count(figures, timeout=WAIT)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget]')")


@pytest.mark.long
def test_words_and_regions_are_drawn_and_the_slider_fades_the_maps(page, address):
    page.goto(f"{address}/attribution")
    expect(page.get_by_role("heading", name="Attribution", exact=True)).to_be_visible(timeout=WAIT)
    drawn(page)
    page.wait_for_timeout(500)
    found = overlays(page)
    assert found["images"] == 3
    assert found["drawn"] == 3
    assert found["opacity"] == [0.8] * 3
    page.get_by_role("slider").press("ArrowLeft")
    page.wait_for_function("[...document.querySelectorAll('.js-plotly-plot')].at(-1).data[0].opacity === 0.75")
    assert "opacity=75" in page.url


@pytest.mark.long
def test_a_link_reopens_the_method_and_the_pair(page, address):
    page.goto(f"{address}/attribution?attribution-method=Integrated+gradients&pair=There+is+no+edema.&opacity=60")
    drawn(page)
    expect(page.get_by_text(re.compile("convergence delta .* of the change"))).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("radio", name="Integrated gradients")).to_be_checked()
    assert overlays(page)["opacity"] == [0.6] * 3
    expect(page.get_by_role("combobox", name=re.compile("Negated text"))).to_have_value("There is no edema.")


@pytest.mark.long
def test_grad_cam_on_the_demo_says_which_methods_work(page, address):
    page.goto(f"{address}/attribution?attribution-method=Grad-CAM")
    expect(page.get_by_text("occlusion and integrated gradients work on it")).to_be_visible(timeout=WAIT)
    drawn(page, figures=1)


@pytest.mark.long
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (1920, "light")])
def test_the_page_fits_its_window_in_both_themes(browser, address, width, scheme):
    window = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    window.set_default_timeout(WAIT)
    window.goto(f"{address}/attribution?embed_options={scheme}_theme")
    drawn(window)
    assert window.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    height = window.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    window.set_viewport_size({"width": width, "height": min(max(height, 900), 4000)})
    window.wait_for_timeout(700)
    SHOTS.mkdir(exist_ok=True)
    window.screenshot(path=str(SHOTS / f"attribution-{width}-{scheme}.png"))
    window.close()


@pytest.fixture(scope="module")
def slow(tmp_path_factory) -> Path:
    """A CLIP whose image tower takes minutes for a map: a ViT-S of random weights."""
    folder, tokenizer = tmp_path_factory.mktemp("slow") / "model", fit_tokenizer(corpus(300), vocabulary=1400)
    text = TINY_TEXT | {
        "vocab_size": len(tokenizer), "max_position_embeddings": 32, "projection_dim": 16,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 6, "intermediate_size": 1536,
        "image_size": 336, "patch_size": 16,
    }  # fmt: skip
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}).save_pretrained(folder)
    return folder


@pytest.mark.long
def test_a_long_map_shows_its_progress_and_ends_on_cancel(page, address, slow):
    page.goto(f"{address}/attribution?model={slow}&pair=There+is+no+edema.")
    load_it(page)
    expect(page.get_by_text(re.compile(r"Occlusion: \d+ of \d+ forward passes, about \d+ s left"))).to_be_visible(
        timeout=WAIT
    )
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Occlusion was cancelled.")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("button", name="Compute")).to_be_visible()
    drawn(page, figures=1)
