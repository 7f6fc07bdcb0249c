"""Report sections: what is a fact is read, however the headings are written;
what was asked, compared or advised never is."""

from pathlib import Path

import pytest

from nast_core.claims.build import Built
from nast_core.claims.card import claims_card
from nast_core.claims.openi import openi_studies
from nast_core.claims.reports import table_studies
from nast_core.claims.sections import stated
from tests.timing import seconds

pytestmark = pytest.mark.slow  # long texts

FACT = "Moderate right pleural effusion. No edema."
ASKED = "Pneumonia? Known rib fracture."


def read(text: str) -> tuple[bool, bool]:
    """(whether the facts are read, whether anything else is)."""
    found = stated(text).text.casefold()
    return (
        "moderate right pleural effusion" in found and "no edema" in found,
        any(word in found for word in ("pneumonia", "rib fracture", "nodule")),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"INDICATION: {ASKED}\nFINDINGS: {FACT}",
        f"indication: {ASKED}\nfindings: {FACT}",
        f"Indication: {ASKED} Findings: {FACT} Impression: {FACT}",
        f"INDICATION: {ASKED} COMPARISON: None. FINDINGS: {FACT} IMPRESSION: {FACT}",
        f"indication: {ASKED} technique: pa and lateral. findings: {FACT}",
        f"INDICATION\n{ASKED}\n\nFINDINGS\n{FACT}",
        f"Indication\n\n{ASKED}\n\nFindings\n\n{FACT}",
        f"INDICATION - {ASKED}\nFINDINGS - {FACT}",
        f"Reason for exam = {ASKED}\nFindings = {FACT}",
        f"Indication — {ASKED}\nFindings – {FACT}",
        f"HISTORY {ASKED}\nFINDINGS {FACT}",
        f"HISTORY {ASKED} FINDINGS {FACT}",
        f"INDICATION rule out pneumonia FINDINGS {FACT}",
        f"CLINICAL HISTORY rule out pneumonia\nFINDINGS {FACT}",
        f"[INDICATION] {ASKED}\n[FINDINGS] {FACT}",
        f"Indicaton: {ASKED}\nFidings: {FACT}",
        f"INDICATOIN: {ASKED} FINDNIGS: {FACT} IMPRESSON: {FACT}",
        f"## INDICATION\n{ASKED}\n## FINDINGS\n{FACT}",
        f"### Indication:\n\n{ASKED}\n\n### Findings:\n\n{FACT}",
        f"**Indication:** {ASKED}\n\n**Findings:** {FACT}",
        f"**INDICATION**: {ASKED}\n**FINDINGS**: {FACT}",
        f"- __Indication:__ {ASKED}\n- __Findings:__ {FACT}",
        f"1. Indication: {ASKED}\r\n2. Findings: {FACT}",
        f"<b>Indication:</b> {ASKED}<br><b>Findings:</b> {FACT}",
        f"Clinical information: {ASKED}\nReport:\n{FACT}",
        f"Reason for examination: {ASKED}\nINTERPRETATION: {FACT}",
        f"CLINICAL HISTORY/INDICATION: {ASKED}\nFINDINGS/IMPRESSION: {FACT}",
        f"History of present illness: {ASKED}\nImpression and recommendations: {FACT}",
        f"Clinical findings: {ASKED}\nRadiographic findings: {FACT}",
        f"Clinical diagnosis: {ASKED}\nFindings: {FACT}",
        f"PREVIOUS FINDINGS: {ASKED}\nFINDINGS: {FACT}",
        f"INDICATION: Rule out pneumonia FINDINGS: {FACT}",
        f"CHEST, TWO VIEWS: {FACT}",
        f"AP portable chest radiograph:\n{FACT}\n\nRECOMMENDATION: CT of the nodule.",
        f"FINDINGS: {FACT}\nRECOMMENDATIONS: {ASKED}",
        f"FINDINGS: {FACT}\n\nCOMPARISON: {ASKED}\n\nIMPRESSION: {FACT}",
        f"FINDINGS: {FACT} ADDENDUM: Discussed {ASKED}",
        f"WET READ: {ASKED}\n______\n FINAL REPORT\n FINDINGS:\n\n {FACT}",
        f"Narrative: Clinical history: {ASKED} Findings: {FACT}",
    ],
)  # fmt: skip
def test_facts_are_read_under_any_heading_and_what_was_asked_is_not(text):
    assert read(text) == (True, False)
    assert stated(text).read in ("findings", "impression alone")


