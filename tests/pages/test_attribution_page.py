"""The attribution page on the real demo CLIP, and its charts on made-up results."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.attribution import attributions
from dashboard.attribution import charts as attribution_charts
from dashboard.parts import memo
from tests.pages import links


def page(**params: str) -> AppTest:
    return links.opened(links.by_link("attribution", **params))


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


@pytest.fixture(scope="module")
def opened() -> AppTest:
    return page()


def test_the_page_opens_with_words_and_regions(opened):
    assert not opened.exception
    assert not opened.error
    words, regions = charts(opened)
    assert words["layout"]["title"]["text"] == "Token attributions of both texts, on one scale"
    assert "Occlusion" in regions["layout"]["title"]["text"]


def test_the_difference_of_the_scores_and_the_delta_are_shown(opened):
    shown = {metric.label: metric.value for metric in opened.metric}
    a, n, d = (float(shown[name]) for name in ("S(affirmative)", "S(negated)", "d = S(a) - S(n)"))
    assert d == pytest.approx(a - n, abs=0.011)
    assert shown["Convergence delta"].endswith("%")


def test_the_table_adds_up(opened):
    (table,) = (frame.value for frame in opened.dataframe)
    total = table["baseline"] + table["sum of tokens"]
    assert (total - table["S"]).abs().max() < 0.02


def test_opacity_moves_every_panel(opened):
    for percent in (30, 100):
        opened.slider(key="opacity").set_value(percent).run()
        regions = charts(opened)[1]
        assert [trace["opacity"] for trace in regions["data"]] == [percent / 100] * 3


def test_integrated_gradients_say_how_far_they_are_from_adding_up():
    at = page(**{"attribution-method": "Integrated gradients", "ig-detail": "pixel"})
    regions = charts(at)[1]
    subtitle = regions["layout"]["title"]["subtitle"]["text"]
    assert "each pixel" in subtitle
    assert "convergence delta" in subtitle
    assert not at.exception


def test_grad_cam_on_a_transformer_is_one_sentence_and_the_words_stay():
    at = page(**{"attribution-method": "Grad-CAM"})
    assert not at.exception
    assert "occlusion and integrated gradients work on it" in at.error[0].value
    assert len(charts(at)) == 1
    assert any("demo CLIP" in said.value for said in at.sidebar.markdown)


def test_a_cancelled_map_is_computed_when_asked_again():
    at = page(occlude="4")
    (name,) = (n for n in memo.STORE.names if n[0] == "attribution" and n[-2] == "occlusion" and n[-1].window == 56)
    memo.STORE.forget(name)
    key = name[1:]
    at.session_state[attributions._CANCELLED] = key
    at.run()
    assert at.info[0].value == "Occlusion was cancelled."
    assert len(charts(at)) == 1
    at.button(key="attribution-compute-Occlusion").click().run()
    assert not at.info
    assert len(charts(at)) == 2


def test_a_typed_pair_that_does_not_align_is_one_sentence():
    at = page(**{"pair-source": "typed", "affirmative": "there is edema .", "negated": "there is no edema ."})
    assert not at.exception
    assert "equally many tokens" in at.error[0].value


# Charts


def made_up() -> xr.Dataset:
    """Two texts on an image of 40 x 20 px of which the model reads the middle 20 x 20, in 4 x 4 cells of 5 px."""
    values = np.arange(32, dtype=float).reshape(1, 2, 4, 4) - 10
    y, x = np.arange(0, 21, 5.0), np.arange(10, 31, 5.0)
    return xr.Dataset(
        {
            "image_attribution": (("pair", "form", "row", "column"), values),
            "top": (("pair", "row"), y[None, :-1]), "bottom": (("pair", "row"), y[None, 1:]),
            "left": (("pair", "column"), x[None, :-1]), "right": (("pair", "column"), x[None, 1:]),
            "image_width": ("pair", [40]), "image_height": ("pair", [20]),
        },
        coords={"form": ["affirmative", "negated"]},
    )  # fmt: skip


def test_the_map_lies_where_the_model_looked_on_an_image_of_any_size():
    shown = attributions.maps(made_up())
    assert shown.x == pytest.approx([0.25, 0.375, 0.5, 0.625, 0.75])
    assert shown.y == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    # shown four times as large as the model read it
    figure = attribution_charts.overlay(
        Image.new("L", (160, 80)), shown, (1, 2), 0.5, smooth=False, title="", subtitle=""
    )
    for trace, values in zip(figure.data, shown.values, strict=True):
        assert list(trace.x) == pytest.approx([40, 60, 80, 100, 120])
        assert list(trace.y) == pytest.approx([0, 20, 40, 60, 80])
        assert np.array(trace.z) == pytest.approx(values)
    assert [shape.x0 for shape in figure.layout.shapes] == [40] * 3  # what the model sees is outlined
    assert figure.layout.yaxis.range == (80, 0)


def test_all_panels_share_one_scale_about_zero_and_the_third_is_the_difference():
    shown = attributions.maps(made_up())
    figure = attribution_charts.overlay(Image.new("L", (40, 20)), shown, (1, 2), 1, smooth=True, title="", subtitle="")
    assert {trace.coloraxis for trace in figure.data} == {"coloraxis"}
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-21, 21)
    assert shown.values[2] == pytest.approx(np.full((4, 4), -16))


def test_squares_keep_the_sum_and_the_place():
    fine, coarse = attributions.maps(made_up()), attributions.maps(made_up(), 3)
    assert coarse.values.shape == (3, 2, 2)
    assert coarse.values.sum((1, 2)) == pytest.approx(fine.values.sum((1, 2)))
    assert coarse.x == pytest.approx([0.25, 0.625, 0.75])
    assert coarse.table()["affirmative"].iloc[0] == fine.values[0, :3, :3].sum()


def test_both_texts_share_one_scale_and_special_tokens_are_not_filled():
    table = pd.DataFrame(
        {
            "position": [0, 1, 2], "role": ["before", "negator", "end"], "special": [True, False, True],
            "token_affirmative": ["<start>", "some", "<end>"], "affirmative": [0.0, 2.0, 0.0],
            "token_negated": ["<start>", "no", "<end>"], "negated": [0.0, -3.0, 0.0], "difference": [0.0, 5.0, 0.0],
        }
    )  # fmt: skip
    figure = attribution_charts.token_strip(table, (1,), title="", subtitle="")
    (cells,) = figure.data
    assert (cells.zmin, cells.zmax) == (-5, 5)
    assert np.isnan(np.array(cells.z)[[0, 2]]).all()
    assert np.array(cells.z)[1].tolist() == [2, -3, 5]
    assert cells.text[1][1] == "<b><u>no</u></b>  -3.00"
    assert {note.text for note in figure.layout.annotations} == {"&lt;start&gt;", "&lt;end&gt;"}


@pytest.mark.parametrize(("share", "said"), [(float("nan"), "undefined"), (3e-6, "< 0.01 %"), (0.0076, "0.76 %")])
def test_a_small_share_is_said_as_people_read_it(share, said):
    assert attributions.percent(share) == said
