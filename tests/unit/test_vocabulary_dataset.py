"""A made-up vocabulary of three conditions through table, dataset, questions, statements, training and benchmark, with
drawn images."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nast_core.benchmark.items import read_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.examples import read_claims
from nast_core.claims.run import run_evidence
from nast_core.claims.sources import read_source
from nast_core.cli import app
from nast_core.data.drawing import render
from nast_core.data.label_layouts import layout_of
from nast_core.data.labels import read_labels
from nast_core.data.phantom import phantoms
from nast_core.data.studies import Split
from nast_core.dataset.opened import open_dataset, open_folder
from nast_core.errors import BenchmarkError, DataError, DatasetError
from nast_core.finetune.data import training_data
from nast_core.opening import load_model
from nast_core.vocabulary.beside import beside, vocabulary_of
from nast_core.vocabulary.file import read_vocabulary, write_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, open_vocabulary
from nast_core.work.build_dataset import BuildDatasetRecipe
from nast_core.work.identity import identity
from tests.unit.test_vocabulary import NONSENSE, words

pytestmark = pytest.mark.slow  # a dataset is built, and the demo reads it

DRAWN = {"Glomp": "Cardiomegaly", "Wuzzle": "Pleural Effusion", "Frob": "Support Devices"}  # what is drawn for each
PATIENTS: dict[Split, int] = {"train": 30, "validation": 14, "test": 24}


def table_of(folder: Path) -> Path:
    """Glomp by its name, Wuzzle by a noun, Frob in a column that only a mapping knows; images beside the table."""
    (folder / "images").mkdir(parents=True)
    lines, number = ["patient_id,study_id,image,split,glomp,wuzzle,score_f"], 0
    for split, count in PATIENTS.items():
        for phantom in phantoms(split, count):
            Image.fromarray(render(phantom, 64)).save(folder / "images" / f"p{number}.png")
            states = (str(phantom.labels[drawn]) for drawn in DRAWN.values())
            lines.append(",".join([f"p{number}", f"s{number}", f"p{number}.png", split, *states]))
            number += 1
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "labels.csv"


def mapped() -> Vocabulary:
    return Vocabulary.model_validate(NONSENSE.model_dump(by_alias=True) | {"columns": {"Score F": "Frob"}})


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A table, images, reports, a vocabulary, and the dataset ``made`` from them by the command."""
    home = tmp_path_factory.mktemp("nonsense")
    table = table_of(home)
    write_vocabulary(home / "mine.yaml", mapped())
    reports = ["study_id,text"] + [
        f's{n},"There is no glomp. Left wuzzle. The zaffle is unremarkable."' for n in range(sum(PATIENTS.values()))
    ]
    (home / "reports.csv").write_text("\n".join(reports) + "\n", "utf-8")
    order = ["--labels", str(table), "--images", str(home / "images"), "--vocabulary", str(home / "mine.yaml")]
    done = CliRunner().invoke(app, ["dataset", "build", *order, "--out", str(home / "made"), "--items", "20"])
    assert done.exit_code == 0, done.output
    return home


def test_the_dataset_has_a_column_a_condition_and_names_its_vocabulary(home):
    dataset = open_folder(home / "made")
    assert dataset.vocabulary == mapped()
    assert list(dataset.studies.page(0, 1).columns) == ["patient", "study", "split", "image", "Glomp", "Wuzzle", "Frob"]
    first = next(iter(phantoms("train", 1))).labels
    assert [int(v) for v in dataset.studies.presence(["p0.png"])[0]] == [first[name] for name in DRAWN.values()]
    said = (home / "made" / "dataset.yaml").read_text("utf-8")
    assert f"{{name: mine, file: vocabulary.yaml, fingerprint: {mapped().fingerprint}}}" in " ".join(said.split())
    assert f"Vocabulary: mine, in `vocabulary.yaml`, fingerprint `{mapped().fingerprint[:12]}`" in (
        home / "made" / "card.md"
    ).read_text("utf-8")


