"""A build from labels to files: items, dataset card, the paper's own JSON, and what the command says."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nast_core.benchmark.dataset import Dataset, build_dataset
from nast_core.benchmark.items import Item, read_items
from nast_core.benchmark.reference import FIELDS, export_reference, import_reference
from nast_core.benchmark.sources import labelled_studies
from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.writers import writer_named
from nast_core.cli import app
from nast_core.data.phantom import SPLITS as PHANTOM_SPLITS
from nast_core.data.phantom import sample_phantom
from nast_core.data.studies import split_of
from nast_core.errors import BenchmarkError, DataError
from nast_core.vocabulary.shipped import chest
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # whole builds


def nast(*words: object, code: int = 0):
    result = CliRunner().invoke(app, ["benchmark", *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """A label table of 600 patients, its images named."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("labels") / "own.csv"
    lines = [",".join(["patient_id", "study_id", "image", *CHEXPERT_CONDITIONS])]
    for n in range(600):
        states = rng.choice(["1", "0", "", "-1"], size=13, p=[0.35, 0.45, 0.15, 0.05])
        lines.append(",".join([f"{n:05}", f"s{n}", f"deep/folder/{n}.png", *states]))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def made(table, tmp_path_factory) -> Dataset:
    out = tmp_path_factory.mktemp("made") / "items.jsonl"
    return build_dataset(str(table), out, TemplateWriter(), count=120, seed=4)


def test_a_build_writes_its_items_and_a_card_beside_them(made):
    assert read_items(made.items) == made.built.items
    assert made.card == made.items.with_name("items.card.md")
    drafts = [made.drafts.name] if made.drafts else []  # turned down on the way
    assert sorted(path.name for path in made.items.parent.iterdir()) == ["items.card.md", "items.jsonl", *drafts]


def test_the_card_says_source_licence_counts_balance_rejects_seed_and_revision(made):
    card, items = made.card.read_text("utf-8"), made.built.items
    right = [dict(zip(i.conditions, i.assignments[i.answer_index], strict=True)) for i in items]
    edema = [truth["Edema"] for truth in right if "Edema" in truth]
    for said in (
        "a label table of your own (`own.csv`)",
        "Licence of the labels",
        "Research use only",
        "| rows of the table | 600 |",
        f"| eligible studies (at least 3 absent and 2 present conditions) | {made.table.counts['eligible']} |",
        f"| uncertain labels (-1), not used | {made.table.counts['uncertain_labels']} |",
        f"| Edema | {sum(edema)} | {len(edema) - sum(edema)} |",
        f"| items | {' | '.join(str(sum(i.negations == n for i in items)) for n in range(4))} |",
        "Written by the template writer",
        f"Tasks: {made.built.asked}; rejected: 0 (0.0%)",
        "| words, negated form |",
        "Seed 4;",
        "Code: ",
        "numpy ",
        hashlib.sha256(made.items.read_bytes()).hexdigest(),
    ):
        assert said in card, said
    assert str(made.items.parent) not in card  # a user's folders are nobody's business


def test_the_card_of_a_mapped_table_lists_the_doubtful_mappings(tmp_path):
    made = build_dataset("nih", tmp_path / "i.jsonl", TemplateWriter(), count=10, split="test")
    card = made.card.read_text("utf-8")
    assert "- Pneumonia: either may be how a pneumonia was described." in card
    assert "Not measured: fewer than 100 items." in card
    assert {item.split for item in made.built.items} == {"test"}
    assert all(split_of(item.patient_id) == "test" for item in made.built.items)
    assert not {"Fracture", "Support Devices"} & {c for item in made.built.items for c in item.conditions}


def test_phantom_items_are_true_of_their_phantoms_and_use_no_name_that_the_demo_has_not_learned(tmp_path):
    made = build_dataset(
        "phantom", tmp_path / "i.jsonl", writer_named("template", "phantom"), count=60, split="validation"
    )
    for item in made.built.items:
        labels = sample_phantom(int(item.study_id)).labels
        assert tuple(labels[c] for c in item.conditions) == item.assignments[item.answer_index]
        assert int(item.study_id) in PHANTOM_SPLITS["validation"]
        assert item.image == f"phantom:{item.study_id}"
        for text, option in zip(item.negated, item.assignments, strict=True):
            for condition, _ in zip(item.conditions, option, strict=True):
                assert any(noun.text in text.lower() for noun in chest()[condition].prompt_nouns), text


