"""Figures of the Layers page, and the strip of a pair's tokens: what is drawn, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard.layers import flow_figure
from dashboard.layers.charts import Grid, cue_map, lens_lines, part_bars, probe_lines, state_grids
from dashboard.layers.flow_figure import Line, Text, curve, flow, lines
from dashboard.parts import plots, strips, theme
from nast_core.negation.pairs import AlignedPair, PolarityPair
from nast_core.vocabulary.cues import find_cues


@pytest.fixture
def heads():
    """[layer 2, head 2, position 3]."""
    values = np.zeros((2, 2, 3))
    values[0, 1, 0], values[1, 0, 1], values[1, 1, 2] = 0.4, -0.2, 0.05
    return values


def clickable(figure):
    return [list(point) for trace in figure.data for point in (trace.customdata if trace.mode == "markers" else [])]


class TestLines:
    def test_are_those_of_the_threshold_or_more_whatever_their_sign_the_smallest_first(self, heads):
        assert lines(heads, 0.2) == [Line(2, 1, 1, -0.2), Line(1, 2, 0, 0.4)]
        assert lines(heads, 0.01, most=1) == [Line(1, 2, 0, 0.4)]
        assert lines(heads, 0.5) == []

    def test_go_from_the_token_below_their_layer_to_the_pooled_position_within_it(self):
        x, y = curve(Line(3, 2, 0, 1.0), heads=4, pooled=5)
        assert (x[0], y[0]) == (0, 2)
        assert x[-1] == 5
        assert 2 < y[-1] < 3
        assert (np.diff(y) >= -1e-12).all()

    def test_of_two_heads_end_at_two_heights_and_of_the_pooled_token_itself_leave_its_column(self):
        ends = [curve(Line(1, head, 0, 1.0), heads=12, pooled=5)[1][-1] for head in range(1, 13)]
        assert len({round(float(end), 6) for end in ends}) == 12
        assert curve(Line(1, 1, 5, 1.0), heads=12, pooled=5)[0].max() > 5.2


class TestFlow:
    @pytest.fixture
    def text(self, heads):
        return Text("negated", ["a", "b", "c"], ["a", "<b>", "c"], heads, np.array([0.3, 0.0]), pooled=2)

    def test_a_point_of_every_line_says_layer_head_position_and_value(self, text):
        figure = flow([text], 0.1, (9, 9), title="t", subtitle="s")
        lined = [point for point in clickable(figure) if len(point) == 5]
        assert {tuple(point[:3]) for point in lined} == {(1, 2, 0), (2, 1, 1)}
        assert {point[3] for point in lined} == {"a", "&lt;b&gt;"}
        assert [point for point in clickable(figure) if len(point) == 2] == [[1, 0.3]]  # the MLP of layer 1

    def test_colour_is_the_sign_width_the_size_and_the_chosen_head_has_the_frames(self, text):
        figure = flow([text], 0.1, (1, 2), title="t", subtitle="s")
        drawn = {(t.line.color, t.line.width) for t in figure.data if t.mode == "lines" and t.x[0] is not None}
        of = {colour: max(w for c, w in drawn if c == colour) for colour, _ in drawn}
        assert of[theme.RAISES] > of[theme.LOWERS]
        assert theme.FRAME in of

    def test_at_twelve_layers_of_twelve_heads_and_twenty_tokens_is_few_traces_and_no_more_lines_than_can_be_read(self):
        rng = np.random.default_rng(0)
        many = Text("n", ["w"] * 20, ["w"] * 20, rng.normal(size=(12, 12, 20)), rng.normal(size=12), pooled=19)
        figure = flow([many, many], 0.0, (1, 1), title="t", subtitle="s")
        assert len(figure.data) < 70
        assert len([point for point in clickable(figure) if len(point) == 5]) <= 2 * 4 * flow_figure.MOST
        assert figure.layout.height < 900

    def test_of_texts_to_which_nothing_is_added_is_still_a_figure(self):
        none = Text("n", ["a"], ["a"], np.zeros((1, 1, 1)), np.zeros(1), pooled=0)
        assert flow([none], 0.0, (1, 1), title="t", subtitle="s").layout.title.text == "t"


def test_bars_tell_their_sign_by_pattern_as_well_and_frame_the_chosen():
    table = pd.DataFrame({"name": ["1.2", "1.3"], "value": [0.5, -0.1], "low": np.nan, "high": np.nan})
    (bar,) = part_bars(table, title="t", subtitle="s", label="logits", chosen="1.3").data
    assert list(bar.marker.pattern.shape) == ["", "/"]
    assert list(bar.marker.color) == [theme.RAISES, theme.LOWERS]
    assert list(bar.marker.line.width) == [0, 3]


def test_a_probes_series_that_was_not_asked_is_left_out_and_each_other_has_its_band():
    rows = [
        {"layer": layer, "measure": measure, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 9}
        for measure, value in (("held_out_findings", 0.9), ("control", 0.5), ("held_out_cues", float("nan")))
        for layer in (0, 1)
    ]
    figure = probe_lines(pd.DataFrame(rows), title="t", subtitle="s")
    assert [trace.name for trace in figure.data if trace.showlegend] == ["held-out findings", "shuffled labels"]
    assert sum(trace.mode == "none" for trace in figure.data) == 2


def test_cues_stand_in_their_order_with_a_line_above_those_not_met():
    rows = [
        {"cue": cue, "held_out": out, "layer": layer, "value": 0.5, "n": 3}
        for cue, out in (("no", False), ("without", False), ("absent", True))
        for layer in (0, 1)
    ]
    figure = cue_map(pd.DataFrame(rows), title="t", subtitle="s")
    assert list(figure.data[0].y) == ["no", "without", "<i>absent</i>"]
    assert figure.layout.shapes[0].y0 == 1.5


def test_a_lens_has_a_panel_a_table_on_one_scale_and_names_each_target_once():
    one = pd.DataFrame(
        {"layer": [0, 1], "target": ["negated", "negated"], "value": [-0.4, 1.0], "low": np.nan, "high": np.nan, "n": 1}
    )
    figure = lens_lines({"this pair": one, "mean of 9 pairs": one}, title="t", subtitle="s")
    assert [trace.name for trace in figure.data if trace.showlegend] == ["no X"]
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert figure.layout.yaxis.range[0] <= -0.4


def test_every_cell_of_a_grid_can_be_clicked_and_says_which_grid_it_is_of():
    tried = np.full((3, 2), np.nan)
    tried[2, 1] = 0.5
    grids = [Grid("from: a b", ["a", "b"], np.full((3, 2), np.nan), (0, 0)), Grid("to: a b", ["a", "b"], tried, (2, 1))]
    figure = state_grids(grids, title="t", subtitle="s")
    points = [tuple(point) for trace in figure.data if trace.type == "scatter" for point in trace.customdata]
    assert sorted(points) == [(layer, p, grid) for layer in range(3) for p in range(2) for grid in range(2)]
    assert [(shape.x0, shape.y0) for shape in figure.layout.shapes] == [(-0.5, -0.5), (0.5, 1.5)]


@pytest.fixture
def pair():
    texts = PolarityPair(affirmative="There is a <b>.", negated="There is no <b>.")
    (cue,) = find_cues(texts.negated)
    pieces = ("<start>", "there", "is", "{}", "<b>", ".", "<end>", "<pad>")
    negated, affirmative = (tuple(piece.format(word) for piece in pieces) for word in ("no", "a"))
    roles = ("before", "before", "before", "negator", "finding first", "punctuation", "end", "padding")
    return AlignedPair(texts, cue, (3,), (3,), 6, roles, affirmative, negated)


class TestStrip:
    def test_shows_what_both_share_once_and_where_they_differ_the_one_above_the_other(self, pair):
        shown = strips.html(pair)
        assert shown.count(">there<") == 1
        assert shown.index(">a<") < shown.index("↓") < shown.index(">no<")
        assert "pad&gt;" not in shown

    def test_escapes_tokens_and_texts(self, pair):
        assert "<b>" not in strips.html(pair)
        assert "&lt;b&gt;" in strips.html(pair)
        quoting = replace(pair, pair=PolarityPair(affirmative='a "x" y', negated='no "x" y'))
        assert 'aria-label="a &quot;x&quot; y' in strips.html(quoting)


def test_labels_of_a_pair_name_both_tokens_where_they_differ(pair):
    labels = plots.pair_labels(pair.pieces_affirmative, pair.pieces_negated, pair.negator)
    assert "→" in labels[3]
    assert theme.AFFIRMATIVE in labels[3]
    assert sum("→" in label for label in labels) == 1
