"""What an audit is handed on as, and what is said of two of them."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from huggingface_hub import ModelCard

from nast_core.audit.card import card
from nast_core.audit.comparing import changes, need_two, ranked
from nast_core.audit.condition import read_condition
from nast_core.audit.document import SCHEMA, Figure, Of, read_audit
from nast_core.audit.html import html
from nast_core.audit.names import named
from nast_core.errors import AuditError
from nast_core.files.writing import write_json
from nast_core.statistics.rates import Rate, apart
from tests.audits import audit, part, parts


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "audit.json"
    write_json(path, audit().plain())
    return path


def edited(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return path


def test_an_audit_is_read_as_it_was_written(file):
    assert read_audit(file) == audit()


def test_the_date_alone_may_differ_between_two_audits_of_the_same():
    assert audit(created="2026-12-01").digest == audit().digest
    assert audit(seed=1).digest != audit().digest


def test_an_edited_audit_is_refused(file):
    edited(file, lambda value: value["parts"]["benchmark"]["figures"]["gap_points"].update(value=1.0))
    with pytest.raises(AuditError, match="was changed after it was written"):
        read_audit(file)


def test_another_schema_is_refused_with_both_names(file):
    edited(file, lambda value: value.update(schema="nast-audit/9"))
    with pytest.raises(AuditError, match=f"has schema nast-audit/9, and this version of NAST reads {SCHEMA}"):
        read_audit(file)


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": 3}', "no json", '{"schema": "nast-audit/1"}'])
def test_what_is_no_audit_is_refused_in_a_sentence(tmp_path, text):
    path = tmp_path / "audit.json"
    path.write_text(text)
    with pytest.raises(AuditError, match=re.escape(path.name)):
        read_audit(path)


def test_a_nan_is_none_and_a_none_is_a_nan_again():
    figure = Figure.of(Rate(float("nan"), float("nan"), float("nan"), 0))
    assert figure == Figure(value=None, n=0)
    assert figure.rate.value != figure.rate.value


def test_every_figure_has_a_name_a_unit_and_a_direction():
    for name in audit().figures:
        assert named(name).title
        assert named(name).better in ("higher", "lower", "")


def test_the_page_needs_no_network_and_shows_foreign_text_as_text():
    page = html(audit())
    assert not re.search(r"(?:src|href)=[\"'](?!#)|url\(|@import|<script", page)
    assert "Demo &lt;CLIP&gt;" in page
    assert "<CLIP>" not in page
    for wanted in ("@page{size:A4", "prefers-color-scheme:dark", "<svg", 'href="#benchmark"', 'id="benchmark"'):
        assert wanted in page
    assert page.count("<li class=") == 8
    pictures = re.findall(r"<svg.*?</svg>", page)
    assert len(pictures) == 3
    for picture in pictures:
        ElementTree.fromstring(picture)  # well-formed, whatever names hold
    assert len(page) < 1_000_000


def test_a_part_that_was_left_out_is_a_line_with_its_reason():
    one = audit(parts(benchmark=part("benchmark", reason="none of 3 images can be read")))
    assert "Left out: none of 3 images can be read." in html(one)
    assert "- Questions: none of 3 images can be read" in card(one)


def test_the_card_is_taken_by_the_hubs_own_reader_of_metadata():
    text = card(audit())
    read = ModelCard(text, ignore_metadata_errors=False)
    gap = next(one for one in read.data.eval_results if one.metric_args["figure"] == "gap_points")
    assert (gap.metric_value, gap.metric_args["low"], gap.metric_args["n"]) == (49.0, 44.0, 200)
    assert gap.dataset_revision == "d" * 64
    assert read.data.model_name == "Demo <CLIP>"
    assert "Phantoms \\| drawn" in text


def test_a_card_without_a_figure_of_its_own_has_metadata_too():
    assert ModelCard(card(audit({"attention": parts()["attention"]})), ignore_metadata_errors=False).data.tags


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("gap_points.low > 10", True),
        ("gap_points.low > 44", False),
        ("gap_points.low >= 44", True),
        ("gap_points.n == 200 and denials.high < 0.5", False),
        ("gap_points.n != 200 or denials.high <= 0.5", True),
        ("gap_points.low > 50 or gap_points.low > 10 and denials.low > 0.9", False),
        ("repair.region.gap_points.value < 1e1", True),
        ("cue.free_of.value > .5", True),
        ("probe_findings.value > -1", True),
    ],
)
def test_a_condition_holds_of_figures_alone(text, holds):
    assert bool(read_condition(text).broken_by(audit().figures)) == holds


def test_the_sentence_of_a_condition_says_what_was_found():
    said = read_condition("gap_points.low > 10").broken_by(audit().figures)
    assert said == "gap_points.low > 10: gap_points.low is 44, and > 10 was asked for"


def test_what_is_undefined_holds_in_no_condition():
    figures = {"denials": Figure(value=None, n=0)}
    assert not read_condition("denials.value < 1 or denials.value >= 1").broken_by(figures)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gap_points",
        "gap_points.low",
        "gap_points.low > x",
        "__import__('os').system('x')",
        "gap_points.low > 10;",
        "gap_points.low > 10 and",
        "a.low > 1 not b.low > 2",
        "gap_points.low > nan",
        "(gap_points.low > 10)",
        "gap_points.middle > 1",
        "x" * 3000,
    ],
)
def test_anything_but_comparisons_is_refused_and_nothing_is_evaluated(text):
    with pytest.raises(AuditError):
        read_condition(text)


def test_an_unknown_figure_is_answered_with_the_nearest_name():
    with pytest.raises(AuditError, match="no figure 'gap_point'; did you mean 'gap_points'"):
        read_condition("denials.low > 9 or gap_point.low > 10").broken_by(audit().figures)


def test_two_rates_are_as_far_apart_as_the_ends_that_make_it():
    change = apart(Rate(0.5, 0.47, 0.54, 100), Rate(0.6, 0.56, 0.63, 80))
    assert change.value == pytest.approx(0.1)
    assert change.low == pytest.approx(0.1 - (0.04**2 + 0.04**2) ** 0.5)
    assert change.high == pytest.approx(0.1 + (0.03**2 + 0.03**2) ** 0.5)
    assert change.n == 80


def gap_of(value, low, high, **about):
    own = part("benchmark", gap_points=(value, low, high), blind_negated=(0.1, 0.05, 0.15))
    return audit({"benchmark": own}, **about)


@pytest.mark.parametrize(
    ("new", "verdict"),
    [((10, 8, 12), "better"), ((90, 88, 92), "worse"), ((45, 38, 52), "cannot be told")],
)
def test_a_smaller_gap_is_better_a_larger_one_worse_and_an_overlap_cannot_be_told(new, verdict):
    found = {one.figure: one for one in changes(gap_of(49, 44, 54), gap_of(*new))}
    assert found["gap_points"].verdict == verdict
    assert found["blind_negated"].verdict == "cannot be told"


def test_audits_of_two_datasets_or_splits_are_refused_and_it_says_which():
    other = Of(name="Other", spec="other", fingerprint="e" * 64)
    with pytest.raises(AuditError, match=r"two datasets, Phantoms \| drawn dddddddddddd and Other eeeeeeeeeeee"):
        changes(gap_of(49, 44, 54), gap_of(49, 44, 54, dataset=other))
    with pytest.raises(AuditError, match="two splits, test and validation"):
        changes(gap_of(49, 44, 54), gap_of(49, 44, 54, split="validation"))


def test_audits_without_a_common_figure_are_refused():
    with pytest.raises(AuditError, match="no figure in common"):
        changes(audit({"probe": parts()["probe"]}), gap_of(1, 0, 2))


def test_models_are_ranked_by_a_figure_the_better_way_round():
    audits = {"a": gap_of(49, 44, 54), "b": gap_of(9, 4, 14), "c": audit({"probe": parts()["probe"]})}
    assert [spec for spec, _ in ranked(audits, "gap_points")] == ["b", "a"]
    with pytest.raises(AuditError, match="did you mean 'gap_points'"):
        ranked(audits, "gap_pints")


def test_two_names_of_one_model_are_refused():
    need_two({"demo": "a" * 64, "other": "b" * 64})
    with pytest.raises(AuditError, match="demo and copy are one model"):
        need_two({"demo": "a" * 64, "other": "b" * 64, "copy": "a" * 64})


def test_the_demos_audit_in_the_docs_is_as_it_was_written_and_its_page_and_card_are_its_own():
    folder = Path(__file__).resolve().parents[2] / "docs" / "audited"
    one = read_audit(folder / "audit.json")
    assert (folder / "audit.html").read_text("utf-8") == html(one)
    assert (folder / "card.md").read_text("utf-8") == card(one)
    assert len(one.verdict) == 8
