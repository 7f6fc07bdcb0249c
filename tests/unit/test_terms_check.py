"""What is to be put right in a vocabulary: every kind of remark on a made-up one, and none that is grave on those that
come along."""

import math
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.template import TemplateWriter
from nast_core.cli import app
from nast_core.data.studies import Study
from nast_core.errors import DataError
from nast_core.negation.parser import parse
from nast_core.terms.agreement import agreement
from nast_core.terms.check import check
from nast_core.terms.listing import details, listing
from nast_core.terms.overlaps import overlaps
from nast_core.terms.remark import KINDS
from nast_core.vocabulary.file import vocabulary_text
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.names import SHIPPED
from nast_core.vocabulary.shipped import shipped
from tests.unit.test_terms_draft import run

pytestmark = pytest.mark.slow


def made(**conditions) -> Vocabulary:
    return Vocabulary.model_validate({"name": "made", "examination": "foot radiograph", "conditions": conditions})


SOUND = {
    "Gout": {"nouns": [["", "gout", "is"]], "equivalents": ["smooth joint surfaces"]},
    "Spur": {"nouns": [["a", "heel spur", "is"]], "equivalents": ["a rounded heel"]},
    "Fracture": {"nouns": [["a", "toe fracture", "is"]], "equivalents": ["whole toes"]},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_the_vocabularies_that_come_along_can_be_used(name):
    assert [remark for remark in check(shipped(name)) if remark.grave or remark.kind == "in some sentences"] == []


def test_a_sound_vocabulary_has_no_remarks():
    assert check(made(**SOUND)) == []


def gout(*equivalents: str, noun: str = "gout", article: str = "", **fields) -> dict:
    return {"nouns": [[article, noun, "is"]], "equivalents": list(equivalents), **fields}


INSIDE = "its noun 'heel spur' stands inside 'heel spur fragment' of Gout"
REMARKS = [
    ("not read", "Gout", gout(other=["gout"]), "'gout' is misread"),
    ("in some sentences", "Gout", gout(noun="gout that persists"), "'gout that persists' is misread in "),
    ("two conditions", "Spur", gout(names={"patterns": ["heel \\w+"]}), "'heel spur' is read as Gout, too"),
    ("true of another", "Gout", gout("a rounded heel"), "denies Spur, too; say so in not_with"),
    ("true of another", "Gout", gout("a slight heel spur"), "names Spur, too"),
    ("inside another", "Spur", gout(noun="heel spur fragment", article="a"), INSIDE),
    ("may deny another", "Gout", gout("a normal heel"), "so Spur may be denied, too"),
    ("negates in a word", "Gout", gout("nonswollen joints"), "negates in a word ('nonswollen')"),
    ("no equivalent", "Gout", gout(), "it is left out of paired items"),
    ("no paired items", "", gout(), "no three conditions"),
    ("article", "Gout", gout(noun="exostosis", article="a"), "'a exostosis' has the wrong article"),
]


@pytest.mark.parametrize(("kind", "condition", "fields", "said"), REMARKS)
def test_each_kind_of_remark_is_made_on_what_it_is_about(kind, condition, fields, said):
    remarks = check(made(**(SOUND | {"Gout": fields})))
    assert [r for r in remarks if r.kind == kind and r.condition == condition and said in r.said], remarks


def test_every_kind_of_remark_is_tested():
    assert {kind for kind, *_ in REMARKS} == set(KINDS)


@pytest.mark.parametrize(
    "text", ["unremarkable joints", "a uniform joint space", "underlying bone of normal density", "unilateral gait"]
)
def test_a_word_that_only_begins_like_a_negation_is_none(text):
    assert "negates in a word" not in {r.kind for r in overlaps(made(**(SOUND | {"Gout": gout(text)})))}


def test_an_equivalent_that_says_what_it_may_not_stand_with_is_true_of_its_own_condition_alone():
    apart = {"nouns": [["", "gout", "is"]], "equivalents": [{"text": "a normal heel", "not_with": ["Spur"]}]}
    assert {remark.kind for remark in check(made(**(SOUND | {"Gout": apart})))} == {"no paired items"}


def test_three_conditions_that_go_together_are_needed_for_paired_items():
    assert "no paired items" in {remark.kind for remark in check(made(**dict(list(SOUND.items())[:2])))}
    spur_too = {"nouns": [["", "gout", "is"]], "equivalents": ["smooth joint surfaces"], "implies": ["Spur"]}
    assert "no paired items" in {remark.kind for remark in check(made(**(SOUND | {"Gout": spur_too})))}


@pytest.mark.parametrize("name", ["vindr", "head-ct"])
def test_the_worked_examples_say_that_no_physician_has_reviewed_them(name):
    vocabulary = shipped(name)
    assert vocabulary.reviewed[0] == 0
    assert "not reviewed by a physician" in vocabulary.source


def test_head_ct_reads_sentences_on_heads():
    read = [
        (m.condition, m.state)
        for m in parse("No subdural hematoma. A normal epidural space. SAH in the left sulci.", shipped("head-ct"))
    ]
    assert read == [
        ("Subdural hemorrhage", "absent"),
        ("Epidural hemorrhage", "normal"),
        ("Subarachnoid hemorrhage", "present"),
    ]


def test_vindr_has_the_22_local_labels_in_their_order():
    names = shipped("vindr").conditions
    assert len(names) == 22
    assert names[:3] == ("Aortic enlargement", "Atelectasis", "Calcification")
    assert [name for name in names if not shipped("vindr")[name].equivalents] == ["Calcification", "Other lesion"]


# reports against labels


def test_agreement_is_precision_and_recall_by_hand(tmp_path):
    rows = ["patient_id,study_id,Gout,Spur,Fracture", "a,1,1,0,0", "b,2,1,0,0", "c,3,0,0,1", "d,4,0,-1,", "e,5,1,0,0"]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    texts = {
        "1": "Gout.",
        "2": "No gout.",
        "3": "Gout. A heel spur.",
        "4": "Smooth joint surfaces. A heel spur.",
        "9": "Gout.",
    }
    (tmp_path / "reports.csv").write_text("study_id,text\n" + "".join(f'{s},"{t}"\n' for s, t in texts.items()))
    found = agreement(made(**SOUND), str(tmp_path / "labels.csv"), str(tmp_path / "reports.csv"))
    assert (found.reports, found.without_study) == (4, 1)
    gout, spur, fracture = found.conditions
    assert (gout.precision.value, gout.precision.n) == (0.5, 2)  # said in 1 and 3; labelled in 1
    assert (gout.recall.value, gout.recall.n) == (0.5, 2)  # labelled in 1 and 2 of those with a report; read in 1
    assert (gout.denials.value, gout.denials.n) == (0.5, 2)  # denied in 2 and 4; labelled absent in 4
    assert (spur.precision.value, spur.precision.n) == (0.0, 1)  # 4 is uncertain, and left out
    assert math.isnan(fracture.precision.value)
    assert (fracture.recall.value, fracture.recall.n) == (0.0, 1)


def test_reports_of_other_studies_are_one_sentence(tmp_path):
    (tmp_path / "labels.csv").write_text("patient_id,study_id,Gout,Spur,Fracture\na,1,1,0,0\n")
    (tmp_path / "reports.csv").write_text("study_id,text\nx1,Gout.\n")
    with pytest.raises(DataError, match="reports name 'x1', the table '1'"):
        agreement(made(**SOUND), str(tmp_path / "labels.csv"), str(tmp_path / "reports.csv"))


# on a screen


def test_a_listing_has_a_line_a_condition_and_says_what_is_reviewed():
    lines = list(listing(shipped("head-ct")))
    assert "0 of 15 equivalents reviewed and called right" in lines
    assert sum(line.startswith("Subdural hemorrhage") for line in lines) == 1
    assert max(map(len, listing(shipped("vindr")))) <= 160


def test_details_say_who_reviewed_what():
    review = {"by": "AB", "on": "2026-11-30", "verdict": "right"}
    gout = {
        "nouns": ["gout"],
        "equivalents": [{"text": "smooth joint surfaces", "not_with": ["Spur"], "reviewed": [review]}],
    }
    assert "  equivalent: smooth joint surfaces; not with Spur (AB 2026-11-30: right)" in list(
        details("Gout", made(**(SOUND | {"Gout": gout})))
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "none.yaml"], "there is no vocabulary 'none.yaml'; give chexpert, vindr, head-ct"),
        (["check", "vindr", "--labels", "x.csv"], "agreement needs both: give --labels and --reports"),
        (["show", "vindr", "--condition", "Gout"], "'Gout' is none of the conditions of vindr"),
        (["draft", "--labels", "none.csv", "--out", "a.yaml"], "none.csv"),
    ],
)
def test_a_mistake_is_one_sentence(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


@pytest.mark.parametrize(
    "what", ["a pipe", "a folder", "/dev/zero", "zeros", "no name", "n" * 300, "a\0b", "list", "later"]
)
def test_what_is_no_vocabulary_is_one_sentence(what, tmp_path):
    os.mkfifo(tmp_path / "a pipe")
    (tmp_path / "a folder").mkdir()
    (tmp_path / "zeros").write_bytes(bytes(2000))
    (tmp_path / "list").write_text("[1, 2]")
    (tmp_path / "later").write_text("format: 2\nname: v\n")
    for command in ("check", "show"):
        result = run(command, what if what.startswith("/") else tmp_path / what)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output


@pytest.mark.parametrize("option", ["--labels", "--reports"])
def test_labels_or_reports_that_are_none_are_one_sentence(option, tmp_path):
    (tmp_path / "labels.csv").write_text("patient_id,study_id,Gout,Spur,Fracture\na,1,1,0,0\n")
    (tmp_path / "reports.csv").write_text("study_id,text\n1,Gout.\n")
    (tmp_path / "made.yaml").write_text(vocabulary_text(made(**SOUND)))
    os.mkfifo(tmp_path / "pipe.csv")
    good = {"--labels": tmp_path / "labels.csv", "--reports": tmp_path / "reports.csv"}
    for bad in (
        tmp_path / "pipe.csv",
        tmp_path / "none.csv",
        tmp_path,
        "/dev/zero",
        "padchest" if option == "--reports" else "x",
    ):
        words = [part for pair in (good | {option: bad}).items() for part in pair]
        result = run("check", tmp_path / "made.yaml", *words)
        assert (result.exit_code, result.stderr.count("nast: ")) == (2, 1), (bad, result.output)


def test_a_vocabulary_with_something_grave_exits_with_2(tmp_path):
    (tmp_path / "v.yaml").write_text(
        "format: 1\nname: v\nexamination: foot radiograph\nconditions:\n  Gout: "
        "{nouns: [gout], equivalents: [a rounded heel]}\n"
        "  Spur: {nouns: [heel spur], equivalents: [a rounded heel]}\n"
    )
    result = CliRunner().invoke(app, ["vocabulary", "check", str(tmp_path / "v.yaml")])
    assert result.exit_code == 2
    assert "to put right: Gout: the equivalent 'a rounded heel' denies Spur, too" in result.stdout
    assert result.stderr.splitlines()[-1].endswith("have to be put right before this vocabulary can be used")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vindr", "head-ct"])
def test_questions_can_be_asked_in_the_worked_examples_words(name):
    vocabulary, rng = shipped(name), np.random.default_rng(0)
    studies = [
        Study(f"s{n}", f"p{n}", "", {one: int(rng.random() < 0.4) for one in vocabulary.conditions}) for n in range(300)
    ]
    built = build_items(studies, 60, TemplateWriter(grammar(vocabulary)), vocabulary=vocabulary)
    assert (len(built.items), built.rejected.total()) == (60, 0)
    said = {condition for item in built.items for condition in item.conditions}
    assert said <= {one for one in vocabulary.conditions if vocabulary[one].equivalents}
    assert vocabulary.examination.name in built.items[0].question
