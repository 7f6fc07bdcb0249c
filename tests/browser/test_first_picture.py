"""On a window of 1440 x 900 each page shows its first picture without scrolling, and what is chosen stays in view."""

import pytest

from dashboard.navigation import PAGES

pytestmark = pytest.mark.long
WINDOW = {"width": 1440, "height": 900}
NO_PICTURE = {"review", "audit", "layers"}  # asks for items; tells its time first; offers a run on a slow machine
PICTURES = "[data-testid=stMain] .js-plotly-plot:has(.main-svg), [data-testid=stMain] [data-testid=stImage] img"
_BOX = "element => { const box = element.getBoundingClientRect(); return [box.top, box.bottom]; }"
SEEN = 200  # px of a tall picture that are in view at least; of a small one half


@pytest.mark.parametrize("name", [page.name for page in PAGES if page.name not in NO_PICTURE])
def test_the_first_picture_is_in_view(address, page, name):
    page.set_viewport_size(WINDOW)
    page.goto(f"{address}/{'' if name == 'home' else name}")
    first = page.locator(PICTURES).first
    first.wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    top, bottom = first.evaluate(_BOX)
    title, _ = page.locator("[data-testid=stMain] h1").evaluate(_BOX)
    assert title < 60
    assert min(bottom, WINDOW["height"]) - top >= min(SEEN, (bottom - top) / 2), f"{name}: from {top} to {bottom}"


def test_model_and_dataset_stay_in_view_while_the_sidebar_scrolls(address, page):
    page.set_viewport_size(WINDOW)
    page.goto(address)
    page.get_by_text("Self-test").first.wait_for()
    page.get_by_text("Load report").click()
    for end in (0, 100_000):
        page.get_by_test_id("stSidebarContent").evaluate("(element, end) => { element.scrollTop = end; }", end)
        for label in ("Model", "Dataset"):
            top, bottom = page.get_by_test_id("stSidebar").get_by_label(label, exact=True).first.evaluate(_BOX)
            assert 0 <= top < bottom <= WINDOW["height"], f"{label} at {top} to {bottom} with the sidebar at {end}"


def test_pages_stand_in_groups(address, page):
    page.goto(address)
    page.get_by_test_id("stSidebarNavLink").first.wait_for()
    headers = page.get_by_test_id("stNavSectionHeader").all_inner_texts()
    assert [header.split("\n")[-1] for header in headers] == list(dict.fromkeys(one.group for one in PAGES))
    links = page.get_by_test_id("stSidebarNavLink").all_inner_texts()  # each begins with the name of its icon
    assert [link.split("\n")[-1] for link in links] == [one.title for one in PAGES]
