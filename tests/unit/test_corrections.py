"""A person's word over the parser's: for one text, kept whole, in every judgement that is handed it and in no other."""

import json
import threading

import pytest
from typer.testing import CliRunner

from nast_core.benchmark.edit import last_edit, reword, save_wording
from nast_core.benchmark.items import read_items, write_items
from nast_core.benchmark.reference import export_reference, import_reference
from nast_core.benchmark.verify import verify
from nast_core.benchmark.writer import Draft, Task
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.corrected import disputed
from nast_core.cli import app
from nast_core.errors import BenchmarkError, DataError
from nast_core.negation.corrections import NONE, Correction, Corrections, keep, kept_corrections, read_corrections
from nast_core.negation.reading import changes, findings, marked, mentions_of
from tests.unit.test_edit import ITEM


def by(text: str, **states: str) -> Corrections:
    return Corrections(
        Correction(text=text, condition=name.replace("_", " "), state=state) for name, state in states.items()
    )


def said(text: str, corrections: Corrections) -> list[tuple]:
    return [(f["condition"], f["state"], f["cue"], f.get("corrected", False)) for f in findings(text, corrections)]


def test_a_finding_said_to_be_absent_is_denied_by_the_cue_nearest_to_it():
    text = "No edema; no change in effusion."
    assert said(text, NONE) == [("Edema", "absent", "no", False), ("Pleural Effusion", "present", None, False)]
    corrected = by(text, Pleural_Effusion="absent")
    assert said(text, corrected) == [("Edema", "absent", "no", False), ("Pleural Effusion", "absent", "no", True)]
    assert [mention.cue_start for mention in mentions_of(text, corrected)] == [0, 10]


def test_an_absence_without_any_negation_in_the_text_is_one_said_affirmatively():
    (mention,) = mentions_of("Old edema.", by("Old edema.", Edema="absent"))
    assert (mention.state, mention.cue) == ("normal", None)


@pytest.mark.parametrize(
    ("state", "read"),
    [("present", [("Edema", "present", None, True)]), ("uncertain", [("Edema", "uncertain", "no", True)]),
    ("not said", [])],
)  # fmt: skip
def test_every_state_goes_over_the_parsers(state, read):
    assert said("No edema.", by("No edema.", Edema=state)) == read


def test_a_finding_the_parser_does_not_see_is_read_too_and_has_no_words_to_be_marked():
    corrected = by("Bubbles on the left.", Pneumothorax="present")
    assert said("Bubbles on the left.", corrected) == [("Pneumothorax", "present", None, True)]
    assert marked("Bubbles on the left.", corrected) == []


def test_a_finding_the_parser_does_not_see_takes_no_cue_that_denies_another():
    text = "No edema, vessels of normal calibre."
    assert said(text, by(text, Pneumothorax="absent"))[-1] == ("Pneumothorax", "absent", None, True)


def test_marks_follow_the_person():
    before, after = marked("No edema."), marked("No edema.", by("No edema.", Edema="present"))
    assert [(mark.kind, mark.state) for mark in before] == [("cue", "absent"), ("finding", "absent")]
    assert [(mark.kind, mark.state) for mark in after] == [("finding", "present")]


def test_a_correction_is_of_its_text_alone_however_that_is_wrapped():
    corrected = by("No  edema,\nno fracture.", Edema="present")
    assert said("No edema, no fracture.", corrected)[0] == ("Edema", "present", None, True)
    for other in ("no edema, no fracture.", "No edema, no fracture", "No edema, no fracture. Rest clear."):
        assert said(other, corrected) == said(other, NONE)


def test_what_the_parser_reads_so_itself_is_no_correction():
    assert changes("No edema.", by("No edema.", Edema="absent", Fracture="not said")) == []
    assert said("No edema.", by("No edema.", Edema="absent")) == said("No edema.", NONE)


def test_corrections_are_kept_replaced_and_taken_back(tmp_path):
    path = tmp_path / "sets" / "readings.jsonl"
    assert len(kept_corrections(path)) == 0
    keep(path, "No edema.", {"Edema": "present", "Fracture": "absent"})
    keep(path, "No  fracture.", {"Fracture": "uncertain"})
    keep(path, "No edema.", {"Edema": "uncertain"})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"text": "No fracture.", "condition": "Fracture", "state": "uncertain"},
        {"text": "No edema.", "condition": "Edema", "state": "uncertain"},
    ]
    keep(path, "No edema.", {})
    assert read_corrections(path).lines() == [Correction(text="No fracture.", condition="Fracture", state="uncertain")]
    keep(path, "No fracture.", {})
    assert len(kept_corrections(path)) == 0


def test_of_people_who_correct_at_once_nobody_is_lost(tmp_path):
    path = tmp_path / "readings.jsonl"
    people = [
        threading.Thread(target=keep, args=(path, f"No edema, {n}.", {"Edema": "present"})) for n in range(12)
    ]  # fmt: skip
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(read_corrections(path)) == 12


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (
            {"text": "No edema.", "condition": "Oedema", "state": "absent"},
            "'Oedema' is none of the CheXpert conditions",
        ),
        (
            {"text": "No edema.", "condition": "Edema", "state": "gone"},
            "'present', 'absent', 'uncertain' or 'not said'",
        ),
        ({"text": " \n", "condition": "Edema", "state": "absent"}, "text: is empty"),
        ({"text": "No edema.", "state": "absent"}, "condition: Field required"),
        ({"text": "No edema.", "condition": "Edema", "state": "absent", "by": "me"}, "by: Extra inputs"),
    ],
)
def test_a_line_that_is_no_correction_is_named_and_nothing_is_written_over_it(tmp_path, line, wrong):
    path = tmp_path / "readings.jsonl"
    path.write_text('{"text": "x", "condition": "Edema", "state": "absent"}\n' + json.dumps(line) + "\n")
    before = path.read_bytes()
    for act in (lambda: read_corrections(path), lambda: keep(path, "No edema.", {"Edema": "present"})):
        with pytest.raises(DataError, match=f"line 2: not a correction .*{wrong}"):
            act()
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "sets").write_text("a file in the folder's place")
    with pytest.raises(DataError, match=r"cannot be written \(.*choose another folder of data sets \(NAST_DATA\)"):
        keep(tmp_path / "sets" / "readings.jsonl", "No edema.", {"Edema": "present"})


