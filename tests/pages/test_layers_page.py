"""The Layers page as Streamlit's own test harness runs it, on the demo CLIP and on towers that cannot do all of it."""

import json

import numpy as np
import pytest

from dashboard.layers import asked_for, readings
from dashboard.parts import memo, pace
from dashboard.parts.pictures import image_vector, titled
from nast_core import load_model
from nast_core.work.identity import find_run
from nast_core.work.probe import ProbeRecipe
from tests.pages.links import by_link, opened
from tests.writers import biovil, chinese_clip, medclip, siglip

pytestmark = pytest.mark.slow

PAIR = "There is no edema."


def shown(**params: str):
    at = opened(by_link("layers", **params))
    assert not at.exception, at.exception
    return at


def spec(at) -> str:
    return " ".join(figure.proto.spec for figure in at.get("plotly_chart"))


def said(elements) -> str:
    return " ".join(element.value for element in elements)


def metrics(at) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_the_probe_of_every_layer_is_a_run_that_is_found_again_with_its_sentence():
    at = shown()
    assert all(
        "modeBarButtons" not in json.loads(one.proto.config) for one in at.get("plotly_chart")
    )  # Streamlit's stay
    assert "Denials told from statements" in spec(at)
    assert "The same by cue" in spec(at)
    assert find_run(ProbeRecipe(), model_fingerprint=load_model("demo").fingerprint) is not None
    probed = find_run(ProbeRecipe(), model_fingerprint=load_model("demo").fingerprint).result.summary
    assert probed["sentence"].split(";")[0] in said(at.markdown)
    at.button_group(key="probe-at").set_value("finding_token").run()
    assert not at.exception
    assert "finding's last token" in spec(at)


def test_the_parts_of_a_score_and_the_head_that_a_bar_leads_to_stand_beside_ways_to_other_pages():
    at = shown(
        **{"layers-tab": "Who makes the score", "pair": PAIR, "contribution-layer": "2", "contribution-head": "3"}
    )
    figures = metrics(at)
    assert float(figures["Convergence delta"]) < 1e-4
    difference = float(figures["S(no X), logits"]) - float(figures["S(X), logits"])
    assert float(figures["S(no X) - S(X)"]) == pytest.approx(difference, abs=0.011)
    assert "Head 2.3" in said(at.markdown)
    assert {"adds, logits", "NSA", "CTE"} <= figures.keys()
    links = [node.proto for node in at.get("page_link")]
    assert {link.page.rpartition("/")[2] for link in links} >= {"attention", "heads", "tracing"}
    to = next(link for link in links if link.page.endswith("attention"))
    assert "layer=2" in to.query_string
    assert "head=3" in to.query_string


def test_the_bars_of_a_pair_add_up_to_its_difference():
    from dashboard.layers import adding

    model = load_model("demo")
    asked = asked_for.Asked(model, next(one for one in readings.every_pair(model) if one.negated == PAIR))
    found = readings.one_apart(model, asked.aligned, image_vector(model, titled("phantom 1000000")))
    assert adding.by_part(found).value.sum() == pytest.approx(-float(found.d), abs=1e-4)


def test_the_flow_is_of_both_texts_or_their_difference_and_its_threshold_leaves_lines_out():
    at = shown(**{"layers-tab": "Flow", "pair": PAIR})
    few = spec(at)
    assert "affirmative" in few
    at.slider(key="flow-threshold").set_value(2).run()
    assert not at.exception
    assert len(spec(at)) > len(few)
    at.button_group(key="flow-of").set_value("difference").run()
    assert not at.exception
    assert "negated - affirmative" in spec(at)


def test_a_state_written_into_its_own_place_of_the_other_text_at_the_last_layer_makes_it_that_text():
    from nast_core.negation.pairs import align

    model = load_model("demo")
    pair = next(one for one in readings.every_pair(model) if one.negated == PAIR)
    pooled = str(align(pair, model.text).pooled)
    cells = {f"patch-{end}-{what}": value for end in ("from", "to") for what, value in
             (("layer", "12"), ("position", f"{pooled}: <end>"))}  # fmt: skip
    at = shown(**{"layers-tab": "Patch lens", "pair": PAIR}, **cells)
    figures = metrics(at)
    assert figures["Effect"] == "1.00"
    assert figures["S after, logits"] == figures["S of the source"]
    at.selectbox(key="patch-from-layer").set_value(0).run()
    assert not at.exception
    assert metrics(at)["Effect"] != "1.00"


