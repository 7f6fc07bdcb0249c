"""What the Data page filters, counts and writes, on three items and two claims whose answers can be counted by hand."""

import csv
import io

import pytest

from dashboard.data.tables import (
    ABSENT,
    PRESENT,
    claim_balance,
    claim_cues,
    claim_rows,
    filter_claims,
    filter_items,
    item_balance,
    item_cues,
    item_negations,
    item_rows,
    items_csv,
)
from nast_core.benchmark.items import Item
from nast_core.claims.claim import Claim, Contradiction, Example

STATES = ((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1))


def item(name: str, answer: str, cues: tuple[str, str, str], third: str = "Pneumonia") -> Item:
    return Item(
        item_id=name, patient_id=f"p-{name}", study_id="s", image="", question="Which?", assignments=STATES, cues=cues,
        conditions=("Edema", "Fracture", third), negated=tuple(f"denied {name} {n}" for n in range(4)),
        affirmative=tuple(f"normal {name} {n}" for n in range(4)), answer=answer,
    )  # fmt: skip


ITEMS = [
    item("one", "A", ("no", "absent", "no")),  # Edema and Fracture absent
    item("two", "B", ("no", "without", "no")),  # Fracture absent
    item("three", "D", ("absent", "no", "no"), "Cardiomegaly"),  # none absent
]


def names(**filters) -> list[str]:
    return [one.item_id for one in filter_items(ITEMS, **filters)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["one", "two", "three"]),
        ({"conditions": ["Cardiomegaly"]}, ["three"]),
        ({"conditions": ["Edema"], "state": "absent"}, ["one"]),
        ({"conditions": ["Edema"], "state": "present"}, ["two", "three"]),
        ({"state": "absent"}, ["one", "two"]),
        ({"cues": ["absent"]}, ["one"]),  # "three" has it where the right option denies nothing
        ({"cues": ["absent"], "conditions": ["Edema"]}, []),  # there it denies the fracture
        ({"cues": ["no", "without"], "conditions": ["Fracture"]}, ["two"]),
        ({"negations": [2, 0]}, ["one", "three"]),
        ({"text": "TWO 3"}, ["two"]),
        ({"text": "normal one"}, ["one"]),
    ],
)
def test_items_that_fit_every_filter(filters, expected):
    assert names(**filters) == expected


def counted(table) -> dict:
    return {(group, series): n for group, series, n in table.itertuples(index=False) if n}


def test_balance_counts_states_of_right_options():
    assert counted(item_balance(ITEMS)) == {
        ("Edema", PRESENT): 2, ("Edema", ABSENT): 1, ("Fracture", PRESENT): 1, ("Fracture", ABSENT): 2,
        ("Pneumonia", PRESENT): 2, ("Cardiomegaly", PRESENT): 1,
    }  # fmt: skip
    assert counted(item_cues(ITEMS)) == {("no", ABSENT): 1, ("absent *", ABSENT): 1, ("without", ABSENT): 1}
    assert counted(item_negations(ITEMS)) == {("2", "A"): 1, ("1", "B"): 1, ("0", "D"): 1}


def test_rows_show_the_right_option():
    row = item_rows(ITEMS).iloc[1]
    assert (row["right, with negations"], row["cues"], row["negations"]) == ("denied two 1", "without", 1)


def test_csv_holds_all_of_an_item():
    row = next(csv.DictReader(io.StringIO(items_csv(ITEMS))))
    assert (row["negated_B"], row["affirmative_D"], row["states_B"]) == ("denied one 1", "normal one 3", "101")
    assert (row["condition_2"], row["cue_2"], row["answer"]) == ("Fracture", "absent", "A")


CLAIMS = [
    Example(
        study_id="s1", patient_id="p1", split="test", text="No edema.", cue="no",
        claim=Claim(finding="Edema", polarity="absent", sentence="Lungs without edema."),
        contradictions=(Contradiction(text="Edema is seen.", kind="polarity"),),
    ),
    Example(
        study_id="s2", patient_id="p2", split="train", text="Left effusion.",
        claim=Claim(finding="Pleural Effusion", polarity="present", laterality="left"),
        contradictions=(
            Contradiction(text="Right effusion, not seen left.", kind="location", cue="not seen"),
            Contradiction(text="No left effusion.", kind="polarity", cue="no"),
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["s1", "s2"]),
        ({"findings": ["Edema"]}, ["s1"]),
        ({"polarity": "present"}, ["s2"]),
        ({"kinds": ["location"]}, ["s2"]),
        ({"cues": ["no"]}, ["s1", "s2"]),
        ({"cues": ["not seen"]}, ["s2"]),
        ({"splits": ["test"]}, ["s1"]),
        ({"text": "lungs WITHOUT"}, ["s1"]),
    ],
)
def test_claims_that_fit_every_filter(filters, expected):
    assert [one.study_id for one in filter_claims(CLAIMS, **filters)] == expected


def test_claims_are_counted_and_listed_by_pair():
    assert len(claim_rows(CLAIMS)) == 3
    assert counted(claim_balance(CLAIMS)) == {("Edema", ABSENT): 1, ("Pleural Effusion", PRESENT): 1}
    assert counted(claim_cues(CLAIMS)) == {
        ("no", "true statements"): 1, ("no", "contradictions"): 1, ("not seen *", "contradictions"): 1,
    }  # fmt: skip
