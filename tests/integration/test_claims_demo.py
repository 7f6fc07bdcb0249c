"""Claims of phantoms on the demo CLIP, from the command line: it fails on negation and on nothing else."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from nast_core.claims.examples import read_claims
from nast_core.commands.claims import app


def nast(*words: object, code: int = 0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    built = nast("build", "--source", "phantom", "--split", "test", "--n", 80, "--out", folder / "claims.jsonl")
    assert "statements written" in built.stdout
    nast("run", "--claims", folder / "claims.jsonl", "--out", folder / "out", "--device", "cpu")
    return folder


@pytest.fixture(scope="module")
def summary(folder) -> dict:
    return json.loads((folder / "out" / "summary.json").read_text("utf-8"))


def test_the_demo_ranks_presence_against_its_affirmative_absence_and_not_against_a_denial(summary):
    polarity = summary["ranking"]["polarity"]
    assert polarity["none"]["accuracy"]["low"] > 0.85  # "edema" against "crisp vascular markings"
    for cues in ("seen", "unseen"):
        assert polarity[cues]["accuracy"]["value"] < 0.65  # "edema" against "no edema"
        assert polarity[cues]["accuracy"]["n"] > 100
    assert polarity["all"]["blind"]["low"] < 0.5 < polarity["all"]["blind"]["high"]


def test_the_demo_reads_no_x_as_x(summary):
    negated = summary["negated_prompt_auroc"]
    assert negated["there is no"]["macro"]["high"] < 0.4
    assert negated["unseen cues"]["macro"]["value"] < negated["there is no"]["macro"]["value"]
    assert summary["alignment"]["zero_shot_auroc"]["macro"]["low"] > 0.95


def test_the_demo_finds_images_for_affirmative_statements_better_than_for_negated_ones(summary):
    found = summary["retrieval"]["images_for_statement"]
    assert found["affirmative"]["mAP"]["low"] > found["negated"]["mAP"]["high"]
    assert found["affirmative"]["mAP"]["low"] > found["affirmative"]["chance"]["value"] + 0.2
    assert summary["images"] == 80


def test_the_tables_hold_a_row_for_every_pair_and_query(folder):
    examples = read_claims(folder / "claims.jsonl")
    pairs = pd.read_parquet(folder / "out" / "pairs.parquet")
    assert len(pairs) == sum(len(example.contradictions) for example in examples)
    assert len(pd.read_parquet(folder / "out" / "retrieval.parquet")) == len(examples)
    assert not (folder / "out" / "unreadable.json").exists()
    assert "phantoms" in (folder / "claims.card.md").read_text("utf-8")


def test_a_model_against_itself_has_not_moved(folder, tmp_path):
    few = [line for line in (folder / "claims.jsonl").read_text("utf-8").splitlines() if '"phantom' in line][:80]
    (tmp_path / "few.jsonl").write_text("\n".join(few), "utf-8")
    nast("run", "--claims", tmp_path / "few.jsonl", "--out", tmp_path / "out", "--base", "demo", "--device", "cpu")
    change = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))["alignment_change"]
    assert change["text_cosine"]["value"] == pytest.approx(1, abs=1e-6)
    assert change["difference"]["zero_shot_auroc"]["macro"]["value"] in (0, None)
    assert change["difference"]["affirmative_retrieval"]["mAP"]["value"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--claims", "{here}/none.jsonl", "--out", "{here}/o"], "there is no file"),
        (["run", "--claims", "{here}/empty.jsonl", "--out", "{here}/o"], "has no claims"),
        (["run", "--claims", "{here}/empty.jsonl", "--images", "{here}/nowhere", "--out", "{here}/o"], "there is no "
            "folder"),
        (["build", "--source", "{here}/nowhere", "--out", "{here}/c.jsonl"], "there is no source"),
        (["build", "--source", "{here}/no-claims.csv", "--out", "{here}/c.jsonl"], "no claim could be made of the 0 "
            "studies"),
        (["check", "--reports", "{here}", "--out", "{here}/o"], "holds no XML file"),
    ],
)  # fmt: skip
def test_a_users_mistake_is_one_line_and_writes_nothing(tmp_path, words, said):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "no-claims.csv").write_text("study_id,text\na,Nothing to see.\n")
    before = set(tmp_path.iterdir())
    result = nast(*[word.format(here=tmp_path) for word in words], code=2)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("nast: ")]
    assert said in line
    assert "Traceback" not in result.output
    assert set(tmp_path.iterdir()) == before