@pytest.mark.long
def test_what_a_text_would_mean_is_the_plain_lens_until_the_jacobian_one_is_made(monkeypatch):
    monkeypatch.setattr(pace, "AT_ONCE", 0.0)
    memo.STORE.clear()
    at = shown(**{"layers-tab": "What it would mean", "pair": PAIR})
    assert [button.label for button in at.button if button.label.startswith("Make the lens: about")]
    assert "Plain lens" in spec(at)
    table = at.dataframe[0].value
    assert len(table) == load_model("demo").text.n_layers + 1
    assert PAIR in " ".join(table.iloc[-1].astype(str))
    monkeypatch.setattr(pace, "AT_ONCE", float("inf"))
    at.run()
    assert not at.exception
    at.button_group(key="lens-way").set_value("jacobian").run()
    assert not at.exception
    assert "Jacobian lens, mean over" in spec(at)
    assert "mean of" in spec(at)


def test_texts_that_do_not_align_go_on_under_probe_and_lens_and_say_why_elsewhere():
    typed = {"pair-source": "typed", "affirmative": "The heart is large.", "negated": "There is no edema at all here."}
    why = "cannot be compared token by token: the two texts must have equally many tokens"
    assert why in said(shown(**{"layers-tab": "Flow"}, **typed).info)
    at = shown(**{"layers-tab": "Patch lens"}, **typed)
    assert not at.info
    assert "S after, logits" in metrics(at)


PROBE, LENS, PARTS, FLOW, PATCH = asked_for.TABS
SEVERAL = "the embedding is the mean over every position"


@pytest.mark.parametrize(
    ("write", "tab", "expected"),
    [
        (medclip.write, PROBE, ""),
        (medclip.write, LENS, f"no would-be embedding: {SEVERAL}"),
        (medclip.write, FLOW, f"no sum of what its parts add: {SEVERAL}"),
        (biovil.write, PARTS, "no sum of what its parts add: its readout"),
        (chinese_clip.write, PROBE, ""),
        (chinese_clip.write, LENS, ""),
        (chinese_clip.write, FLOW, "norms after every block"),
        (siglip.write, LENS, ""),  # phrases of the vocabulary are over its context
        (siglip.write, PARTS, ""),
        (siglip.write, PATCH, ""),
    ],
)
def test_a_tower_that_cannot_says_why_and_every_other_is_read(write, tab, expected, tmp_path):
    at = shown(model=str(write(tmp_path / "model")), **{"layers-tab": tab})
    assert not at.error, said(at.error)
    assert expected in said(at.info) + said(at.caption)
    assert bool(at.get("plotly_chart")) != (write in (medclip.write, biovil.write) and tab != PROBE)


def test_an_empty_text_is_one_sentence_and_no_traceback():
    at = shown(**{"layers-tab": "Patch lens", "pair-source": "typed", "affirmative": "x", "negated": " "})
    assert len(at.error) == 1


def test_a_sunk_head_changes_the_questions_otherwise_than_one_that_is_off(monkeypatch):
    from dashboard.heads import effects

    model = load_model("demo")
    off, sunk = (effects.without(model, ("1.7",), how) for how in ("off", "sink"))
    vectors = [np.asarray(one.encode_texts([PAIR])) for one in (model, off, sunk)]
    assert not np.allclose(vectors[0], vectors[2])
    assert not np.allclose(vectors[1], vectors[2])


def test_attention_is_shown_weighed_by_its_values_too():
    at = opened(by_link("attention", **{"attention-of": "Value-weighted attention", "pair": PAIR}))
    assert not at.exception
    assert "value-weighted attention of each token" in spec(at)
    assert "attention x length of value" in spec(at)


@pytest.mark.long  # two probes and two lenses
def test_compare_shows_what_the_layers_of_both_know_when_it_is_asked():
    at = opened(by_link("compare"))
    assert "polarity probes" not in spec(at)
    at.toggle(key="compare-known").set_value(True).run()
    assert not at.exception
    assert "polarity probes" in spec(at)
    assert "Jacobian lens" in spec(at)
    sentences = [m.value for m in at.markdown if m.value.startswith(("**A**: ", "**B**: "))]
    assert len(sentences) == 2
    changes = [m.value for m in at.markdown if "on the same pairs" in m.value]
    assert len(changes) == 2
    assert all(one.count("largest at layer") == 2 for one in changes)


def test_a_slow_model_is_shown_one_pair_and_offered_all_with_their_time(monkeypatch, tmp_path):
    monkeypatch.setattr(pace, "AT_ONCE", 0.0)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    memo.STORE.clear()
    offered = {PROBE: "Probe every layer: about", PARTS: "Take "}
    for tab, label in offered.items():
        at = shown(**{"layers-tab": tab, "pair": PAIR})
        assert [button.label for button in at.button if button.label.startswith(label)]
    assert "CTE, estimate" in metrics(at)
    assert "1 pair, 1 image" in spec(at)
    memo.STORE.clear()
