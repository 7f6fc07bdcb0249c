"""A first vocabulary from a table's columns and the words of reports, with counts worked by hand."""

import json
import random
import string

import pytest
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.errors import DataError, VocabularyError
from nast_core.terms.columns import read_columns, tidy
from nast_core.terms.draft import draft
from nast_core.terms.known import known
from nast_core.terms.nouns import nouns_of
from nast_core.terms.phrases import affirmed, denied
from nast_core.terms.usage import usage
from nast_core.vocabulary.file import parse_vocabulary, read_vocabulary
from nast_core.vocabulary.model import Vocabulary
from tests.llm_server import running_llm

TABLE = """patient_id,study_id,image,sex,age,gt_gout,gt_Pleural_Effusion,gt_no_finding,gt_ILD,gt_blank
p1,s1,a.png,M,61,1,0,0,0,
p2,s2,b.png,F,70,0,1,0,-1,
p3,s3,c.png,F,48,1,,0,0,
p4,s4,d.png,M,55,0,0,1,1,
"""
REPORTS = """study_id,text
s1,"There is tophus disease at the base. No free air."
s2,"A pleural effusion. No gout. No free air or rib notching."
s3,"Tophus disease again. Free air is not seen."
s4,"No pleural effusion."
"""


MANY = ",".join(f"c{i} gout" for i in range(1001)) + "\n" + ",".join("1" * 1001) + "\n"


@pytest.fixture
def table(tmp_path):
    (tmp_path / "labels.csv").write_text(TABLE)
    (tmp_path / "reports.csv").write_text(REPORTS)
    return tmp_path / "labels.csv"


def test_columns_of_labels_are_told_from_others_and_counted(table):
    columns = read_columns(table)
    assert columns.labelled == (
        ("gt_gout", "Gout", 2, 2, 0),
        ("gt_Pleural_Effusion", "Pleural Effusion", 1, 2, 0),
        ("gt_ILD", "ILD", 1, 2, 1),
    )
    assert columns.left_out == {
        "sex": "holds 'M', which is no label",
        "age": "holds '61', which is no label",
        "gt_no_finding": "names no finding of its own",
        "gt_blank": "is blank throughout",
    }
    assert columns.roles == {"patient": "patient_id", "study": "study_id", "image": "image"}


def test_labels_that_stand_in_lists_are_conditions_too(tmp_path):
    lists = [
        "Gout|Rib notching",
        "No Finding",
        "Rib notching",
        "Gout",
        "Cervical rib|Gout",
        "Cervical rib",
        "No Finding",
    ]
    rows = ["id,flag,Finding Labels", *(f"{n},{n % 2},{labels}" for n, labels in enumerate(lists, start=1))]
    (tmp_path / "lists.csv").write_text("\n".join(rows) + "\n")
    columns = read_columns(tmp_path / "lists.csv")
    assert columns.listed == "Finding Labels"
    assert columns.left_out == {
        "id": "holds '2', which is no label",
        "flag": "stands beside the lists of 'Finding Labels'",
        "No Finding": "names no finding of its own",
    }
    assert [(one.name, one.present, one.absent) for one in columns.labelled] == [
        ("Gout", 3, 4),
        ("Rib notching", 2, 5),
        ("Cervical rib", 2, 5),
    ]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("a,b\nx,y\n", VocabularyError, "has no column of labels, whose cells are 1, 0, -1 or blank"),
        ("patient_id,study_id\n1,2\n", VocabularyError, "has no column of labels"),
        ("", DataError, "cannot be read as a table"),
        ("study_id,normal,any\n1,0,1\n", VocabularyError, "names no finding of its own"),
        (MANY, VocabularyError, "at most 1,000"),
        ("a,a\n1,0\n", DataError, "twice"),
    ],
)  # fmt: skip
def test_a_table_that_gives_no_vocabulary_is_one_sentence(tmp_path, text, error, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=said) as told:
        read_columns(tmp_path / "t.csv")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("pleural_effusion", "Pleural effusion"),
        ("PleuralEffusion", "Pleural effusion"),
        ("PLEURAL_EFFUSION", "Pleural effusion"),
        ("Pleural Effusion", "Pleural Effusion"),
        ("PTX", "PTX"),
        ("Enlarged PA", "Enlarged PA"),
        ("label_edema", "Edema"),
        ("Nodule/Mass", "Nodule/Mass"),
        ("épanchement pleural", "Épanchement pleural"),
        ("Fracture (rib)", "Fracture (rib)"),
        ("is:fracture?", "Fracture"),
        ("123", ""),
        ("__", ""),
    ],
)
def test_a_column_is_put_into_words(column, name):
    assert tidy(column) == name


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("Pleural effusion", ["a pleural effusion"]),
        ("Nodule/Mass", ["a nodule", "a mass"]),
        ("Cardiomegaly", ["cardiomegaly"]),
        ("Atelectasis", ["atelectasis"]),
        ("Rib fractures", ["rib fractures"]),
        ("ILD", ["ILD"]),
        ("Aneurysm", ["an aneurysm"]),
        ("Fracture (rib)", ["a fracture"]),
    ],
)
def test_a_name_gives_nouns_with_their_articles(name, phrases):
    assert [noun.phrase for noun in nouns_of(name)] == phrases


