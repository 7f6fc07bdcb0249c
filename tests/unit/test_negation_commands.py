"""What people see of a reading: ``nast negation``, the marks in a sentence, and the figures that stand in docs."""

import json
import os
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.negation.reading import findings, marked

pytestmark = pytest.mark.slow  # whole corpora

DOCS = Path(__file__).parents[2] / "docs" / "negation.json"


def nast(*words: object, stdin: bytes = b"", code: int = 0):
    result = CliRunner().invoke(app, ["negation", *(str(word) for word in words)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


def test_a_line_of_text_makes_a_line_of_findings_in_reading_order():
    said = nast("read", "-", stdin="No edema; small effusion.\r\n\nPNEUMONIA cannot be excluded – lungs clear".encode())
    assert [json.loads(line) for line in said.stdout.splitlines()] == [
        {
            "text": "No edema; small effusion.",
            "findings": [
                {"condition": "Edema", "state": "absent", "cue": "no"},
                {"condition": "Pleural Effusion", "state": "present", "cue": None},
            ],
        },
        {"text": "", "findings": []},
        {
            "text": "PNEUMONIA cannot be excluded – lungs clear",
            "findings": [
                {"condition": "Pneumonia", "state": "uncertain", "cue": "not be excluded"},
                {"condition": "Lung Opacity", "state": "absent", "cue": None},
            ],
        },
    ]


def test_a_file_is_read_like_standard_input_and_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"\xef\xbb\xbfNo edema.\n")
    assert json.loads(nast("read", path).stdout)["text"] == "No edema."
    path.write_bytes(b"")
    assert nast("read", path).stdout == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"No edema.\n\xff\xfe", "line 2 is not UTF-8 text"),
        (b"No edema.\nNo\0edema.", "line 2 holds a NUL"),
        (b"a" * 1_000_000, "line 1 is longer than 200,000 bytes"),
    ],
)
def test_what_is_no_text_is_refused_in_one_sentence_that_names_the_line(tmp_path, content, said):
    (tmp_path / "bad").write_bytes(content)
    for words, stdin in ((("read", tmp_path / "bad"), b""), (("read", "-"), content)):
        lines = nast(*words, stdin=stdin, code=2).stderr.splitlines()
        assert len(lines) == 1
        assert said in lines[0]


def test_a_pipe_a_folder_and_a_name_of_nothing_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe, and a file is needed" in nast("read", tmp_path / "pipe", code=2).stderr
    assert "is a folder, and a file is needed" in nast("read", tmp_path, code=2).stderr
    assert "there is no file" in nast("read", tmp_path / "none", code=2).stderr


def test_the_report_scores_a_gold_file_beside_the_projects_own(tmp_path):
    gold = tmp_path / "mine.jsonl"
    gold.write_text(
        '{"text": "No edema.", "labels": "Edema=absent"}\n{"text": "No edema.", "labels": "Edema=present"}\n'
    )
    said = nast("report", "--gold", gold, "--out", tmp_path / "r.json").stdout
    record = json.loads((tmp_path / "r.json").read_text())
    mine = record["gold"]["mine"]
    assert (mine["sentences"], mine["right"], mine["reversals"]) == (2, 1, 1)
    assert mine["states"]["absent"]["precision"] == 0.5
    assert mine["wrong"] == ["No edema."]
    assert "| mine | 2 | 1 | 1 | -, 0.0 | 50.0, 100.0 | -, - |" in said
    assert said.splitlines()[0] in (tmp_path / "r.md").read_text()
    assert len(record["date"]) == 10


def test_the_figures_in_docs_are_those_of_the_parser_as_it_is(tmp_path):
    nast("report", "--out", tmp_path / "r.json")
    fresh, committed = json.loads((tmp_path / "r.json").read_text())["gold"], json.loads(DOCS.read_text())
    assert {name: committed["gold"][name] for name in fresh} == fresh
    assert committed["commit"]


def test_a_report_of_bad_gold_or_in_a_bad_place_says_so(tmp_path):
    (tmp_path / "g.jsonl").write_text("{}\n")
    assert (
        "line 1: not a labelled sentence"
        in nast("report", "--gold", tmp_path / "g.jsonl", "--out", tmp_path / "r.json", code=2).stderr
    )
    assert "name it .json" in nast("report", "--out", tmp_path / "r.md", code=2).stderr
    assert [path.name for path in tmp_path.iterdir()] == ["g.jsonl"]


def test_a_sentence_is_marked_where_its_findings_and_their_cues_stand():
    text = "There is NO edema or effusion; a nodule cannot be excluded, clear lungs."
    assert [(text[m.start : m.end], m.kind, m.condition, m.state) for m in marked(text)] == [
        ("NO", "cue", "Edema", "absent"),
        ("edema", "finding", "Edema", "absent"),
        ("effusion", "finding", "Pleural Effusion", "absent"),
        ("nodule", "finding", "Lung Lesion", "uncertain"),
        ("not be excluded", "cue", "Lung Lesion", "uncertain"),
        ("clear lungs", "finding", "Lung Opacity", "absent"),
    ]
    assert marked("Nothing of note.") == []


WORDS = [
    "no",
    "not",
    "without",
    "edema",
    "effusion",
    "pneumothorax",
    "tube",
    "the",
    "of",
    "and",
    "or",
    ",",
    ".",
    ";",
    ":",
    "-",
    "(",
    ")",
    "is",
    "are",
    "seen",
    "may",
    "be",
    "excluded",
    "resolved",
    "removed",
    "change",
    "heart",
    "lungs",
    "normal",
    "clear",
    "neither",
    "nor",
    "rather",
    "than",
    "cannot",
    "İ",
    "ß",
    "ẞ",
    "\xa0",
    "?",
    "n't",
    "isn't",
    "vs.",
    "2.0",
    "removal",
    "versus",
    "that",
    "wrong",
]


@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=60))
def test_any_text_is_read_and_its_marks_lie_in_it_without_overlap(text):
    marks = marked(text)
    assert all(0 <= mark.start < mark.end <= len(text) for mark in marks)
    assert all(one.end <= other.start for one, other in pairwise(marks))
    assert all(found["state"] in ("present", "absent", "uncertain") for found in findings(text))


def test_sentences_are_read_alike_alone_and_in_a_report():
    lines = ["No edema.", "Small effusion; no pneumothorax.", "The heart is not enlarged.", "Tube removed, mild edema."]
    random.Random(0).shuffle(lines)
    assert findings(" ".join(lines)) == [finding for line in lines for finding in findings(line)]
