"""docs/guide/vocabulary.md, command by command: a table whose columns nobody knows, drafted, edited as the page shows,
checked, built."""

import csv
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.dataset.opened import open_dataset
from nast_core.vocabulary.file import parse_vocabulary, read_vocabulary
from tests.datasets import write_table
from tests.llm_server import running_llm
from tests.unit.test_docs import ROOT, blocks, commands

pytestmark = pytest.mark.slow  # a dataset is built

PAGE = ROOT / "docs" / "guide" / "vocabulary.md"
COLUMNS = {"effusion": "Pleural Effusion", "PTX": "Pneumothorax", "big_heart": "Cardiomegaly", "rib_fx": "Fracture"}
SAID = {  # column -> as a report states and denies it
    "effusion": ("A pleural effusion on the left.", "No pleural effusion."),
    "PTX": ("There is a pneumothorax.", "No pneumothorax or free air."),
    "big_heart": ("There is cardiomegaly.", "The heart is of normal size."),
    "rib_fx": ("A rib fracture.", "Ribs are fine."),
}


def write_ward(folder: Path) -> None:
    """ward.csv with columns of its own, reports.csv, and png/."""
    with write_table(folder / "drawn").open() as file:
        rows = list(csv.DictReader(file))
    (folder / "drawn" / "images").rename(folder / "png")
    with (folder / "ward.csv").open("w") as labels, (folder / "reports.csv").open("w") as reports:
        labels.write(f"patient_id,study_id,image,split,sex,{','.join(COLUMNS)}\n")
        reports.write("study_id,text\n")
        for row in rows:
            states = {column: row[name] for column, name in COLUMNS.items()}
            about = [row[key] for key in ("patient_id", "study_id", "image", "split")]
            labels.write(",".join([*about, "F", *states.values()]) + "\n")
            text = " ".join(SAID[column][0 if state == "1" else 1] for column, state in states.items())
            reports.write(f'{row["study_id"]},"{text}"\n')


def test_every_command_of_the_guide_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    write_ward(tmp_path)
    (edited,) = [text for _, text in blocks(PAGE, "yaml")]
    said: dict[str, str] = {}
    with running_llm(lambda question, before: "proposed") as log:
        for _, words in commands(PAGE):
            swapped = {"http://localhost:8000/v1": log.url}
            result = CliRunner().invoke(app, [swapped.get(word, word) for word in words])
            assert result.exit_code == 0, (words, result.output)
            said[" ".join(words[:3])] = result.output
            if words[:2] == ["vocabulary", "draft"] and "ward.yaml" in words:
                drafted = read_vocabulary(tmp_path / "ward.yaml")
                assert drafted.conditions == parse_vocabulary(edited).conditions
                assert set(yaml.safe_load(edited)["columns"]) <= set(drafted.columns)
                (tmp_path / "ward.yaml").write_text(edited)
    assert len(log.requests) == 2  # the two columns of which no shipped vocabulary knows words
    drafting = said["vocabulary draft --labels"]
    assert "words of Pneumothorax, of the shipped vocabulary vindr" in drafting
    assert "can be used: 4 conditions" in said["vocabulary check ward.yaml"]
    built = open_dataset(str(tmp_path / "ward-set"))
    assert built.vocabulary.conditions == ("Effusion", "PTX", "Big heart", "Rib fx")
    assert {text for item in built.items("test", 50) for text in item.conditions} <= set(built.vocabulary.conditions)


def test_what_the_guide_shows_of_a_draft_is_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_ward(tmp_path)
    words = ["vocabulary", "draft", "--labels", "ward.csv", "--reports", "reports.csv", "--out", "ward.yaml"]
    printed = CliRunner().invoke(app, words).output
    (shown,) = [text for _, text in blocks(PAGE, "text")]
    missing = [line for line in shown.splitlines() if line.strip() != "..." and line not in printed.splitlines()]
    assert missing == [], printed