def test_reports_say_whether_a_noun_takes_an_article():
    assert nouns_of("Gout", {"gout": {"": 9, "a": 1}})[0].phrase == "gout"
    assert nouns_of("Atelectasis", {"atelectasis": {"an": 5, "": 5}})[0].phrase == "an atelectasis"


@pytest.mark.parametrize(
    ("sentence", "phrases"),
    [
        ("No free air or pleural effusion.", ["free air", "pleural effusion"]),
        ("There is no acute bone lesion, pneumothorax or free air.", ["bone lesion", "pneumothorax", "free air"]),
        ("No convincing evidence of a rib fracture is seen.", ["rib fracture"]),
        ("Lungs are free of infiltrates, but the heart is large.", ["infiltrates"]),
        ("Free air is not seen.", ["free air"]),
        ("The heart is not enlarged.", []),
        ("No change since the prior study.", []),
        ("Free air.", []),
    ],
)  # fmt: skip
def test_what_a_sentence_denies_is_found_without_knowing_any_condition(sentence, phrases):
    assert [one.text for one in denied(sentence)] == phrases


def test_plain_sentences_give_phrases_and_denying_ones_none():
    assert {"enlarged heart", "heart"} <= set(affirmed("The enlarged heart is stable."))
    assert affirmed("No enlarged heart.") == ()


def _gout() -> Vocabulary:
    return Vocabulary.model_validate(
        {
            "name": "g",
            "examination": "foot radiograph",
            "conditions": {"Gout": {"nouns": ["gout"]}, "Effusion": {"nouns": ["effusion"]}},
        }
    )


def test_namings_denials_and_what_is_not_named_are_counted():
    reports = [("1", "There is gout. No free air."), ("2", "No gout or free air."), ("3", "Gout. No effusions.")]
    seen = usage(reports, _gout())
    assert (seen.reports, seen.said["Gout"], seen.denied["Gout"]["gout"]) == (3, {"gout": 3}, 1)
    assert seen.said["Effusion"] == {"effusions": 1}
    assert seen.unnamed == {"free air": 2}


def test_what_studies_with_a_condition_say_and_others_do_not_is_proposed_as_its_name():
    reports = [(str(i), "Tophus disease at the toe." if i < 4 else "The toe is plain.") for i in range(10)]
    labels = {str(i): frozenset({"Gout"} if i < 4 else ()) for i in range(10)}
    (one,) = [one for one in usage(reports, _gout(), labels).names["Gout"] if "tophus" in one.text]
    assert one == ("tophus disease", 4, 4)


def test_a_draft_is_a_file_that_reads_back_with_what_was_seen_as_comments(table, tmp_path):
    drafted = draft(table, name="ward", reports=str(tmp_path / "reports.csv"))
    (tmp_path / "ward.yaml").write_text(drafted.text)
    read = read_vocabulary(tmp_path / "ward.yaml")
    assert read == drafted.vocabulary
    assert read.conditions == ("Gout", "Pleural Effusion", "ILD")
    assert read.columns == {"gt_gout": "Gout", "gt_Pleural_Effusion": "Pleural Effusion", "gt_ILD": "ILD"}
    assert read["Gout"].nouns[0].phrase == "a gout"  # no report says otherwise
    assert read["Pleural Effusion"].sided
    assert read.reviewed[0] == 0
    for comment in (
        "#   free air: 3",
        "# reports say: gout 1 (1 denied)",
        "# words of Pleural effusion",
        "# no equivalent",
        "sex (holds 'M'",
    ):
        assert comment in drafted.text, comment


def test_known_words_come_without_patterns_and_without_a_phrase_in_two_conditions():
    names = ["Nodule", "Mass", "Pneumothorax", "PTX size"]
    found = known({name: name for name in names})
    assert {name: one.condition for name, one in found.items()} == {
        "Nodule": "Nodule/Mass",
        "Mass": "Nodule/Mass",
        "Pneumothorax": "Pneumothorax",
    }


def test_two_columns_that_mean_one_known_condition_are_kept_apart_by_their_equivalents(tmp_path):
    (tmp_path / "t.csv").write_text("study_id,Nodule,Mass\n1,1,0\n2,0,1\n")
    read = draft(tmp_path / "t.csv", name="two").vocabulary
    for name, other in (("Nodule", "Mass"), ("Mass", "Nodule")):
        assert [noun.text for noun in read[name].nouns] == [name.lower()]  # the known one's are of both
        assert read[name].equivalents
        assert all(other in equivalent.not_with for equivalent in read[name].equivalents)


