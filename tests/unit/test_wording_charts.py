"""The chart of wordings: each its own row below its group's mean, told by words and shape as well as colour."""

import pandas as pd
import pytest

from dashboard.parts import theme
from dashboard.parts.wording_charts import SHAPES, Series, points, spoken
from nast_core.claims.way_groups import WAY_GROUPS

TABLE = pd.DataFrame(
    [
        ("taught", "both", "mean", 0.9),
        ("taught", "before", "mean", 0.9),
        ("held out", "both", "mean", 0.2),
        ("false denial", "both", "mean", 0.7),
        ("taught", "before", "no", 0.9),
        ("held out", "behind", "absent", 0.1),
        ("held out", "before", "free of", 0.3),
        ("false denial", "before", "presence of", 0.7),
    ],
    columns=["group", "side", "wording", "value"],
).assign(low=lambda t: t.value - 0.05, high=lambda t: t.value + 0.05, n=200)


def test_a_group_is_told_by_its_heading_its_shape_and_its_colour():
    figure = points([Series("demo", TABLE)], title="t", subtitle="s")
    assert list(figure.layout.yaxis.ticktext) == [
        "<b>taught</b>, mean", "no X", "<b>held out</b>, mean", "X absent", "free of X",
        "<b>false denial</b>, mean", "presence of X",
    ]  # fmt: skip
    found = {trace.name: (trace.marker.symbol, trace.marker.color) for trace in figure.data}
    assert found == {
        "taught": ("circle", theme.NEGATED),
        "held out": ("diamond", theme.NEGATED),
        "false denial": ("triangle-up", theme.AFFIRMATIVE),
    }
    held_out = next(trace for trace in figure.data if trace.name == "held out")
    assert (list(held_out.x), list(held_out.y)) == ([0.2, 0.1, 0.3], [2, 3, 4])
    assert list(held_out.error_x.array) == pytest.approx([0.05] * 3)


def test_of_two_models_the_first_is_hollow_and_both_stand_in_the_same_rows():
    figure = points([Series("A", TABLE, "grey"), Series("B", TABLE, "green")], title="t", subtitle="s")
    a, b = figure.data[0], figure.data[3]
    assert (a.marker.symbol, b.marker.symbol) == ("circle-open", "circle")
    assert (a.marker.color, b.marker.color) == ("grey", "green")
    assert [round(place) for place in a.y] == [round(place) for place in b.y] == [0, 1]
    assert a.y[0] < b.y[0]


def test_every_group_has_a_shape_of_its_own():
    assert set(SHAPES) == set(WAY_GROUPS)
    assert len(set(SHAPES.values())) == len(SHAPES)
    assert (spoken("free of", "before"), spoken("not seen", "behind")) == ("free of X", "X not seen")
