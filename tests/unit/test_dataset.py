"""A dataset's folder: built from a table and images, asked, and refused once it is no longer as it was built."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from nast_core.benchmark.template import TemplateWriter
from nast_core.cli import app
from nast_core.data.studies import split_of
from nast_core.dataset import build, opened
from nast_core.dataset.build import Order, build_dataset
from nast_core.dataset.opened import open_dataset, open_folder
from nast_core.errors import DataError, DatasetError
from nast_core.files.parquet import read_parquet
from nast_core.runs.kinds import make_recipe
from nast_core.work.identity import identity
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # whole builds

# patient, study, image, split, and what is there; every other condition is absent, but for what is said to be blank
ROWS = [
    ("p1", "s1", "a b/é.png", "train", {"Edema": 1, "Pneumonia": 1}),
    ("p1", "s2", "s2.png", "train", {"Edema": 0, "Pneumonia": -1}),
    ("p2", "s3", "s3.png", "validation", {"Edema": 1, "Fracture": None}),
    ("p3", "s4", "s4.png", "test", {"Cardiomegaly": 1, "Edema": 1}),
    ("p4", "s5", "gone.png", "test", {"Edema": 1}),  # its image is not there
]


def write_table(path: Path, rows=ROWS) -> Path:
    lines = [",".join(["patient_id", "study_id", "image", "split", *CHEXPERT_CONDITIONS])]
    for patient, study, image, split, labels in rows:
        states = (labels.get(name, 0) for name in CHEXPERT_CONDITIONS)
        lines.append(",".join([patient, study, image, split, *("" if s is None else str(s) for s in states)]))
    path.write_text("\n".join(lines), "utf-8")
    return path


def write_images(folder: Path, rows=ROWS) -> Path:
    for number, (_, _, image, *_) in enumerate(rows):
        if image != "gone.png":
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((9, 7), 40 * number % 256, np.uint8)).save(folder / image)
    return folder


def made(folder: Path, rows=ROWS, **order) -> Path:
    table, images = write_table(folder / "labels.csv", rows), write_images(folder / "images", rows)
    out = folder / "a dataset, ö"
    build_dataset(Order(str(table), images, out, **order), TemplateWriter())
    return out


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("small"))


@pytest.fixture
def copied(small, tmp_path) -> Path:
    """One that may be spoiled."""
    return shutil.copytree(small, tmp_path / "copied")


def test_studies_keep_their_labels_uncertain_and_blank_apart_and_without_image_are_left_out(small):
    table = read_parquet(small / "studies.parquet").set_index("study")
    assert table.image.to_dict() == {"s1": "a b/é.png", "s2": "s2.png", "s3": "s3.png", "s4": "s4.png"}
    assert table.Edema.to_dict() == {"s1": 1, "s2": 0, "s3": 1, "s4": 1}
    assert table.Pneumonia.to_dict() == {"s1": 1, "s2": -1, "s3": 0, "s4": 0}
    assert np.isnan(table.Fracture["s3"])
    assert open_folder(small).manifest.counts["without_image"] == 1


def test_counts_are_by_split(small):
    splits = open_folder(small).manifest.splits
    assert {name: (part.patients, part.studies) for name, part in splits.items()} == {
        "train": (1, 2), "validation": (1, 1), "test": (1, 1),
    }  # fmt: skip
    assert open_folder(small).manifest.conditions["Edema"] == {"train": (1, 1), "validation": (1, 0), "test": (1, 0)}
    assert open_folder(small).manifest.conditions["Pneumonia"]["train"] == (1, 0)  # uncertain is in neither


def test_a_model_is_looked_at_on_validation_or_train_and_never_on_a_test_patient(small):
    dataset = open_dataset(str(small))
    assert dataset.looked_at() == "train"  # one validation image is too few
    assert dataset.images_for("Edema") == ["a b/é.png"]
    assert dataset.images_for("Edema", present=False) == ["s2.png"]
    assert dataset.images_for("Cardiomegaly") == []
    assert dataset.images_for("") == ["a b/é.png", "s2.png"]
    assert {pair.finding for pair in dataset.pairs()} == {"Edema", "Pneumonia"}


def test_what_too_few_have_is_counted_in_patients_and_not_in_images(tmp_path):
    """Six images of edema are two patients'; six of pneumonia are six's."""
    rows = [
        (f"p{n}" if n % 2 else f"q{n % 4}", f"s{n}", f"{n}.png", "validation", {"Pneumonia": n % 2, "Edema": 1 - n % 2})
        for n in range(12)
    ]
    dataset = open_folder(made(tmp_path, rows))
    having = dataset.studies.patients_having()
    assert (having["Edema"], having["Pneumonia"], having["Fracture"]) == (2, 6, 0)
    (few,) = (said for said in dataset.lacks() if said.startswith("fewer than 5 patients have "))
    assert "Edema" in few
    assert "Pneumonia" not in few
    assert dataset.looked_at() == "validation"


def test_a_split_of_many_images_of_few_patients_is_not_looked_at(tmp_path):
    rows = [(f"p{n % 4}", f"s{n}", f"{n}.png", "validation", {"Edema": n % 2}) for n in range(8)]
    rows += [("t", "t", "t.png", "train", {"Edema": 1})]
    assert open_folder(made(tmp_path, rows)).looked_at() == "train"


def test_of_phantoms_the_conditions_that_are_not_drawn_are_lacking():
    assert open_dataset("phantoms").lacks() == [
        "fewer than 5 patients have Lung Opacity, Pneumonia, Pleural Other: nothing is said of them alone"
    ]


def test_a_dataset_of_test_patients_alone_has_pairs_to_read_and_none_to_look_at(tmp_path):
    dataset = open_folder(made(tmp_path, [("p", "s", "s.png", "test", {"Edema": 1})]))
    with pytest.raises(DatasetError, match="a model is never looked at on a test patient"):
        dataset.pairs()
    assert {pair.finding for pair in dataset.pairs(present=None)} == {"Edema"}
    with pytest.raises(DatasetError, match="no pair about a condition that the model knows"):
        dataset.pairs(["Fracture"])


def test_pairs_to_be_looked_at_without_their_finding_need_images_that_lack_it(small):
    dataset = open_dataset(str(small))  # of train, s1 has edema and pneumonia, s2 has no edema
    assert {pair.finding for pair in dataset.pairs()} == {"Edema", "Pneumonia"}
    assert {pair.finding for pair in dataset.pairs(present=False)} == {"Edema"}


def test_images_without_a_statement_are_known_by_their_labels_alone(tmp_path):
    rows = [(f"p{n}", f"s{n}", f"{n}.png", "test", {"Edema": n % 2}) for n in range(13)]
    rows += [("q", "other", "other.png", "train", {"Edema": 1})]
    (tmp_path / "reports.csv").write_text("study_id,text\nother,There is edema.\n")
    dataset = open_folder(made(tmp_path, rows, reports=str(tmp_path / "reports.csv")))
    known = dataset.evidence("test", 1000)
    assert (known.examples, len(known.images), known.conditions) == ((), 13, ["Edema"])
    assert len(dataset.evidence("test", 12).images) == 12  # of which 5 have it, or 6
    with pytest.raises(DatasetError, match="no statement of its test split, and no condition is known of 5 images"):
        dataset.evidence("test", 8)


def test_findings_are_said_in_words(small):
    dataset = open_dataset(str(small))
    assert dataset.findings("a b/é.png") == "edema, pneumonia"
    assert dataset.findings("s2.png") == "none of the labelled findings"
    assert dataset.findings("another.png") == ""


def test_evidence_has_the_labels_of_the_table_and_not_what_statements_happen_to_say(tmp_path):
    rows = [
        (f"p{n}", f"s{n}", f"{n}.png", "test", {"Edema": n % 2, "Pneumonia": 1 - n % 2, "Fracture": None})
        for n in range(24)
    ]
    dataset = open_dataset(str(made(tmp_path, rows)))
    known = dataset.evidence("test", 1000)
    at = {name: number for number, name in enumerate(CHEXPERT_CONDITIONS)}
    for image, presence in zip(known.images.image, known.presence, strict=True):
        number = int(image.removesuffix(".png"))
        assert presence[at["Edema"]] == number % 2
        assert presence[at["Cardiomegaly"]] == 0  # said of no image: all lack it
        assert np.isnan(presence[at["Fracture"]])
    assert known.conditions == ["Edema", "Pneumonia"]


def test_reports_speak_where_there_are_any_and_their_disagreements_are_counted(tmp_path):
    table, images = write_table(tmp_path / "labels.csv"), write_images(tmp_path / "images")
    reports = tmp_path / "reports.csv"
    reports.write_text(
        "study_id,text\ns1,There is a small left pleural effusion. No edema.\ns2,There is edema.\nother,No fracture.\n"
    )
    manifest = build_dataset(Order(str(table), images, tmp_path / "out", reports=str(reports)), TemplateWriter())
    assert manifest.counts["reports_without_study"] == 1
    assert manifest.counts["studies_without_report"] == 2
    assert manifest.counts["labels_against_reports"] == 3  # edema of s1 and of s2, and the effusion of s1
    card = (tmp_path / "out" / "card.md").read_text("utf-8")
    assert "Edema: 1 studies labelled present whose report denies it, 1 the other way round" in card


def test_equal_orders_give_equal_files(small, tmp_path):
    again = open_folder(made(tmp_path))
    files = dict(open_folder(small).manifest.files), dict(again.manifest.files)
    for one in files:
        one.pop("card.md")  # which names the folder of images
    assert files[0] == files[1]
    assert again.fingerprint == open_folder(small).fingerprint


def test_shares_split_patients_whose_table_names_no_split():
    places = [split_of(f"p{n}", (50, 0, 50)) for n in range(400)]
    assert set(places) == {"train", "test"}
    assert 160 < places.count("test") < 240  # four standard errors of 200
    assert split_of("p1") == split_of("p1", (8, 1, 1))


@pytest.mark.parametrize("name", ["studies.parquet", "items.jsonl", "claims.jsonl", "pairs.jsonl", "card.md"])
def test_a_file_that_was_edited_by_hand_is_told(copied, name):
    with (copied / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(DatasetError, match=rf"{name} was changed after the dataset was built; build it anew"):
        open_folder(copied)


@pytest.mark.parametrize("name", ["studies.parquet", "pairs.jsonl"])
def test_a_file_that_is_missing_or_empty_is_told(copied, name):
    (copied / name).write_bytes(b"")
    with pytest.raises(DatasetError, match="was changed after"):
        open_folder(copied)
    (copied / name).unlink()
    with pytest.raises(DatasetError, match=f"lacks {name}"):
        open_folder(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9}, "was built in format 9, and this version reads format 1"),
        ({"splits": {"training": {}}}, "is not as 'nast dataset build' writes it"),
        ({"files": {"../labels.csv": "0"}}, "was changed after"),
        ({"images": "/nowhere/at/all"}, "the images of .* were in /nowhere/at/all, which is not there"),
    ],
)
def test_a_manifest_that_was_edited_is_one_sentence(copied, change, said):
    value = yaml.safe_load((copied / "dataset.yaml").read_text("utf-8")) | change
    (copied / "dataset.yaml").write_text(yaml.safe_dump(value), "utf-8")
    with pytest.raises(DatasetError, match=said):
        open_folder(copied)


def test_images_that_were_moved_are_told_with_what_is_there_instead(tmp_path):
    out = made(tmp_path)
    (tmp_path / "images" / "s2.png").rename(tmp_path / "images" / "elsewhere.png")
    with pytest.raises(DatasetError, match=r"of 4 images .* 1 are not in .*images, first 's2.png'"):
        open_folder(out)


def test_a_table_that_changed_since_is_told_and_one_that_is_gone_is_not(tmp_path):
    manifest = open_folder(made(tmp_path)).manifest
    assert opened.labels_changed(manifest) is None
    write_table(tmp_path / "labels.csv", ROWS[:3])
    assert "was changed after" in str(opened.labels_changed(manifest))
    (tmp_path / "labels.csv").unlink()
    assert opened.labels_changed(manifest) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [("p1", "s1", "x.png", "", {}), ("p2", "s2", "x.png", "", {})],
            "'x.png' stands for two studies, 's1' and 's2'",
        ),
        ([("p1", "s1", "x.png", "train", {}), ("p1", "s2", "y.png", "test", {})], "the patient 'p1' is in two splits"),
        ([("p1", "s1", "gone.png", "", {})], "no image of the 1 studies is under .* looked for 'gone.png'"),
    ],
)
def test_what_cannot_be_a_dataset_is_one_sentence_and_leaves_nothing(tmp_path, rows, said):
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=said):
        made(tmp_path, rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "labels.csv"]


def test_a_second_build_of_the_same_name_refuses(small):
    with pytest.raises(DataError, match="exists already; give the name of a new folder"):
        build_dataset(Order("nih", small.parent / "images", small), TemplateWriter())


def test_a_build_that_is_broken_off_leaves_no_folder_that_looks_whole(tmp_path, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "write_manifest", stop)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path)
    assert not (tmp_path / "a dataset, ö").exists()


def nast(*words: object, code: int = 0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result


def test_the_commands_build_show_and_check(tmp_path):
    table, images, out = write_table(tmp_path / "l.csv"), write_images(tmp_path / "images"), tmp_path / "set"
    cues = ("--cues", "without, excluded", "--contrasts", "off")
    said = nast("dataset", "build", "--labels", table, "--images", images, "--out", out, *cues).stdout
    assert "Said so: denied by absent, excluded, free of" in (out / "card.md").read_text()
    assert "set: 3 patients, 4 images in" in said
    assert nast("dataset", "show", out).stdout in said
    assert "as it was built: 4 images" in nast("dataset", "check", out).stdout
    (images / "s4.png").unlink()
    assert "are not in" in nast("dataset", "check", out, code=2).stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every folder")
def test_a_folder_one_may_not_read_is_one_sentence(copied):
    copied.chmod(0)
    try:
        with pytest.raises(DatasetError):
            open_folder(copied)
    finally:
        copied.chmod(0o700)


def test_items_know_their_split_and_each_is_asked_once(tmp_path):
    rows = [
        (f"p{n}", f"s{n}", f"{n}.png", ("train", "validation", "test")[n % 3],
        {"Edema": n % 2, "Pneumonia": n // 2 % 2, "Fracture": n // 4 % 2, "Cardiomegaly": 1})
        for n in range(60)
    ]  # fmt: skip
    dataset = open_dataset(str(made(tmp_path, rows, items=30)))
    for split, most in (("validation", 15), ("test", 30)):
        items = dataset.items(split, 1000)
        assert 0 < len(items) <= most
        assert {item.split for item in items} == {split}
    ids = [json.loads(line)["item_id"] for line in (Path(dataset.spec) / "items.jsonl").read_text().splitlines()]
    assert len(set(ids)) == len(ids)
    with pytest.raises(DatasetError, match="has no question about its train split"):
        dataset.items("train", 10)


def started(table: Path, images: Path, out: Path) -> subprocess.Popen:
    words = ["dataset", "build", "--labels", table, "--images", images, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "nast_core.cli", *map(str, words)], stderr=subprocess.PIPE, text=True
    )


@pytest.mark.long
def test_a_build_that_is_killed_leaves_no_folder_that_looks_whole_and_of_two_one_refuses(tmp_path):
    rows = [(f"p{n}", f"s{n}", f"{n}.png", "", {"Edema": n % 2, "Pneumonia": n // 2 % 2}) for n in range(300)]
    table, images, out = (
        write_table(tmp_path / "l.csv", rows),
        write_images(tmp_path / "images", rows),
        tmp_path / "set",
    )
    began = time.monotonic()
    two = [started(table, images, out) for _ in range(2)]
    said = [one.communicate(timeout=120)[1] for one in two]
    took = time.monotonic() - began
    assert sorted(one.returncode for one in two) == [0, 2]
    assert sum("exists already; give the name of a new folder" in text for text in said) == 1
    assert open_folder(out).manifest.image_count == 300
    for share in (0.5, 0.7, 0.8, 0.9):
        shutil.rmtree(out)
        build = started(table, images, out)
        time.sleep(share * took / 2)
        build.kill()
        build.communicate()
        assert not out.exists() or open_folder(out).manifest.image_count == 300
        out.mkdir(exist_ok=True)  # so that the next turn has something to take away


def test_a_run_is_found_again_while_dataset_and_images_stay(tmp_path):
    rows = [
        (f"p{n}", f"s{n}", f"{n}.png", "validation",
        {"Edema": n % 2, "Pneumonia": n // 2 % 2, "Fracture": n // 4 % 2, "Cardiomegaly": 1})
        for n in range(30)
    ]  # fmt: skip
    folder = made(tmp_path, rows, items=20)
    asked = make_recipe({"kind": "benchmark", "dataset": str(folder), "split": "validation"})

    def key(recipe) -> str:
        return identity(recipe, tmp_path / "runs", "a model").key

    (tmp_path / "runs").mkdir()
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert key(asked) == key(asked.model_copy(update={"dataset": str(moved)}))
    drawn = make_recipe({"kind": "benchmark", "split": "validation"})
    assert key(asked) != key(drawn)
    traced = make_recipe({"kind": "trace", "dataset": str(folder)})
    assert key(traced) == key(traced)
    before, before_traced = key(asked), key(traced)
    image = open_folder(folder).items("validation", 1)[0].image
    Image.fromarray(np.full((5, 5), 9, np.uint8)).save(tmp_path / "images" / image)
    assert key(asked) != before
    assert key(traced) != before_traced
