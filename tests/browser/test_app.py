"""The whole app in a real Chromium, as a user goes through it. Screenshots land in artifacts/."""

import io
import re

import numpy as np
import pydicom
import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from tests.browser_tools import ROOT

SHOTS = ROOT / "artifacts"


def dicom_of(pixels: np.ndarray) -> bytes:
    """A 12-bit MONOCHROME1 radiograph, as detectors write them."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        DigitalXRayImageStorageForPresentation,
        generate_uid(),
    )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Modality, data.PhotometricInterpretation = "DX", "MONOCHROME1"
    data.Rows, data.Columns = pixels.shape
    data.SamplesPerPixel, data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 1, 16, 12, 11, 0
    data.PixelData = (4095 - pixels.astype(np.uint16) * 16).tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def settled(page: Page) -> None:
    """Waits until Streamlit has finished running, and the figures have been drawn."""
    page.wait_for_timeout(400)
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner]')")
    page.wait_for_timeout(500)


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    size = page.viewport_size
    page.set_viewport_size({"width": size["width"], "height": min(max(height, 900), 4000)})
    page.wait_for_timeout(700)
    page.screenshot(path=str(SHOTS / f"{name}.png"))
    page.set_viewport_size(size)


@pytest.mark.long
def test_a_user_goes_through_all_pages(page, address, tmp_path):
    page.goto(address)
    expect(page.get_by_role("heading", name="Does the model read")).to_be_visible()
    expect(page.get_by_text(re.compile(r"chosen$"))).to_have_count(2)
    settled(page)
    shot(page, "home")

    page.get_by_role("link", name="Attention").click()
    expect(page.get_by_role("heading", name="Attention to the negator")).to_be_visible()
    settled(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    cells = page.locator(".js-plotly-plot").first.locator(".scatterlayer .point")
    before = page.url
    cells.nth(4 * 8 + 2).click(force=True)  # layer 5, head 3: cells are listed layer by layer, 8 heads each
    expect(page.get_by_text("Layer 5, head 3: attention of each token")).to_be_visible()
    assert page.url != before
    assert "layer=5" in page.url
    assert "head=3" in page.url
    shot(page, "attention")

    page.get_by_role("link", name="Causal tracing").click()
    expect(page.get_by_role("heading", name="Causal tracing")).to_be_visible()
    settled(page)
    offered = page.get_by_role("button", name=re.compile(r"Trace \d+ pairs"))
    if offered.count():  # a machine that is busy now offers all pairs as a run
        offered.click()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    shot(page, "tracing")

    page.get_by_role("link", name="Benchmark").click()
    expect(page.get_by_role("heading", name="Benchmark", exact=True)).to_be_visible()
    expect(page.get_by_text("By condition denied", exact=True)).to_be_visible()
    settled(page)
    shot(page, "benchmark")

    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Known medical CLIPs")).to_be_visible()
    settled(page)
    shot(page, "models")

    upload = tmp_path / "chest.dcm"
    upload.write_bytes(dicom_of(render(sample_phantom(2_000_007), 256)))
    page.locator("input[type=file]").set_input_files(str(upload))
    expect(page.get_by_role("button", name="Remove chest.dcm")).to_be_visible()
    settled(page)  # an upload that ends after a click on a link asks for the page that it was begun on
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Your images, read both ways")).to_be_visible()
    settled(page)
    shot(page, "upload")


def test_a_file_that_is_no_image_is_one_sentence_beside_the_upload(page, address, tmp_path):
    page.goto(address)
    settled(page)
    (tmp_path / "report.png").write_bytes(b"%PDF-1.7 not an image")
    page.locator("input[type=file]").set_input_files(str(tmp_path / "report.png"))
    expect(page.get_by_text(re.compile("report.png.*PDF"))).to_be_visible()


def test_a_copied_link_reopens_the_same_view(page, address):
    page.goto(f"{address}/attention?layer=2&head=7&findings=Edema&pair=There+is+no+edema.")
    expect(page.get_by_text("Layer 2, head 7: attention of each token")).to_be_visible()
    settled(page)
    assert "layer=2" in page.url
    assert "findings=Edema" in page.url


@pytest.mark.long
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (1920, "light")])
def test_pages_are_readable_wide_and_narrow_in_both_themes(browser, address, width, scheme):
    window = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    window.set_default_timeout(120_000)
    for name in ("", "attention", "tracing", "heads?head-method=Estimate", "benchmark", "finetune", "models"):
        window.goto(f"{address}/{name}{'&' if '?' in name else '?'}embed_options={scheme}_theme")
        expect(window.get_by_role("heading").first).to_be_visible()
        settled(window)
        overflow = window.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name or 'home'} is {overflow} px wider than a {width} px window"
        shot(window, f"{name.split('?')[0] or 'home'}-{width}-{scheme}")
    window.close()


@pytest.mark.long
def test_heads_can_be_switched_off_and_their_effect_on_the_questions_is_shown(page, address):
    page.goto(f"{address}/heads?head-method=Estimate&ablation-n=300")
    expect(page.get_by_text("Heads that look at the negator, and heads that matter")).to_be_visible()
    expect(page.get_by_text("Estimate to first order; correlation with exact on 16 pairs")).to_be_visible()
    expect(page.get_by_text("Choose one or more heads")).to_be_visible()
    page.goto(f"{address}/heads?head-method=Estimate&ablation-n=300&off=1.7")
    expect(page.get_by_text("Accuracy with and without the chosen heads")).to_be_visible()
    expect(page.get_by_text("McNemar")).to_be_visible()
    page.screenshot(path=SHOTS / "heads.png", full_page=True)


@pytest.mark.long
def test_another_image_changes_the_scores_of_a_traced_pair_at_once(page, address):
    page.goto(f"{address}/tracing?findings=Edema")
    d = page.get_by_test_id("stMetricValue").nth(2)
    expect(d).to_be_visible()
    before = d.inner_text()
    page.get_by_test_id("stSlider").get_by_role("slider").first.press("ArrowRight")
    expect(d).not_to_have_text(before)


def pressed_until(page: Page, key: str, said: str) -> None:
    """Presses a key until what has the focus says so."""
    for _ in range(30):
        page.keyboard.press(key)
        if said in page.evaluate("document.activeElement.innerText || ''"):
            return
    raise AssertionError(f"{key} never reaches {said!r}")


@pytest.mark.long
def test_a_reading_is_corrected_and_taken_back_by_keyboard_and_the_page_does_not_jump(page, address):
    page.goto(f"{address}/attention?pair-source=typed&affirmative=There+is+some+edema.&negated=There+is+no+edema.")
    settled(page)
    control = page.get_by_role("button", name=re.compile("Read wrongly")).nth(1)  # under the negated text
    below = page.locator(".js-plotly-plot").nth(1)
    before = below.bounding_box()["y"] - control.bounding_box()["y"]
    control.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="absent").first).to_be_checked()
    settled(page)
    assert below.bounding_box()["y"] - control.bounding_box()["y"] == before
    page.screenshot(path=str(SHOTS / "correcting.png"))
    pressed_until(page, "Tab", "present")
    pressed_until(page, "ArrowRight", "uncertain")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="uncertain").first).to_be_checked()
    pressed_until(page, "Tab", "Save")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Edema uncertain; the parser reads absent")).to_be_visible()
    settled(page)
    page.screenshot(path=str(SHOTS / "corrected.png"))
    control.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("send this line")).to_be_visible()
    settled(page)
    page.screenshot(path=str(SHOTS / "corrected-open.png"))
    pressed_until(page, "Tab", "Undo")
    page.keyboard.press("Enter")
    expect(page.get_by_text("the parser reads absent")).to_have_count(0)


def test_compare_opens_on_the_demo_and_its_fine_tune_without_a_click(page, address):
    page.goto(f"{address}/compare")
    expect(page.get_by_text("Accuracy, negated, B - A").first).to_be_visible()
    expect(page.get_by_text("Encoding images")).to_have_count(0)
    expect(page.get_by_text("B: demo CLIP, fine-tuned").first).to_be_visible()
    settled(page)
    expect(page.locator(".js-plotly-plot").nth(4)).to_be_visible()
    shot(page, "compare")
    page.get_by_role("combobox", name=re.compile("B, after")).click()
    expect(page.get_by_role("option", name="demo-tuned")).to_be_visible()
