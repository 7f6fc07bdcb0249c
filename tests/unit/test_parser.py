"""The parser on sentences labelled by hand (tests/parser/sentences.tsv), and on the rules of scope one by one."""

from pathlib import Path

import pytest

from nast_core.errors import DataError
from nast_core.negation.cues import CUES, cue_table, find_cues
from nast_core.negation.lexicon import find_namings
from nast_core.negation.parser import parse, parse_all
from nast_core.negation.parser_report import Label, Sentence, read_sentences, report
from nast_core.negation.phrases import DENIALS

SENTENCES = Path(__file__).parents[1] / "parser" / "sentences.tsv"


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    return read_sentences(SENTENCES)


def test_there_are_at_least_300_sentences_half_of_them_held_back(sentences):
    assert len({sentence.text for sentence in sentences}) == len(sentences) >= 300
    held = [sentence for sentence in sentences if sentence.half == "held"]
    assert len(held) == pytest.approx(len(sentences) / 2, abs=1)
    cues = {label.cue for sentence in sentences for label in sentence.labels if label.state == "absent"}
    assert len(cues) >= 40


@pytest.mark.parametrize("half", ["develop", "held"])
def test_denials_are_found_and_little_else_is_taken_for_one(sentences, half):
    found = report([sentence for sentence in sentences if sentence.half == half])
    assert found.overall.labelled >= 150
    assert found.overall.precision >= 0.97
    assert found.overall.recall >= 0.97
    assert found.right / found.sentences >= 0.95


def test_our_cues_find_what_negspacys_own_miss(sentences):
    found = report(sentences)
    assert found.negspacy.recall < 0.75
    assert found.overall.recall - found.negspacy.recall > 0.25


def test_scores_are_counted_per_mention_precision_by_the_parsers_cue_and_recall_by_the_hands():
    found = report(
        [
            Sentence("held", "No edema; cardiomegaly is absent.", (Label("Edema", "absent", "no"), Label("Cardiomegaly", "absent", "absent"))),
            Sentence("held", "No fracture.", (Label("Fracture", "present"),)),  # labelled so to be counted as wrong
            Sentence("held", "Effusion here.", (Label("Pleural Effusion", "absent", "no"),)),
        ]
    )  # fmt: skip
    assert (found.overall.found, found.overall.right, found.overall.labelled, found.overall.recalled) == (3, 2, 3, 2)
    assert (found.cues["no"].precision, found.cues["no"].recall) == (0.5, 0.5)
    assert (found.cues["absent"].precision, found.cues["absent"].recall) == (1, 1)
    assert (found.right, found.sentences) == (1, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion, edema, or fracture.", {"Pleural Effusion": "absent", "Edema": "absent", "Fracture": "absent"}),
        ("No effusion, but edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion, mild edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion and edema is seen.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion and edema are seen.", {"Pleural Effusion": "absent", "Edema": "absent"}),
        ("No effusion with edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("Effusion and edema are absent.", {"Pleural Effusion": "absent", "Edema": "absent"}),
        ("Effusion is seen and edema is absent.", {"Pleural Effusion": "present", "Edema": "absent"}),
        ("Edema is absent; effusion is seen.", {"Edema": "absent", "Pleural Effusion": "present"}),
        ("Effusion without edema.", {"Pleural Effusion": "present", "Edema": "absent"}),
        ("No change in effusion.", {"Pleural Effusion": "present"}),
        ("The effusion is not absent.", {"Pleural Effusion": "present"}),
        ("Effusion is not excluded.", {"Pleural Effusion": "uncertain"}),
        ("Edema is no longer seen.", {"Edema": "absent"}),
        ("The heart is not enlarged.", {"Cardiomegaly": "absent"}),
        ("Clear lungs.", {"Lung Opacity": "normal"}),
        ("Lungs free of opacity.", {"Lung Opacity": "absent"}),
        ("Nothing of note.", {}),
        ("", {}),
    ],
)
def test_a_cue_reaches_as_far_as_its_clause(text, expected):
    assert {mention.condition: mention.state for mention in parse(text)} == expected


def test_a_mention_says_where_it_stands_and_what_denies_it():
    text = "Impression: NO  Evidence of a Pneumothorax."
    (mention,) = parse(text)
    assert text[mention.start : mention.end] == "Pneumothorax"
    assert text[mention.cue_start : mention.cue_end] == "NO  Evidence of"


def test_texts_are_read_in_order_whatever_comes_between():
    read = list(parse_all(["No edema.", "", "A fracture.", "x" * 5000]))
    assert [[(m.condition, m.state) for m in mentions] for mentions in read] == [
        [("Edema", "absent")], [], [("Fracture", "present")], []
    ]  # fmt: skip


def test_of_overlapping_names_the_longest_is_taken():
    namings = find_namings("a collapsed lung and lobar collapse; airspace consolidation")
    assert [naming.conditions for naming in namings] == [("Pneumothorax",), ("Atelectasis",), ("Consolidation",)]


def test_cues_are_listed_once_and_hold_those_of_the_demo_world():
    table = cue_table()
    for cues in (table.before, table.after, table.pseudo, table.hedge_before, table.hedge_after):
        assert len(set(cues)) == len(cues)
    assert {denial.cue for denial in DENIALS} <= set(CUES)
    assert [cue.text for cue in find_cues("it isn't seen")] == ["n't"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("held\tNo edema.", "line 1: needed: half, sentence and labels"),
        ("# x\nheld\tNo edema.\tEdema: gone", "line 2: 'Edema: gone' is no label"),
        ("held\tNo edema.\tOedema: absent (no)", "'Oedema: absent (no)' is no label"),
    ],
)
def test_a_bad_file_of_sentences_is_refused_with_its_line(tmp_path, content, said):
    (tmp_path / "s.tsv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_sentences(tmp_path / "s.tsv")
    assert said in str(caught.value)
    with pytest.raises(DataError, match="there is no file"):
        read_sentences(tmp_path / "none.tsv")