def test_its_questions_statements_and_pairs_are_in_its_own_words(home):
    dataset = open_dataset(str(home / "made"))
    items, statements = dataset.items("test", 20), dataset.training()
    assert len(items) >= 10
    assert {condition for item in items for condition in item.conditions} == set(DRAWN)
    assert {item.question for item in items} == {"Which statement describes this head CT?"}
    assert {example.claim.finding for example in statements} == set(DRAWN)
    pairs = dataset.pairs(["Edema", "Cardiomegaly"])  # what a model of radiographs knows does not matter
    assert {pair.finding for pair in pairs} == set(DRAWN)
    texts = [text for item in items for text in (*item.negated, *item.affirmative)]
    texts += [text for example in statements for text in (example.text, example.contradictions[0].text)]
    texts += [text for pair in pairs for text in (pair.affirmative, pair.negated)]
    named = ("glomp", "wuzzle", "frob", "zaffle")
    assert all(any(word in text.lower() for word in named) for text in texts)
    assert not [text for text in texts if "chest" in text.lower() or "radiograph" in text.lower()]


def test_a_model_is_measured_on_it_and_learns_from_it(home):
    demo = load_model("demo")  # which spells the words out
    dataset = open_dataset(str(home / "made"))
    items = dataset.items("test", 20)
    result = run_benchmark(demo, items, dataset.images)
    assert result.summary["items"] == len(items)
    assert set(result.summary["by"]["condition"]) <= set(DRAWN)
    known = dataset.evidence("test", 100)
    assert known.conditions == list(DRAWN)
    claims = run_evidence(demo, known, dataset.images)
    assert set(claims.summary["alignment"]["zero_shot_auroc"]) == {*DRAWN, "macro"}
    assert set(claims.summary["negated_prompt_auroc"]["there is no"]) == {*DRAWN, "macro"}
    data = training_data(dataset.training(), most_validation=100, vocabulary=dataset.vocabulary)
    assert data.vocabulary == dataset.vocabulary
    assert "no" in data.cues


def test_two_datasets_of_two_vocabularies_are_open_at_once(home):
    one, other = open_dataset(str(home / "made")), open_dataset("phantoms")
    assert (one.vocabulary.name, other.vocabulary.name) == ("mine", "chexpert")
    assert {i.conditions[0] for i in other.items("test", 5)} <= set(chest().conditions)
    assert {i.conditions[0] for i in one.items("test", 5)} <= set(DRAWN)


def test_reviews_may_be_added_to_its_copy_and_words_may_not(home, tmp_path):
    import shutil

    folder = shutil.copytree(home / "made", tmp_path / "copied")
    before = open_folder(folder).fingerprint
    review = {"by": "AB", "on": "2026-11-30", "verdict": "right"}
    reviewed = mapped().with_condition("Wuzzle", equivalents=[{"text": "a dry zaffle", "reviewed": [review]}])
    write_vocabulary(folder / "vocabulary.yaml", reviewed)
    assert open_folder(folder).vocabulary.reviewed == (1, 4)
    assert open_folder(folder).fingerprint == before
    write_vocabulary(folder / "vocabulary.yaml", mapped().with_condition("Wuzzle", equivalents=["a damp zaffle"]))
    with pytest.raises(DatasetError, match=r"vocabulary\.yaml was changed after the dataset was built"):
        open_folder(folder)


def test_reports_are_read_by_it(home):
    told = read_source(str(home / "reports.csv"), vocabulary=mapped()).studies[0]
    assert [(claim.finding, claim.polarity, claim.laterality) for claim in told.claims] == [
        ("Glomp", "absent", None), ("Wuzzle", "present", "left"),
    ]  # fmt: skip


