"""Finding images in a user's folder: whatever depth, format, case and spelling; never another patient's image."""

import os
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nast_core.benchmark.sources import labelled_studies
from nast_core.data.image_folders import locate_images, why_missing
from nast_core.encoding.images import open_image
from nast_core.errors import DataError, ImageError
from tests.words import CHEXPERT_CONDITIONS


def touch(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    return folder


UID = "1.2.826.0.1.3680043.8.498.7464"
NFD = unicodedata.normalize("NFD", "Müller_é.png")


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("00000001_000.png", "00000001_000.PNG"),
        ("00000001_000.png", "deep/images_001/00000001_000.dicom"),
        ("a/b.jpg", "a/b.jpeg"),
        ("a/b.png", "A/B.Dcm"),
        (UID, f"{UID}.dcm"),
        (f"{UID}.dcm", UID),
        (f"{UID}.png", f"study/{UID}"),
        ("scan", "scan.tiff"),
        ("scan.jpg", "scan"),
        ("Müller_é.png", NFD),
        (NFD, "Müller_é.JPG"),
        ("train\\p1\\v.png", "train/p1/v.png"),
        ("/data/of/others/scan7.png", "scan7.png"),
        ("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg",
        "chexpert/train/patient00001/study1/view1_frontal.jpg"),
        ("images/img0.png", "img0.png"),
        ("0/2166810.png", "images-224/2166810.png"),
    ],
)  # fmt: skip
def test_an_image_is_found_however_its_name_is_written(tmp_path, name, there):
    touch(tmp_path, there, "others/unlike.png")
    assert locate_images([name], tmp_path) == {name: there}


@pytest.mark.parametrize(
    ("names", "there"),
    [
        (["patient00002/study1/view1.jpg"], ["patient00001/study1/view1.jpg"]),
        (["p1/s1/view1.jpg", "p2/s1/view1.jpg"], ["view1.jpg"]),  # of whom?
        (["view1.jpg"], ["p1/view1.jpg", "p2/view1.jpg"]),
        (["1.2.3"], ["1.2.4", "1.2"]),
        ([""], ["a.png"]),
    ],
)
def test_another_patients_image_is_never_taken(tmp_path, names, there):
    assert locate_images(names, touch(tmp_path, *there)) == {}


def test_a_name_that_only_resembles_another_does_not_take_its_image_from_it(tmp_path):
    touch(tmp_path, "jones/img.png")
    assert locate_images(["smith/img.png", "jones/img.png", "lee/img.png"], tmp_path) == {
        "jones/img.png": "jones/img.png"
    }


def test_a_folder_that_names_another_patient_is_not_overlooked_where_it_is_the_users_own(tmp_path):
    own = touch(tmp_path, "patient00001/study1/view1.jpg") / "patient00001"
    name = "train/patient0000{}/study1/view1.jpg"
    assert locate_images([name.format(2)], own) == {}
    assert locate_images([name.format(1)], own) == {name.format(1): "study1/view1.jpg"}


def test_of_two_formats_the_named_one_is_taken_and_of_two_folders_the_likelier(tmp_path):
    touch(tmp_path, "a/scan1.png", "a/scan1.dcm", "b/scan1.png")
    assert locate_images(["a/scan1.dcm", "b/scan1.jpg"], tmp_path) == {
        "a/scan1.dcm": "a/scan1.dcm",
        "b/scan1.jpg": "b/scan1.png",
    }


def test_a_folder_is_read_once_and_again_when_it_changed(tmp_path, monkeypatch):
    touch(tmp_path, "sub/one.png")
    for place in (tmp_path, tmp_path / "sub"):
        os.utime(place, (time.time() - 60,) * 2)
    assert locate_images(["one.png"], tmp_path) == {"one.png": "sub/one.png"}
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", lambda *_: pytest.fail("read again"))
        assert locate_images(["one.jpg", "two.png"], tmp_path) == {"one.jpg": "sub/one.png"}
    touch(tmp_path, "sub/two.png")
    assert locate_images(["two.png"], tmp_path) == {"two.png": "sub/two.png"}


def test_links_are_followed_and_rings_pipes_and_hidden_files_passed_over(tmp_path):
    (tmp_path / "images").mkdir()
    elsewhere = touch(tmp_path / "elsewhere", "one.png")
    (tmp_path / "images" / "linked").symlink_to(elsewhere)
    (elsewhere / "ring").symlink_to(tmp_path / "images")
    os.mkfifo(tmp_path / "images" / "two.png")
    touch(tmp_path, "images/.three.png")
    (tmp_path / "images" / "four.png").symlink_to("nowhere")
    names = ["one.png", "two.png", ".three.png", "four.png"]
    assert locate_images(names, tmp_path / "images") == {"one.png": "linked/one.png"}


def test_what_is_missing_is_told_with_what_was_looked_for_and_what_is_there(tmp_path):
    touch(tmp_path, *(f"{n}.png" for n in range(8)))
    said = why_missing("a/b/77.jpg", tmp_path)
    assert "looked for 'a/b/77.jpg', and in every folder for '77' ending in .jpg, .png, .dcm" in said
    assert "the folder holds 8 files, as 0.png, 1.png, 2.png, 3.png, 4.png and others" in said
    touch(tmp_path, "patient1/view1.png")
    assert "files of that name are at patient1/view1.png" in why_missing("patient2/view1.png", tmp_path)


def labels(folder: Path, *images: str) -> str:
    states = ",".join("1" if name in ("Edema", "Fracture") else "0" for name in CHEXPERT_CONDITIONS)
    rows = [f"p{n},s{n},{image},{states}" for n, image in enumerate(images)]
    (folder / "t.csv").write_text("\n".join([f"patient_id,study_id,image,{','.join(CHEXPERT_CONDITIONS)}", *rows]))
    return str(folder / "t.csv")


def test_a_build_tells_of_the_first_study_without_an_image(tmp_path):
    table = labels(tmp_path, "a.png", "b.png")
    images = touch(tmp_path / "images", "a.PNG")
    found = labelled_studies(table, 10, images=images)
    assert [study.image for study in found.studies] == ["a.PNG", "b.png"]
    assert found.notes[0].startswith(
        "1 eligible studies have no image in the folder; of the first, 's1': looked for 'b.png'"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"of the first study, 's0': looked for 'a\.png'.* the folder holds no file"):
        labelled_studies(table, 10, images=tmp_path / "empty", images_only=True)


def test_a_run_finds_images_as_a_build_does(tmp_path):
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(tmp_path / "A.PNG")
    assert open_image("train/a.jpg", tmp_path).size == (64, 64)
    with pytest.raises(
        ImageError, match=r"there is no file b\.jpg in .*: looked for 'b\.jpg'.* holds 1 file, as A\.PNG"
    ):
        open_image("b.jpg", tmp_path)
    with pytest.raises(ImageError, match="there is no file"):
        open_image("../A.PNG", touch(tmp_path / "inner", "x"))
    with pytest.raises(ImageError):
        open_image(f"phantom:{'9' * 5000}", tmp_path)


def test_the_root_of_the_file_system_is_not_searched():
    with pytest.raises(ImageError, match="/ is the whole machine"):
        locate_images(["a.png"], Path("/"))