@pytest.mark.slow
def test_columns_of_any_name_give_a_vocabulary_or_one_sentence(tmp_path):
    rng = random.Random(0)
    letters = string.ascii_letters + string.digits + " _-/().:;|é×'\\[]{}%&+*?"
    words = [
        "no",
        "without",
        "normal",
        "Edema",
        "edema",
        "Nodule",
        "absent",
        "image",
        "nonunion",
        "Study",
        "CHF",
        "free",
    ]
    for _ in range(150):
        names = {
            rng.choice(words) + rng.choice(["", "", " ", "_"]) + "".join(rng.choices(letters, k=rng.randrange(6)))
            for _ in range(6)
        }
        header = [f'"{name.strip()}"' for name in dict.fromkeys(map(str.strip, names)) if name]
        (tmp_path / "t.csv").write_text(
            ",".join(header) + "\n" + ",".join("01"[i % 2] for i in range(len(header))) + "\n"
        )
        try:
            drafted = draft(tmp_path / "t.csv", name="any")
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert parse_vocabulary(drafted.text) == drafted.vocabulary, header


# the command


def run(*words: object):
    return CliRunner().invoke(app, ["vocabulary", *map(str, words)])


@pytest.mark.slow
def test_draft_check_and_show_from_the_command_line(table, tmp_path):
    out = tmp_path / "ward.yaml"
    made = run("draft", "--labels", table, "--reports", tmp_path / "reports.csv", "--out", out)
    assert made.exit_code == 0, made.output
    assert "named by no condition: free air (3)" in made.output
    checked = run("check", out, "--labels", table, "--reports", tmp_path / "reports.csv")
    assert checked.exit_code == 0, checked.output
    assert "warning: Gout: its absence is said with a negation alone" in checked.output
    assert "can be used: 3 conditions" in checked.output
    assert "Pleural Effusion" in run("show", out).output
    assert "tophus" not in run("show", out, "--condition", "Gout").output


def test_a_file_that_is_there_is_not_written_over(table, tmp_path):
    (tmp_path / "ward.yaml").write_text("mine")
    refused = run("draft", "--labels", table, "--out", tmp_path / "ward.yaml")
    assert refused.exit_code == 2
    assert "is there already, and may have been edited" in refused.stderr
    assert (tmp_path / "ward.yaml").read_text() == "mine"


@pytest.mark.slow
def test_a_language_model_proposes_equivalents_and_what_fails_the_checks_is_not_taken(table, tmp_path):
    with running_llm(lambda question, before: "proposed") as log:
        made = run("draft", "--labels", table, "--out", tmp_path / "w.yaml", "--llm-model", "m", "--base-url", log.url)
    assert made.exit_code == 0, made.output
    read = read_vocabulary(tmp_path / "w.yaml")
    (kept,) = read["Gout"].equivalents
    assert (kept.text, kept.not_with, kept.reviewed) == ("ordinary gout region", {"Pleural Effusion"}, ())
    assert "proposed equivalents: 1, none of them reviewed" in made.output
    assert "'no gout', which negates" in made.stderr
    assert "'some pleural effusion' names Pleural Effusion" in made.stderr


@pytest.mark.slow
def test_names_and_nouns_alone_are_sent_and_only_where_a_model_is_named(table, tmp_path, monkeypatch):
    with running_llm(lambda question, before: "proposed") as log:
        monkeypatch.setenv("NAST_LLM_URL", log.url)
        monkeypatch.setenv("NAST_LLM_MODEL", "m")
        words = ["draft", "--labels", table, "--reports", tmp_path / "reports.csv", "--out"]
        assert run(*words, tmp_path / "a.yaml").exit_code == 0
        assert log.requests == []
        assert run(*words, tmp_path / "b.yaml", "--llm-model", "m").exit_code == 0
    (asked,) = log.requests  # of gout; the others are known
    sent = json.loads(json.loads(asked[asked.index("{") :])["messages"][-1]["content"])
    assert sent == {"condition": "Gout", "nouns": ["gout"], "others": ["Pleural Effusion", "ILD"]}
    assert not [word for word in ("s1", "p1", "a.png", "gt_", "opaque", "tophus") if word in asked.lower()]


@pytest.mark.slow
def test_an_endpoint_that_answers_badly_leaves_a_draft_without_proposals(table, tmp_path):
    with running_llm(lambda question, before: "html") as log:
        made = run("draft", "--labels", table, "--out", tmp_path / "w.yaml", "--llm-model", "m", "--base-url", log.url)
    assert made.exit_code == 0, made.output
    assert "1 conditions without proposals: answer: not JSON" in made.stderr
    assert read_vocabulary(tmp_path / "w.yaml")["Gout"].equivalents == ()


@pytest.mark.slow
def test_an_endpoint_that_is_not_there_is_one_sentence_and_leaves_no_file(table, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = run(
        "draft",
        "--labels",
        table,
        "--out",
        tmp_path / "w.yaml",
        "--llm-model",
        "m",
        "--base-url",
        "http://127.0.0.1:9/v1",
    )
    assert made.exit_code == 2
    assert "nothing answers at http://127.0.0.1:9/v1" in made.stderr
    assert not (tmp_path / "w.yaml").exists()
