"""nast review: what it says, and one line for what is wrong."""

import re

import pytest
from typer.testing import CliRunner

from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.cli import app
from nast_core.review.judgements import Reviews

STATES = ((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1))


def nast(*arguments: object):
    return CliRunner().invoke(app, ["review", *map(str, arguments)])


@pytest.fixture
def path(tmp_path):
    items = [
        Item(
            item_id=f"item-{n}", patient_id=f"p{n}", study_id="s", image="", question="Which?", assignments=STATES,
            conditions=("Edema", "Fracture", "Pneumonia"), cues=("no", "no", ""), negated=("a", "b", "c", "d"),
            affirmative=("e", "f", "g", "h"), answer="A",
        )
        for n in range(3)
    ]  # fmt: skip
    write_items(items, tmp_path / "items.jsonl")
    return tmp_path / "items.jsonl"


def judge(path, reviewer: str, *verdicts: str) -> None:
    for item, verdict in zip(read_items(path), verdicts, strict=False):
        Reviews(path).judge(item, reviewer, verdict)


def test_agreement_prints_alpha_kappa_and_what_became_of_the_items(path, tmp_path):
    judge(path, "Ada", "correct", "wrong", "wrong")
    judge(path, "Bob", "correct", "wrong", "correct")
    result = nast("agreement", "--items", path, "--out", tmp_path / "judgements.csv")
    assert result.exit_code == 0
    assert re.search(r"alpha, all reviewers +0\.444 \(.* to .*\), n = 3", result.output)  # 1 - 2/3.6
    assert re.search(r"kappa, Ada and Bob +0\.400 \(.* to .*\), n = 3", result.output)  # (2/3 - 4/9)/(5/9)
    assert "accepted: 1, not accepted: 1, conflict: 1, too few judgements: 0" in result.output
    assert len((tmp_path / "judgements.csv").read_text().splitlines()) == 7


def test_one_reviewer_alone_has_no_agreement_and_no_crash(path):
    judge(path, "Ada", "correct")
    result = nast("agreement", "--items", path)
    assert result.exit_code == 0
    assert "undefined, n = 0" in result.output


def test_accepted_writes_the_items_that_two_hold_correct(path, tmp_path):
    judge(path, "Ada", "correct", "correct")
    judge(path, "Bob", "correct")
    assert nast("accepted", "--items", path, "--out", tmp_path / "accepted.jsonl").exit_code == 0
    assert [item.item_id for item in read_items(tmp_path / "accepted.jsonl")] == ["item-0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["agreement"], "nobody has judged"),
        (["accepted", "--out", "accepted.jsonl"], "no item of"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(path, arguments, said):
    result = nast(*arguments, "--items", path)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_an_items_file_that_is_not_there_is_one_line(tmp_path):
    result = nast("agreement", "--items", tmp_path / "none.jsonl")
    assert result.exit_code == 2
    assert "there is no file" in result.output
