"""Where all of a set takes long, a page shows one of it at once and the rest as it comes, or offers it as a run."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.parts import memo
from dashboard.tracing import traces
from nast_core.benchmark.phantoms import phantom_items
from tests.pages.links import by_link, opened

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def slow(monkeypatch, tmp_path):
    """As if the model took long for anything, with nothing kept from before."""
    monkeypatch.setattr("dashboard.parts.pace.AT_ONCE", 0.0)
    monkeypatch.setattr(traces, "SOON", 0.0)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    memo.STORE.clear()
    yield
    memo.STORE.clear()


def app(page: str, **params: str) -> AppTest:
    at = opened(by_link(page, **params))
    assert not at.exception
    assert not at.error
    return at


def charts(at: AppTest) -> str:
    return " ".join(figure.proto.spec for figure in at.get("plotly_chart"))


def captions(at: AppTest) -> str:
    return " ".join(caption.value for caption in at.caption)


def one_then_all() -> None:
    """A page of six questions; what was drawn first stays in the session."""
    import streamlit as st

    from dashboard.parts.answers import by_and_by
    from nast_core import load_model
    from nast_core.benchmark.phantoms import phantom_items

    items = phantom_items(6, seed=1, split="validation")

    def first(scored):
        st.session_state["first"] = scored

    st.session_state["all"] = by_and_by(load_model("demo"), items, "six", None, first).scored


def test_the_first_question_is_drawn_before_the_others_are_asked_and_all_are_answered_the_same_in_the_end():
    from nast_core import load_model
    from nast_core.benchmark.run import run_benchmark

    at = AppTest.from_function(one_then_all, default_timeout=120).run()
    assert not at.exception
    first, every = at.session_state["first"], at.session_state["all"]
    items = phantom_items(6, seed=1, split="validation")
    at_once = run_benchmark(load_model("demo"), items).scored
    assert first.item_id.unique().tolist() == [items[0].item_id]
    assert every.choice.tolist() == at_once.choice.tolist()
    assert first.choice.tolist() == at_once[at_once.item_id == items[0].item_id].choice.tolist()
    assert (every.score_A - at_once.score_A).abs().max() < 1e-4


def test_home_ends_with_all_its_cases():
    assert "On these 60 cases" in captions(app("home"))


def test_causal_tracing_shows_one_pair_and_offers_the_set():
    at = app("tracing")
    assert "exact; 1 pair, 1 image" in charts(at)
    assert [button.label for button in at.button if button.label.startswith("Trace ")]


def test_heads_shows_them_on_one_pair_and_offers_the_set():
    at = app("heads")
    assert "a first look: 1 pair, 1 image" in charts(at)
    assert [button.label for button in at.button if button.label.startswith("Trace ")]


def test_attention_ends_with_the_mean_of_all_pairs():
    assert "95 % interval over pairs" in charts(app("attention"))


def test_attribution_starts_at_the_first_pair():
    at = app("attribution")
    (pair,) = [box for box in at.selectbox if box.label == "Negated text"]
    assert pair.value == pair.options[0]
