"""The Repair page, and the switch between a model as it is and repaired, on the real demo CLIP and few questions."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.compare.asked_for import _first
from dashboard.parts import repairing
from dashboard.repair import asked_for, charts, outcome
from nast_core.opening import load_model
from nast_core.runs.reporter import Silent
from nast_core.runs.store import RunStore
from nast_core.work import repair as work
from nast_core.work.in_process import run_in_process
from nast_core.work.kinds import RepairRecipe
from tests.pages.links import by_link, opened

N = 40


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(asked_for, "_COUNTS", [N])
    monkeypatch.setattr(work, "CHOOSING", N)


@pytest.fixture(scope="module")
def runs(runs_of_this_file):
    """The demo repaired by two methods, and its fine-tune by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "CHOOSING", N)
        for spec, method in (("demo", "rewrite"), ("demo", "region"), ("demo-tuned", "rewrite")):
            recipe = RepairRecipe(model=spec, method=method, n=N, split="test")
            run_in_process(recipe, Silent(), model=load_model(spec, device="cpu"))
    return {run.result.repair: run for run in reversed(RunStore().runs()) if run.recipe.model == "demo"}


@pytest.fixture
def none(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))


def page(methods: list[str], **params: str) -> AppTest:
    at = opened(by_link("repair", **params))
    return at.button_group(key="repair-methods").set_value(methods).run()


def said(elements) -> str:
    return " ".join(element.value for element in elements)


def test_without_a_run_it_offers_to_measure_and_shows_what_a_question_is_split_into(none):
    at = page(["rewrite", "project(anchor=0)"])
    assert not at.exception
    (button,) = (one for one in at.button if one.key == "repair-start")
    assert button.label.startswith("Measure 2 repairs (rewrite, project(anchor=0)): about ")
    assert "Split: affirmed, " in said(at.caption)
    assert "denied, " in said(at.caption)
    assert list(at.dataframe[0].value.columns) == ["statement", "demo", "rewrite", "project(lam=1.9,anchor=0)"]


def test_a_text_without_a_denial_has_the_same_score_under_every_repair(none):
    at = page(["rewrite", "region"], **{"repair-text": "There is a pneumothorax."})
    own = at.dataframe[0].value.iloc[-1]
    assert own.statement == "yours"
    assert own.demo == own.rewrite == own["region(t=0.92)"]
    assert "Split: nothing is denied" in said(at.caption)


@pytest.mark.long
def test_finished_runs_stand_in_one_table_with_what_they_gain_and_tests(runs):
    at = page(["rewrite", "region"])
    assert not at.exception
    assert not [one for one in at.button if one.key == "repair-start"]
    table = at.dataframe[0].value.set_index("model")
    assert list(table.index) == ["demo", "demo + rewrite", *(f"demo + {name}" for name in runs if name != "rewrite")]
    assert table.loc["demo", "affirmative, %"] == table.loc["demo + rewrite", "affirmative, %"]
    assert table.loc["demo", "Holm p"] == ""
    assert float(table.loc["demo + rewrite", "Holm p"]) < 0.01
    assert "with negations, where demo as it is answers" in said(at.markdown)
    assert "comes to AUROC(X) = " in said(at.caption)


@pytest.mark.long
def test_a_training_stands_beside_the_repairs_as_it_is_and_repaired(runs):
    at = page(["rewrite"])
    at.multiselect(key="repair-with").set_value(["demo-tuned"]).run()
    assert not at.exception
    table = at.dataframe[0].value.set_index("model")
    assert list(table.index) == ["demo", "demo + rewrite", "demo-tuned", "demo-tuned + rewrite"]
    assert 0 <= float(table.loc["demo-tuned", "Holm p"]) <= 1  # against the demo as it is: on 40 questions not sure
    assert float(table.loc["demo-tuned + rewrite", "Holm p"]) < 0.01


@pytest.mark.long
def test_a_repair_is_taken_to_every_page_and_this_one_stays_with_its_base(runs):
    at = page(["rewrite"])
    at.button(key="repair-use").click().run()
    assert not at.exception
    assert at.session_state["model"] == "demo+rewrite"
    assert "The sidebar's model is repaired already; here it is demo that repairs are tried on." in said(at.caption)
    assert "**demo CLIP + rewrite**" in said(at.sidebar.markdown)


def test_a_strength_that_is_given_is_the_runs(none):
    at = opened(by_link("repair"))
    at.button_group(key="repair-methods").set_value(["region"]).run()
    at.button_group(key="repair-strength").set_value("given").run()
    at.number_input(key="repair-strength-region").set_value(0.7).run()
    assert not at.exception
    assert "region(t=0.7)" in at.dataframe[0].value.columns


@pytest.mark.parametrize("name", ["home", "attention"])
def test_a_sentence_is_shown_as_it_is_and_repaired_with_what_the_parser_split(none, name):
    at = opened(by_link(name))
    before = said(at.caption)
    at.button_group(key="read").set_value("repaired").run()
    assert not at.exception
    assert "Split: affirmed, " not in before
    assert "Split: affirmed, " in said(at.caption)
    assert next(iter(at.selectbox(key="read-by").options)) == "rewrite"
    if name == "home":
        assert "With negations], repaired" in said(at.markdown)
        assert "Repaired, it is right " in said(at.caption)
    else:
        assert "Cosine of the negated text with the affirmative one: as it is 0." in said(at.caption)


@pytest.mark.long
def test_the_benchmark_answers_as_it_is_and_repaired_side_by_side(none):
    at = opened(by_link("benchmark", n="200"))
    at.button_group(key="read").set_value("repaired").run()
    assert not at.exception
    assert list(at.button_group(key="detail").options) == ["demo", "demo+rewrite"]


@pytest.mark.long
def test_finished_repairs_are_offered_first_with_the_strength_that_was_chosen(runs):
    offered = repairing.offered("demo")
    assert offered[:2] == list(runs)[::-1]
    assert repairing.finished("demo-tuned") == ["rewrite"]
    assert offered[2:] == ["project", "region", "subtract", "discount"]


def test_compare_opens_on_a_repaired_model_beside_itself_as_it_is():
    assert _first("demo+region(t=0.6)", "demo-tuned") == {"a": "demo", "b": "demo+region(t=0.6)"}
    assert _first("demo", "demo-tuned") == {"a": "demo", "b": "demo-tuned"}
    assert _first("demo+no-such-method", "demo-tuned") == {"a": "demo+no-such-method", "b": None}


def test_a_point_is_where_the_figures_say_and_the_first_line_is_grey():
    figures = {"m": {"acc_negated_seen": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}, "denials_seen": None}}
    found = outcome.Outcome([], [], [], figures, {}, None)
    table = outcome.points(found, {"acc_negated_seen": "negated, seen cues", "denials_seen": "seen cues"})
    drawn = charts.figure_points(table, title="t", subtitle="s")
    (trace,) = (one for one in drawn.data if one.name == "negated, seen cues")
    assert list(trace.x) == [0.5]
    assert list(trace.error_x.array) == pytest.approx([0.1])
    assert charts.styles(["a", "b"])["a"][0] == charts.theme.BASE
