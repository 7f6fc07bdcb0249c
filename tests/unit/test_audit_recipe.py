"""The audit's recipe, its parts and its command: what is refused, and with which sentence."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from nast_core.audit.names import FIGURES, TITLES, WORDING
from nast_core.claims.way_groups import WAY_GROUPS
from nast_core.cli import app
from nast_core.commands.audit import _rank
from nast_core.files.writing import write_json
from nast_core.recipe import RunError
from nast_core.runs.kinds import make_recipe
from nast_core.work import audit_time
from nast_core.work.audit import QUICK, QUICK_REPAIRS, WHOLE, AuditRecipe, only_drawings
from nast_core.work.audit_parts import PARTS
from nast_core.work.audit_parts.mending import _named
from tests.audits import audit, part

runner = CliRunner()


def said(*words):
    """(exit code, what was said) of a command."""
    result = runner.invoke(app, [*words])
    return result.exit_code, result.output


def test_every_part_has_its_title_and_no_other_has():
    assert list(PARTS) == list(TITLES)


def test_every_group_of_wordings_has_its_figure():
    assert list(WORDING) == list(WAY_GROUPS)
    assert set(WORDING.values()) <= set(FIGURES)


def test_a_repair_is_named_by_its_method_and_the_numbers_that_are_not_its_strength():
    assert [_named(one) for one in ("rewrite", "region(t=0.62)", "project(lam=2,anchor=0)")] == [
        "rewrite",
        "region",
        "project_anchor_0",
    ]


def test_parts_are_done_in_the_tables_order_each_once():
    recipe = AuditRecipe(parts=("probe", "model", "probe"))
    assert recipe.in_order == ["model", "probe"]


def test_quick_asks_a_sample_and_three_repairs():
    quick, whole = AuditRecipe(quick=True), AuditRecipe()
    assert (quick.count, quick.methods) == (QUICK, QUICK_REPAIRS)
    assert whole.count == WHOLE
    assert AuditRecipe(quick=True, n=50).count == 50
    assert {one.method for one in PARTS["repairs"].recipes(whole)} > set(QUICK_REPAIRS)
    assert PARTS["trace"].recipes(quick)[0].method == "exact"  # an estimate is off by far at the negator itself


def test_a_part_asks_what_the_command_of_that_part_asks():
    (asked,) = PARTS["benchmark"].recipes(AuditRecipe(n=50, seed=3, split="validation"))
    assert asked == make_recipe({"kind": "benchmark", "n": 50, "seed": 3, "split": "validation"})
    assert PARTS["denials"].recipes(AuditRecipe()) == PARTS["claims"].recipes(AuditRecipe())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"parts": ["bench"]}, "there is no part 'bench'; parts: model, benchmark"),
        ({"parts": []}, "an audit needs a part"),
        ({"repairs": ["mend"]}, "there is no repair 'mend'"),
        ({"num_processes": 2}, "an audit runs in one process"),
    ],
)
def test_an_impossible_audit_is_refused_in_a_sentence(fields, words):
    with pytest.raises(RunError, match=words):
        make_recipe({"kind": "audit"} | fields)


def test_time_is_told_by_part_and_grows_with_the_sample():
    amounts = audit_time._amounts(AuditRecipe(quick=True), layers=12)
    assert set(amounts) == set(PARTS)
    more = audit_time._amounts(AuditRecipe(n=1000), layers=12)
    assert more["benchmark"][0].texts > amounts["benchmark"][0].texts
    assert len(more["repairs"]) > len(amounts["repairs"])


@pytest.fixture
def files(tmp_path):
    for name, gap in (("old", (49, 44, 54)), ("new", (9, 4, 14))):
        write_json(tmp_path / f"{name}.json", audit({"benchmark": part("benchmark", gap_points=gap)}).plain())
    return tmp_path


def test_two_audits_are_compared_by_their_files(files):
    code, output = said("audit", "compare", str(files / "old.json"), str(files / "new.json"))
    assert code == 0
    assert "better          gap_points" in output
    assert "1 better" in output


def test_a_condition_that_holds_ends_with_1_and_says_so(files):
    code, output = said("audit", "check", str(files / "old.json"), "--fail-if", "gap_points.low > 10")
    assert code == 1
    assert "gap_points.low is 44" in output
    assert said("audit", "check", str(files / "new.json"), "--fail-if", "gap_points.low > 10")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "old.json", "--fail-if", "gap_pints.low > 10"), "did you mean 'gap_points'"),
        (("check", "old.json", "--fail-if", "gap_points > 10"), "is no comparison"),
        (("check", "none.json", "--fail-if", "gap_points.low > 10"), "make one with 'nast audit"),
        (("compare", "old.json", "none.json"), "make one with 'nast audit"),
        (("no-such-model", "--out", "out"), "no-such-model"),
        (("demo", "--out", "out", "--parts", "bench"), "there is no part"),
        (("demo", "--out", "out", "--dataset", "nowhere"), "there is no dataset"),
        (("demo", "--out", "out", "--fail-if", "x"), "is no comparison"),
        (("demo", "--out", "out", "--fail-if", "gap_pints.low > 10"), "did you mean 'gap_points'"),
        (("demo", "--out", "out", "--rank", "repair.region.gap"), "no figure 'repair.region.gap'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(files, monkeypatch, words, message):
    monkeypatch.chdir(files)
    code, output = said("audit", *words)
    assert code == 2
    assert message in output
    assert output.count("nast: ") == 1
    assert not (files / "out").exists()


def test_a_model_may_stand_before_or_behind_the_options(files, monkeypatch):
    monkeypatch.chdir(files)
    for words in (("no-such-model", "--out", "out"), ("--out", "out", "no-such-model")):
        assert "no-such-model" in said("audit", *words)[1]


def test_several_models_are_ranked_in_one_table(tmp_path, capsys):
    gaps = {"demo": (49, 44, 54), "tuned": (9, 4, 14)}
    audits = {spec: audit({"benchmark": part("benchmark", gap_points=gap)}) for spec, gap in gaps.items()}
    _rank(audits, tmp_path, "gap_points")
    said = capsys.readouterr().out
    assert "1. tuned: gap, affirmative less negated 9.0 (4.0 to 14.0), n = 200" in said
    rows = (tmp_path / "ranking.csv").read_text().splitlines()
    assert rows[0] == "rank,model,figure,value,low,high,n"
    assert rows[1].startswith("1,tuned,gap_points,9.0")
    assert len((tmp_path / "figures.csv").read_text().splitlines()) == 3


def test_every_figure_of_the_table_has_a_unit_that_pages_know():
    assert {one.unit for one in FIGURES.values()} <= {"share", "points", "AUROC", ""}


@pytest.mark.parametrize(
    ("model", "drawn", "warned"),
    [
        ("biomedclip", True, True),
        ("biomedclip+region", True, True),
        ("biomedclip", False, False),
        ("demo", True, False),
        ("demo-tuned+region", True, False),
        ("run:finetune-1", True, False),
    ],
)
def test_a_foreign_model_on_drawings_is_warned_of(model, drawn, warned):
    assert only_drawings(AuditRecipe(model=model), SimpleNamespace(drawn=drawn)) == warned