def test_the_command_reads_with_corrections_only_where_they_are_given(tmp_path):
    path = tmp_path / "readings.jsonl"
    keep(path, "No edema.", {"Edema": "present"})
    lines = [
        CliRunner().invoke(app, ["negation", "read", "-", *more], input=b"No edema.\n",
            env={"NAST_DATA": str(tmp_path)})
        for more in ([], ["--corrections", str(path)])
    ]  # fmt: skip
    assert [json.loads(line.stdout)["findings"] for line in lines] == [
        [{"condition": "Edema", "state": "absent", "cue": "no"}],
        [{"condition": "Edema", "state": "present", "cue": None, "corrected": True}],
    ]
    gone = CliRunner().invoke(app, ["negation", "read", "-", "--corrections", str(tmp_path / "none")], input=b"")
    assert gone.exit_code == 2
    assert len(gone.stderr.splitlines()) == 1
    assert "there is no file" in gone.stderr


# --- what is judged
# ----------------------------------------------------------------------------------------------------

UNREAD = "Fracture, air beside the lung, and no edema."  # the parser knows no pneumothorax by these words
UNREAD_TOO = "Fracture, air beside the lung, and normal pulmonary vasculature."
DRAFT = Draft((UNREAD, *ITEM.negated[1:]), (UNREAD_TOO, *ITEM.affirmative[1:]))
SAID = Corrections([*by(UNREAD, Pneumothorax="present").lines(), *by(UNREAD_TOO, Pneumothorax="present").lines()])


def test_words_refused_for_a_wrong_reading_pass_once_it_is_corrected_and_the_item_says_so(tmp_path):
    path = tmp_path / "items.jsonl"
    write_items([ITEM, ITEM.model_copy(update={"item_id": "two"})], path)
    with pytest.raises(BenchmarkError, match="Pneumothorax is not mentioned"):
        save_wording(path, ITEM, DRAFT)
    new = save_wording(path, ITEM, DRAFT, SAID)
    first, second = read_items(path)
    assert first == new
    assert first.corrected == tuple(SAID.lines())
    assert first.cues == ITEM.cues
    assert second.corrected == ()
    assert [("corrected" in line) for line in path.read_text().splitlines()] == [True, False]
    assert last_edit(path, first).after.corrected == tuple(SAID.lines())


def test_a_corrected_reading_is_held_against_the_labels_like_any_other():
    wrong = Corrections([*SAID.lines(), *by(UNREAD, Edema="present").lines()])
    complaint, left_over = reword(ITEM, DRAFT, wrong).verdict.complaints
    assert left_over.said.endswith("denies none of the conditions")
    assert complaint.said.startswith("option A: Edema should be absent")
    assert complaint.option == 0
    more = Corrections([*SAID.lines(), *by(UNREAD, Cardiomegaly="present").lines()])
    assert "Cardiomegaly, which is not asked" in reword(ITEM, DRAFT, more).verdict.complaints[0].said


def test_forms_that_differ_elsewhere_are_refused_still_where_the_parser_knows_the_words():
    negated = "Fracture, pneumothorax, and no change in edema."
    affirmative = "Fracture, pneumothorax, and normal pulmonary vasculature."
    draft = Draft((negated, *ITEM.negated[1:]), (affirmative, *ITEM.affirmative[1:]))
    task = Task("one", ITEM.conditions, ITEM.assignments, seed=0)
    (complaint,) = verify(task, draft, by(negated, Edema="absent")).complaints
    assert complaint.reason == "changed elsewhere"


def test_an_imported_item_that_a_person_reads_as_its_labels_is_doubted_no_more(tmp_path):
    item = ITEM.model_copy(update={"negated": DRAFT.negated, "affirmative": DRAFT.affirmative})
    export_reference([item], tmp_path / "r.json")
    assert list(import_reference(tmp_path / "r.json").doubted) == ["reference-1"]
    found = import_reference(tmp_path / "r.json", SAID)
    assert found.doubted == {}
    assert found.items[0].corrected == tuple(SAID.lines())


def test_a_claim_is_disputed_by_whoever_reads_its_source_sentence_otherwise():
    claim = Claim(finding="Edema", polarity="absent", sentence="No edema is excluded.")
    false = Contradiction(
        text="There is edema.", kind="polarity", claim=claim.model_copy(update={"polarity": "present"})
    )
    example = Example(study_id="s", patient_id="p", claim=claim, text="No edema.", contradictions=(false,))
    assert disputed(example, NONE) is None
    assert disputed(example, by("No edema is excluded.", Fracture="present")) is None
    assert disputed(example, by("No edema is excluded.", Edema="uncertain")).person == "uncertain"
    assert disputed(example, by("There is edema.", Edema="absent")).person == "absent"