def test_items_whose_images_are_there_name_them_and_the_others_are_items_all_the_same(table, tmp_path):
    studies = labelled_studies(str(table), 10).studies
    for study in studies[::2]:
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / Path(study.image).name).touch()
    found = labelled_studies(str(table), 10, images=tmp_path)
    assert len(found.studies) == len(studies)
    assert found.counts["eligible_with_image"] == len(studies[::2])
    assert [study.image for study in found.studies[:2]] == [f"folder/{Path(studies[0].image).name}", studies[1].image]
    only = labelled_studies(str(table), 10, images=tmp_path, images_only=True)
    assert [study.study_id for study in only.studies] == [study.study_id for study in studies[::2]]
    with pytest.raises(DataError, match="no image of the table is under"):
        labelled_studies(str(table), 10, images=table.parent, images_only=True)


def test_a_split_that_is_none_and_a_folder_that_is_none_are_refused(table, tmp_path):
    with pytest.raises(BenchmarkError, match="there is no split 'dev'"):
        labelled_studies("phantom", 10, split="dev")
    with pytest.raises(DataError, match="there is no folder"):
        labelled_studies(str(table), 10, images=tmp_path / "none")


def test_the_papers_json_has_its_fields_in_its_order_and_comes_back_as_the_same_items(made, tmp_path):
    path = tmp_path / "reference.json"
    export_reference(made.built.items, path)
    entries = json.loads(path.read_text("utf-8"))
    for entry, item in zip(entries, made.built.items, strict=True):
        assert tuple(entry)[: len(FIELDS)] == FIELDS
        assert entry["subject_id"] == item.patient_id  # "00012" is no number
        assert entry["binary_raw_choice_2"] == dict(zip(item.conditions, item.assignments[1], strict=True))
        assert entry["negation_mcq_choice_4"] == item.negated[3]
        assert entry["correct_answer"] == item.answer
    found = import_reference(path)
    assert found.doubted == {}
    kept = {"item_id", "source", "split"}
    for back, item in zip(found.items, made.built.items, strict=True):
        assert back.model_dump(exclude=kept) == item.model_dump(exclude=kept)


REFERENCE = {
    "subject_id": 10000032,
    "study_id": 50414267,
    "question": "Which option describes the image?",
    "binary_raw_choice_1": {"Cardiomegaly": 1, "Edema": 0, "Fracture": 0},
    "binary_raw_choice_2": {"Cardiomegaly": 0, "Edema": 0, "Fracture": 0},
    "binary_raw_choice_3": "{'Cardiomegaly': 1, 'Edema': 1, 'Fracture': 0}",
    "binary_raw_choice_4": {"Edema": 1, "Cardiomegaly": 0, "Fracture": 1},
    "negation_mcq_choice_1": "Cardiomegaly without edema or fracture",
    "negation_mcq_choice_2": "No cardiomegaly, edema, or fracture",
    "negation_mcq_choice_3": "Cardiomegaly and edema, no fracture",
    "negation_mcq_choice_4": "Edema and fracture; cardiomegaly absent",
    "affirmative_mcq_choice_1": "Cardiomegaly with normal pulmonary vascularity and intact bony structures",
    "affirmative_mcq_choice_2": "Normal heart size, normal pulmonary vascularity, and intact bony structures",
    "affirmative_mcq_choice_3": "Cardiomegaly and edema, intact bony structures",
    "affirmative_mcq_choice_4": "Edema and fracture; normal heart size",
    "correct_answer": "B",
}


def imported(tmp_path: Path, *entries: object):
    (tmp_path / "r.json").write_text(json.dumps(list(entries)), "utf-8")
    return import_reference(tmp_path / "r.json")


def test_an_entry_of_the_papers_builder_becomes_an_item_with_its_cues(tmp_path):
    found = imported(tmp_path, REFERENCE)
    (item,) = found.items
    assert found.doubted == {}
    assert (item.patient_id, item.study_id, item.answer, item.source) == ("10000032", "50414267", "B", "reference")
    assert item.conditions == ("Cardiomegaly", "Edema", "Fracture")
    assert item.assignments == ((1, 0, 0), (0, 0, 0), (1, 1, 0), (0, 1, 1))
    assert item.cues == ("no", "no", "no")