def test_items_and_claims_of_their_own_lie_beside_a_copy_of_their_vocabulary(home, tmp_path):
    run = CliRunner().invoke
    labels, own = ["--labels", str(home / "labels.csv")], ["--vocabulary", str(home / "mine.yaml")]
    items, claims = tmp_path / "items.jsonl", tmp_path / "claims.jsonl"
    done = run(app, ["benchmark", "build", *labels, *own, "--n", "20", "--out", str(items)])
    assert done.exit_code == 0, done.output
    done = run(
        app, ["claims", "build", "--source", str(home / "reports.csv"), *own, "--no-balanced", "--out", str(claims)]
    )
    assert done.exit_code == 0, done.output
    assert vocabulary_of(items) == vocabulary_of(claims) == mapped()
    assert f"Vocabulary: mine ({mapped().fingerprint[:12]}), in `items.vocabulary.yaml`." in (
        tmp_path / "items.card.md"
    ).read_text("utf-8")
    assert f"Vocabulary: mine ({mapped().fingerprint[:12]})." in (tmp_path / "claims.card.md").read_text("utf-8")
    assert len(read_items(items)) == 20
    assert {example.claim.finding for example in read_claims(claims)} == {"Glomp", "Wuzzle"}
    beside(claims).unlink()
    with pytest.raises(DataError, match=r"line 1: .*'Glomp' is none of the CheXpert conditions"):
        read_claims(claims)
    done = run(app, ["benchmark", "build", "--n", "20", "--out", str(items)])  # of the 13, in their place
    assert done.exit_code == 0, done.output
    assert vocabulary_of(items) == chest()
    assert not beside(items).exists()


def test_items_and_claims_of_two_vocabularies_are_not_compared(home, tmp_path):
    done = CliRunner().invoke(
        app,
        ["compare", "demo", "demo-tuned", "--items", str(home / "made" / "items.jsonl"), "--out", str(tmp_path / "c")],
    )
    assert done.exit_code == 2
    assert "the dataset and the items speak of two vocabularies, chexpert and mine: they share none" in done.output


def test_sentences_are_read_by_it_from_a_terminal(home, tmp_path):
    (tmp_path / "said.txt").write_text("No glomp, left wuzzle, no edema.\n", "utf-8")
    done = CliRunner().invoke(
        app, ["negation", "read", str(tmp_path / "said.txt"), "--vocabulary", str(home / "mine.yaml")]
    )
    assert done.exit_code == 0, done.output
    read = json.loads(done.output)["findings"]
    assert [(one["condition"], one["state"]) for one in read] == [("Glomp", "absent"), ("Wuzzle", "present")]


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_mapping_to_a_column_that_is_not_there_is_said_with_what_is_near():
    header = ["patient_id", "study_id", "glomp", "wuzzle", "scores_f"]
    with pytest.raises(DataError) as refused:
        layout_of(header, vocabulary=mapped())
    assert (
        "the vocabulary maps the column 'Score F' to 'Frob', and the table has no such column (near: 'scores_f')"
        in str(refused.value)
    )


def test_a_condition_without_a_column_is_blank_and_said_and_a_table_without_any_is_refused():
    layout = layout_of(["patient_id", "study_id", "glomp"], vocabulary=NONSENSE)
    assert layout.notes == ("The table has no column of Wuzzle, Frob: of these it says nothing.",)
    with pytest.raises(DataError, match="the table lacks the columns 'Glomp', 'Wuzzle', 'Frob'"):
        layout_of(["patient_id", "study_id"], vocabulary=NONSENSE)
    with pytest.raises(DataError, match="the table lacks"):  # of the 13 all are there, or one is misspelt
        layout_of(["patient_id", "study_id", "Edema"])


