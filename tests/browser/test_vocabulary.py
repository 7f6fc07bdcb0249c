"""From a table whose columns nobody knows to questions in reviewed words: drafted, edited, judged by two and built, in
a real Chromium."""

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from nast_core.benchmark.items import read_items
from nast_core.cli import app
from nast_core.vocabulary.beside import beside
from nast_core.vocabulary.file import read_vocabulary
from tests.browser.test_own_dataset import settled
from tests.browser_tools import load_it, running_app

COLUMNS = {  # of the table, each with what is there where it is absent
    "Cyst": "solid liver tissue",
    "Stone": "an empty gallbladder lumen",
    "Ascites": "a dry abdomen",
    "Hydronephrosis": "slender renal pelves",
    "Aneurysm": "a slender aorta",
}


def write_table(path: Path) -> Path:
    rng = random.Random(0)
    lines = [",".join(["patient_id", "study_id", *COLUMNS])]
    for n in range(60):
        there = rng.sample(range(5), 2)
        lines.append(",".join([f"p{n}", f"s{n}", *("1" if place in there else "0" for place in range(5))]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.long
def test_from_unknown_columns_to_questions_in_reviewed_words(page, tmp_path):
    table, sets = write_table(tmp_path / "labels.csv"), tmp_path / "sets"
    sets.mkdir()
    words = sets / "ward.vocabulary.yaml"
    drafted = CliRunner().invoke(app, ["vocabulary", "draft", "--labels", str(table), "--out", str(words)])
    assert drafted.exit_code == 0, drafted.output
    with running_app(NAST_RUNS=str(tmp_path / "runs"), NAST_DATA=str(sets)) as address:
        edit(page, address, words)
        for name in ("Ada Byron", "Bob Cole"):
            judge(page, address, words, name)
        record(page, words)
        build(page, address, table, words)
        page.goto("about:blank")
    items = read_items(sets / "table-10-0.items.jsonl")
    assert len(items) == 10
    assert all(item.mappings_reviewed for item in items)
    assert read_vocabulary(beside(sets / "table-10-0.items.jsonl")).reviewed == (5, 5)
    assert "100%) of the items use no others" in (sets / "table-10-0.items.card.md").read_text("utf-8")


def edit(page: Page, address: str, words: Path) -> None:
    """An equivalent for each condition; one that negates first, which cannot be saved."""
    for number, (name, text) in enumerate(COLUMNS.items()):
        page.goto(
            f"{address}/data?data-do=The+vocabulary&data-vocabulary-part=Edit&data-vocabulary={words}"
            f"&data-vocabulary-condition={name}"
        )
        if not number:
            load_it(page)
        field = page.get_by_role("textbox", name="Equivalents of its absence").first
        save = page.get_by_role("button", name=re.compile("Save$"))
        expect(field).to_be_visible()
        settled(page)
        if not number:
            field.fill(f"no {name.lower()}")
            expect(page.get_by_text("which negates ('no')")).to_be_visible()
            expect(save).to_be_disabled()
        field.fill(text)
        expect(save).to_be_enabled()
        save.click()
        expect(page.get_by_text(f"Saved: {name}")).to_be_visible()
    assert [one.text for one in read_vocabulary(words)["Cyst"].equivalents] == ["solid liver tissue"]


def judge(page: Page, address: str, words: Path, name: str) -> None:
    page.goto(f"{address}/review?review-of=Mappings&review-vocabulary={words}")
    field = page.get_by_role("textbox", name="Your name")
    field.fill(name)
    field.press("Enter")
    for number in range(len(COLUMNS)):
        expect(page.get_by_text(f"{name}: {number} of {len(COLUMNS)} judged")).to_be_visible()
        settled(page)
        page.keyboard.press("1")
    expect(page.get_by_text("All mappings are judged")).to_be_visible()


def record(page: Page, words: Path) -> None:
    page.get_by_text("Outcome", exact=True).click()
    page.get_by_role("button", name=re.compile("Write it into the vocabulary")).click()
    expect(page.get_by_text("5 of 5 mappings are reviewed and right")).to_be_visible()
    expect(page.get_by_text("Written: ward.vocabulary.yaml")).to_be_visible()
    (equivalent,) = read_vocabulary(words)["Stone"].equivalents
    assert [(one.by, one.verdict) for one in equivalent.reviewed] == [("AB", "right"), ("BC", "right")]


def build(page: Page, address: str, table: Path, words: Path) -> None:
    link = f"data-do=Build+items&data-labels=A+CSV+of+your+own&data-table-path={table}&data-n=10"
    page.goto(f"{address}/data?{link}&data-vocabulary={words}")
    load_it(page)
    expect(page.get_by_text("A look before the build")).to_be_visible()
    settled(page)
    page.get_by_role("button", name=re.compile("Build$")).click()
    expect(page.get_by_role("button", name=re.compile("Look through it"))).to_be_visible()