def test_an_entry_that_does_not_say_its_labels_is_kept_and_listed(tmp_path):
    lie = REFERENCE | {"negation_mcq_choice_2": "Cardiomegaly, but no edema or fracture"}
    found = imported(tmp_path, REFERENCE, lie)
    assert len(found.items) == 2
    assert list(found.doubted) == ["reference-2"]
    assert "Cardiomegaly should be absent" in found.doubted["reference-2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"negation_mcq_choice_3": None}, "entry 2: lacks negation_mcq_choice_3"),
        ({"affirmative_mcq_choice_1": ""}, "entry 2: lacks affirmative_mcq_choice_1"),
        ({"negation_mcq_choice_3": REFERENCE["negation_mcq_choice_1"]}, "entry 2: has two equal options"),
        ({"correct_answer": "E"}, "entry 2: correct_answer is 'E'; needed: A, B, C or D"),
        ({"binary_raw_choice_2": REFERENCE["binary_raw_choice_1"]}, "four different assignments"),
        ({"binary_raw_choice_2": {"Cardiomegaly": 0, "Edema": 0, "Pneumonia": 0}}, "binary_raw_choice_2 is about"),
        ({"binary_raw_choice_2": {"Cardiomegaly": 0, "Edema": 0, "Fractures": 0}}, "did you mean 'Fracture'?"),
        ({"binary_raw_choice_2": {"Cardiomegaly": 0, "Edema": 2, "Fracture": 0}}, "says Edema is 2; needed: 1"),
        ({"binary_raw_choice_2": "none"}, "binary_raw_choice_2 is 'none'; needed:"),
        ({"binary_raw_choice_2": {"Edema": 0}}, "needed: three conditions"),
    ],
)
def test_a_bad_entry_is_refused_with_its_number_and_field(tmp_path, change, said):
    with pytest.raises(BenchmarkError) as caught:
        imported(tmp_path, REFERENCE, REFERENCE | change)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_list_of_entries_is_refused(tmp_path):
    path = tmp_path / "r.json"
    for content, said in (
        ("{", "is not JSON"),
        ("{}", "is no list of items"),
        ("[]", "no list"),
        ("[3]", "entry 1: is int"),
    ):
        path.write_text(content)
        with pytest.raises(BenchmarkError, match=said):
            import_reference(path)
    path.write_bytes(b"\xff\xfe[")
    with pytest.raises(BenchmarkError, match="UTF-8"):
        import_reference(path)
    with pytest.raises(BenchmarkError, match="there is no file"):
        import_reference(tmp_path / "none.json")


def test_the_build_command_counts_guesses_and_names_its_files(table, tmp_path):
    out = tmp_path / "new" / "items.jsonl"
    said = nast("build", "--labels", table, "--writer", "template", "--n", 120, "--seed", 4, "--out", out).stdout
    for part in (
        "rows 600, ",
        "120 items of ",
        "rejected 0 of 120",
        "guessed from negated",
        "at chance",
        "items.card.md",
    ):
        assert part in said
    assert len(read_items(out)) == 120


def test_export_and_import_are_commands_and_metadata_names_the_images(made, tmp_path):
    nast("export", "--items", made.items, "--out", tmp_path / "r.json")
    nast("import", "--file", tmp_path / "r.json", "--out", tmp_path / "back.jsonl")
    assert [i.negated for i in read_items(tmp_path / "back.jsonl")] == [i.negated for i in made.built.items]
    (tmp_path / "mimic").mkdir()
    (tmp_path / "mimic" / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,subject_id,study_id,ViewPosition\nabc,10000032,50414267,AP\n"
    )
    (tmp_path / "one.json").write_text(json.dumps([REFERENCE | {"negation_mcq_choice_2": "Edema only."}]))
    said = nast(
        "import", "--file", tmp_path / "one.json", "--tables", tmp_path / "mimic", "--out", tmp_path / "one.jsonl"
    )
    assert "1 of them the parser does not read as their own labels; first reference-1: option B:" in said.stderr
    (one,) = read_items(tmp_path / "one.jsonl")
    assert one.image == "files/p10/p10000032/s50414267/abc.jpg"


def test_mistakes_on_the_command_line_are_one_line_and_exit_code_2(table, tmp_path):
    out = tmp_path / "i.jsonl"
    for words, said in (
        (("--labels", "mimic"), "unknown label source 'mimic'"),
        (("--labels", tmp_path / "none.csv"), "there is no file"),
        (("--writer", "poet"), "unknown writer 'poet'"),
        (("--split", "dev"), "there is no split 'dev'"),
    ):
        result = nast("build", "--n", 5, "--out", out, *words, code=2)
        assert result.stderr.splitlines()[-1].startswith("nast: ")
        assert said in result.stderr
    assert not list(tmp_path.iterdir())


def test_items_without_an_image_name_are_items(table, tmp_path):
    text = "\n".join(
        line.replace(f"deep/folder/{n - 1}.png", "") for n, line in enumerate(table.read_text().split("\n"))
    )
    (tmp_path / "t.csv").write_text(text)
    made = build_dataset(str(tmp_path / "t.csv"), tmp_path / "i.jsonl", TemplateWriter(), count=20)
    assert {item.image for item in made.built.items} == {""}
    assert Item.model_validate_json(made.items.read_text().splitlines()[0]).image == ""