def test_a_table_of_lists_is_read_by_names_and_columns_of_a_vocabulary(tmp_path):
    rows = ["Hernia", "Infiltration|Effusion", "No Finding", "Hernia|Effusion", "Unheard-of"]
    path = tmp_path / "nih.csv"
    path.write_text(
        "Image Index,Finding Labels,Patient ID,View Position\n"
        + "".join(f"{n}.png,{labels},{n},PA\n" for n, labels in enumerate(rows)),
        "utf-8",
    )
    vocabulary = words(
        "Hernia: {nouns: [[a, hernia, is]]}\nFluid: {nouns: [fluid]}\nFrob: {nouns: [frob]}",
        "columns: {Effusion: Fluid}\n",
    )
    labels = {study.study_id: study.labels for study in read_labels(f"nih:{path}", vocabulary=vocabulary).studies}
    assert labels == {}  # no image is labelled for all three
    two = words("Hernia: {nouns: [hernia]}\nFluid: {nouns: [fluid]}", "columns: {Effusion: Fluid}\n")
    layout = layout_of(["Image Index", "Finding Labels", "Patient ID", "View Position"], vocabulary=two)
    import pandas as pd

    states = layout.block(pd.read_csv(path, dtype=str), two).states
    assert states[:4].tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]
    assert (states[4] == -2).all()  # what is unheard of may be either


def test_phantoms_speak_of_the_13_alone(home, tmp_path):
    from nast_core.benchmark.sources import labelled_studies

    with pytest.raises(BenchmarkError, match="phantoms have CheXpert's conditions, and not those of mine"):
        labelled_studies("phantom", 10, vocabulary=NONSENSE)
    with pytest.raises(DataError, match="phantoms have CheXpert's conditions"):
        read_source("phantom", vocabulary=NONSENSE)


def test_a_recipe_is_another_with_other_words_and_the_same_with_a_review_more(home, tmp_path):
    def key(**fields: object) -> str:
        out, table = tmp_path / "out", home / "labels.csv"
        recipe = BuildDatasetRecipe(labels="table", table=table, images=home / "images", out=out, **fields)  # type: ignore[arg-type]
        return identity(recipe, tmp_path).key

    review = {"by": "AB", "on": "2026-11-30", "verdict": "right"}
    reviewed = mapped().with_condition("Wuzzle", equivalents=[{"text": "a dry zaffle", "reviewed": [review]}])
    write_vocabulary(tmp_path / "reviewed.yaml", reviewed)
    write_vocabulary(tmp_path / "other.yaml", mapped().with_condition("Wuzzle", sided=False))
    assert key() == key(vocabulary="chexpert")
    assert key(vocabulary=home / "mine.yaml") == key(vocabulary=tmp_path / "reviewed.yaml")
    assert len({key(), key(vocabulary=home / "mine.yaml"), key(vocabulary=tmp_path / "other.yaml")}) == 3


def test_many_conditions_are_told_apart_by_a_hash_of_their_states(tmp_path):
    conditions = [f"Glomp {n}" for n in range(40)]
    many = words("\n".join(f"{name}: {{nouns: [{name.lower()}]}}" for name in conditions))
    rng = np.random.default_rng(0)
    states = rng.integers(2, size=(30, 40))
    lines = [f"p{n},s{n},{','.join(map(str, row))}" for n, row in enumerate(states)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([f"patient_id,study_id,{','.join(conditions)}", *lines]), "utf-8")
    table = read_labels(str(path), vocabulary=many)
    assert len(table.studies) == 30
    assert list(table.studies[0].labels.values()) == states[0].tolist()
    other = ",".join(map(str, [1 - states[0][0], *states[0][1:]]))
    path.write_text("\n".join([f"patient_id,study_id,{','.join(conditions)}", *lines, f"p0,s0,{other}"]), "utf-8")
    with pytest.raises(DataError, match="the study 's0' has other labels on line 32 than on line 2"):
        read_labels(str(path), vocabulary=many)


def test_a_shipped_name_opens_what_ships():
    assert open_vocabulary("chexpert") is chest()
    assert read_vocabulary(Path(__file__).parents[2] / "nast_core/vocabulary/chest.yaml") == chest()
