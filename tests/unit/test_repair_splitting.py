"""What a text affirms and denies, by hand: every repair stands on this."""

from collections import Counter
from pathlib import Path

import pytest

from nast_core.negation.parser import parse
from nast_core.repair.splitting import neutral_text, split
from nast_core.vocabulary.shipped import chest, shipped

ROOT = Path(__file__).resolve().parents[2]
CASES = {  # text: (affirmative part, concepts, rewritten)
    "There is no pneumothorax.": (
        "A chest radiograph.", ["Pneumothorax."], "Fully expanded lungs."),
    "Findings: no pneumothorax; cardiomegaly.": (
        "Findings: cardiomegaly.", ["Pneumothorax."], "Findings: fully expanded lungs; cardiomegaly."),
    "Stable cardiomegaly without pneumothorax.": (
        "Stable cardiomegaly.", ["Pneumothorax."], "Stable cardiomegaly, fully expanded lungs."),
    "No pneumothorax, but there is cardiomegaly.": (
        "There is cardiomegaly.", ["Pneumothorax."], "Fully expanded lungs, but there is cardiomegaly."),
    "Pneumothorax is absent. The heart is enlarged.": (
        "The heart is enlarged.", ["Pneumothorax."], "Fully expanded lungs. The heart is enlarged."),
    "Cardiomegaly and no pneumothorax.": (
        "Cardiomegaly.", ["Pneumothorax."], "Cardiomegaly and fully expanded lungs."),
    "Neither cardiomegaly nor pneumothorax is seen.": (
        "A chest radiograph.", ["Cardiomegaly.", "Pneumothorax."], "Normal heart size and fully expanded lungs."),
    "The chest is free of pneumothorax; a fracture is present.": (
        "A fracture is present.", ["Pneumothorax."], "Fully expanded lungs; a fracture is present."),
    "The heart is enlarged. Pleura: no effusion.": (
        "The heart is enlarged.", ["Effusion."], "The heart is enlarged. Pleura: sharp costophrenic angles."),
    "The trachea is midline. No cardiomegaly.": (
        "The trachea is midline.", ["Cardiomegaly."], "The trachea is midline. Normal heart size."),
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_a_text_is_taken_apart_as_by_hand(text):
    affirmative, concepts, rewritten = CASES[text]
    one = split(text)
    assert (one.affirmative, list(one.concepts), one.rewritten) == (affirmative, concepts, rewritten)
    assert one.neutral == (affirmative == neutral_text(chest()))


@pytest.mark.parametrize(
    "text",
    [
        "There is a pneumothorax.",
        "Fully expanded lungs and a normal heart size.",
        "Cannot exclude a small effusion.",
        "No change in the moderate left pleural effusion.",
        "Not only is there pulmonary edema, but the heart is enlarged.",
        "It would be wrong to say that there is no pneumothorax.",
        "Pneumonia cannot be excluded.",
        "Keine Zeichen eines Pneumothorax.",
        "no dogs here",
        "",
        "  ",
    ],
)
def test_a_text_that_denies_nothing_is_left_exactly_as_it_is(text):
    one = split(text)
    assert not one.denied
    assert one.affirmative == one.rewritten == text


def test_a_finding_without_an_equivalent_stays_and_is_counted_and_so_does_what_shares_its_cue():
    words = chest().with_condition("Fracture", equivalents=(), prompts={})
    one = split("No fracture or pneumothorax. No cardiomegaly.", words)
    assert one.rewritten == "No fracture or pneumothorax. Normal heart size."
    assert [denied.phrase for denied in one.unwritten] == ["fracture", "pneumothorax"]
    assert split("No cardiomegaly.", words).unwritten == ()


def test_an_equivalent_never_contradicts_what_the_text_affirms():
    words = chest().with_condition(
        "Edema",
        equivalents=({"text": "clear lungs", "not_with": ["Consolidation"]}, {"text": "sharp vessels"}),
        prompts={},
    )
    assert split("No edema.", words).rewritten == "Clear lungs."
    assert split("Consolidation, no edema.", words).rewritten == "Consolidation, sharp vessels."


def test_another_examination_has_its_own_neutral_text():
    assert neutral_text(shipped("head-ct")).startswith(("A ", "An "))
    assert neutral_text(shipped("head-ct")) != neutral_text()


def test_what_is_said_twice_is_one_concept():
    assert split("No edema. Edema is absent.").concepts == ("Edema.",)


def sentences() -> list[str]:
    """In the manner of reports, labelled by hand for the parser's own tests."""
    lines = [
        line
        for name in ("sentences", "fresh", "fresh2", "kinds")
        for line in (ROOT / "tests" / "parser" / f"{name}.tsv").read_text("utf-8").splitlines()
    ]
    return [line.split("\t")[1] for line in lines if "\t" in line and not line.startswith("#")]


@pytest.mark.slow
def test_of_natural_sentences_the_denials_go_and_everything_else_stays():
    taken = [one for one in map(split, sentences()) if one.denied]
    lost = []
    for one in taken:
        left = parse(one.affirmative)
        assert not [m for m in left if m.state == "absent" and m.cue], one.affirmative
        gone = {c for denied in one.denied if denied not in one.unwritten for c in denied.conditions}
        assert not [m for m in parse(one.rewritten) if m.condition in gone and m.state == "absent" and m.cue]
        kept = Counter(m.condition for m in parse(one.text) if m.state != "absent" or not m.cue)
        lost += [one.text] if kept - Counter(m.condition for m in left) else []
    assert len(taken) > 900
    assert len(lost) <= 2, lost  # "the mediastinum and not the heart that is enlarged"