@pytest.mark.parametrize(
    "text",
    [
        f"FINDINGS:\nLUNGS: Clear.\nPLEURA: {FACT}\nBONES: Intact.\n",
        f"Findings: Lungs: clear. Pleura: {FACT} Bones: intact.",
        f"HISTORY: {ASKED}\nFINDINGS:\nWHATEVER THIS IS: {FACT}",
        f"HISTORY: {ASKED}\nTECHNIQUE: Two views.\n\nHEART: Normal.\n\nPLEURA: {FACT}",
    ],
)
def test_headings_within_a_section_go_on_with_it(text):
    assert read(text) == (True, False)


def test_a_line_that_only_begins_like_a_heading_goes_on_with_its_section():
    text = (
        f"FINDINGS: {FACT}\nHistory of surgery is noted.\nComparison is made to the prior film.\nImpression of a "
        "catheter."
    )
    assert stated(text).text == text.removeprefix("FINDINGS: ")


@pytest.mark.parametrize(
    ("text", "expected", "kind"),
    [
        (FACT, FACT, "whole text, without headings"),
        (f"Lungs: clear. {FACT}", f"Lungs: clear. {FACT}", "whole text, without headings"),
        (f"INDICATION: {ASKED}\n\nCOMPARISON: ___.\n\n{FACT}\n", FACT, "last paragraph without a heading"),
        (f"INDICATION: {ASKED}\n\n{ASKED}\n\n{FACT}\n\nJane Roe, MD", FACT, "last paragraph without a heading"),
        (
            f"HISTORY: {ASKED}\n\n{FACT}\n\nIMPRESSION: Stable.",
            f"{FACT}\n\nStable.",
            "last paragraph without a heading",
        ),
        (f"HISTORY: {ASKED}\nIMPRESSION: {FACT}", FACT, "impression alone"),
        (f"INDICATION:\n\n{ASKED}\n", "", "none"),
        (f"INDICATION: {ASKED} COMPARISON: None.", "", "none"),
        ("", "", "whole text, without headings"),
    ],
)
def test_without_a_findings_heading_the_last_paragraph_without_one_is_read(text, expected, kind):
    assert stated(text) == (expected, kind)


@pytest.mark.parametrize(
    "piece", ["FINDINGS: a. ", ": ", "A", "\n\n", "- ", "HISTORY OF x. ", "**", "(((", "Findings "]
)
def test_time_is_linear_in_the_length_of_a_report(piece):
    short, long = (seconds(stated, piece * (size // len(piece))) for size in (20_000, 80_000))
    assert long < 12 * short + 0.5  # four times the text; sixteen times were quadratic


def test_the_card_counts_reports_by_what_was_read_of_them(tmp_path: Path):
    rows = [f"FINDINGS: {FACT}", f"INDICATION: x.\n\n{FACT}", f"IMPRESSION: {FACT}", "INDICATION: x.", FACT, FACT]
    lines = "".join(f'{n},"{text}"\n' for n, text in enumerate(rows))
    (tmp_path / "r.csv").write_text(f"study_id,text\n{lines}")
    source = table_studies(tmp_path / "r.csv")
    assert source.sections == {
        "whole text, without headings": 2, "findings": 1, "last paragraph without a "
            "heading": 1, "impression alone": 1, "none": 1,
    }  # fmt: skip
    card = claims_card(source, Built([]), {}, seed=0, balanced=False)
    assert "Read of 6 reports: whole text, without headings: 2; findings: 1;" in card
    assert len(source.studies) == 5
    assert openi_studies(most=50).sections.total() == 50
