"""Label tables: what is read, what is left out and counted, and in which words a bad one is refused."""

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from nast_core.data.image_folders import locate_images
from nast_core.data.label_layouts import mapped_states
from nast_core.data.label_words import label_sources
from nast_core.data.labels import LabelTable, packaged_table, read_labels
from nast_core.data.studies import SPLITS, Study, split_of
from nast_core.errors import DataError
from tests.words import CHEXPERT_CONDITIONS

HEADER = ["patient_id", "study_id", "image", "view", "split", *CHEXPERT_CONDITIONS]
ELIGIBLE = {"Edema": "1", "Fracture": "1.0", "Pneumonia": "0", "Cardiomegaly": "0.0", "Lung Lesion": "0"}


def row(patient: str, study: str, labels: dict[str, str] | None = None, **cells: str) -> dict[str, str]:
    whole = {"patient_id": patient, "study_id": study, "image": f"{study}.png", "view": "PA", "split": ""}
    return whole | (ELIGIBLE if labels is None else labels) | cells


def write(path: Path, rows: list[dict[str, str]], columns: list[str] = HEADER) -> Path:
    lines = [",".join(columns), *(",".join(one.get(name, "") for name in columns) for one in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


NO_SPLIT = [name for name in HEADER if name != "split"]


@pytest.fixture(scope="module")
def chexpert() -> LabelTable:
    return read_labels("chexpert")


@pytest.mark.slow
def test_the_chexpert_table_that_ships_has_the_counts_known_of_it(chexpert):
    """Counted apart from the reader: 223,414 rows (5,234 of them eligible, lateral views included), 3,908 frontal
    studies."""
    table = pd.read_csv(packaged_table("chexpert"))
    states = table[list(CHEXPERT_CONDITIONS)]
    eligible = ((states == 0).sum(axis=1) >= 3) & ((states == 1).sum(axis=1) >= 2)
    assert (len(table), int(eligible.sum())) == (223_414, 5_234)
    frontal = table["Frontal/Lateral"] == "Frontal"
    studies = table.Path.str.rsplit("/", n=1).str[0]
    assert chexpert.counts == {
        "rows": 223_414,
        "not_frontal": int((~frontal).sum()),
        "not_labelled": 0,
        "uncertain_labels": int((states[frontal] == -1).sum().sum()),
        "studies": studies[frontal].nunique(),
        "further_views": int(frontal.sum()) - studies[frontal].nunique(),
        "patients": table.Path[frontal].str.split("/").str[2].nunique(),
        "eligible": studies[frontal & eligible].nunique(),
    }
    assert len(chexpert.studies) == 3_908


@pytest.mark.slow
def test_a_chexpert_study_has_its_patient_frontal_image_and_only_certain_labels(chexpert):
    one = next(study for study in chexpert.studies if study.study_id == "patient00007/study2")
    assert one.patient_id == "patient00007"
    assert one.image == "CheXpert-v1.0-small/train/patient00007/study2/view1_frontal.jpg"
    assert one.labels == {
        "Enlarged Cardiomediastinum": 1, "Lung Opacity": 1, "Atelectasis": 1, "Pneumothorax": 0,
        "Pleural Effusion": 0, "Fracture": 0, "Support Devices": 1,
    }  # fmt: skip
    assert all(study.eligible(13) and "lateral" not in study.image for study in chexpert.studies)


@pytest.mark.slow
def test_reading_labels_imports_neither_torch_nor_torchxrayvision():
    code = "import sys; from nast_core.data.labels import packaged_table; packaged_table('nih'); "
    code += "sys.exit('torch' in sys.modules or 'torchxrayvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_table_of_ones_own_is_read_and_what_is_left_out_is_counted(tmp_path):
    rows = [
        row("p1", "s1", ELIGIBLE | {"Atelectasis": "-1", "Consolidation": " "}),
        row("p1", "s1", ELIGIBLE | {"Atelectasis": "-1.0"}, image="s1-again.png"),
        row("p2", "s2", view="LATERAL"),
        row("p3", "s3", {"Edema": "1"}),
        row("p4", "s4", split="val"),
    ]
    table = read_labels(str(write(tmp_path / "own.csv", rows)))
    assert table.source == "table"
    assert table.counts == {
        "rows": 5, "not_frontal": 1, "not_labelled": 0, "uncertain_labels": 2, "studies": 3, "further_views": 1,
        "patients": 3, "eligible": 2,
    }  # fmt: skip
    first, second = table.studies
    labels = {"Edema": 1, "Fracture": 1, "Pneumonia": 0, "Cardiomegaly": 0, "Lung Lesion": 0}
    assert first == Study("s1", "p1", "s1.png", labels, split_of("p1"))
    assert second.split == "validation"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip"])
def test_columns_may_be_spelled_with_any_case_and_files_be_packed(tmp_path, suffix):
    names = {"patient_id": "Subject_ID", "study_id": "STUDY ID", "Pleural Effusion": "pleural_effusion"}
    plain = write(tmp_path / "own.csv", [row("007", "01")], NO_SPLIT)
    head, _, rest = plain.read_text().partition("\n")
    for name, other in names.items():
        head = head.replace(name, other)
    text, path = f"\ufeff{head}\n{rest}", tmp_path / f"packed{suffix}"
    if suffix == ".csv":
        path.write_text(text, "utf-8")
    elif suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("own.csv", text)
    else:
        path.write_bytes(gzip.compress(text.encode()))
    (study,) = read_labels(str(path)).studies
    assert (study.patient_id, study.study_id) == ("007", "01")  # ids are text: zeros stay


def refusal(path: Path | str, **options) -> str:
    with pytest.raises(DataError) as caught:
        read_labels(str(path), **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message.replace(str(path), "")) < 400  # the folder's own length is not ours
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("mark", "first"), [(",", ""), (";", ""), ("\t", ""), (";", "sep=;\r\n")])
def test_spreadsheets_separators_and_marks_are_read(tmp_path, mark, first, encoding):
    write(tmp_path / "own.csv", [row("007", "01"), row("008", "02")], NO_SPLIT)
    text = first + (tmp_path / "own.csv").read_text().replace(",", mark) + mark * (len(NO_SPLIT) - 1) + "\r\n"
    (tmp_path / "own.csv").write_bytes(text.encode(encoding))
    assert [study.study_id for study in read_labels(str(tmp_path / "own.csv")).studies] == ["01", "02"]


@pytest.mark.parametrize(
    ("present", "absent", "blank"),
    [("TRUE", "False", "NA"), ("yes", "No", "#N/A"), ("1,0", "0,00", "null"), ("1.0", "-0", " ")],
)
def test_labels_as_spreadsheets_and_r_write_them_are_read(tmp_path, present, absent, blank):
    said = {"1": present, "0": absent, "": blank}
    labels = {name: said[ELIGIBLE.get(name, "").removesuffix(".0")] for name in CHEXPERT_CONDITIONS}
    path = write(tmp_path / "own.csv", [row("p", "s", labels)], NO_SPLIT)
    path.write_text(
        path.read_text().replace("1,0", '"1,0"').replace("0,00", '"0,00"') if "," in present else path.read_text()
    )
    (study,) = read_labels(str(path)).studies
    assert study.labels == {"Edema": 1, "Fracture": 1, "Pneumonia": 0, "Cardiomegaly": 0, "Lung Lesion": 0}


def test_ids_that_a_spreadsheet_made_numbers_are_read_without_it_and_cut_ones_are_refused(tmp_path):
    table = read_labels(str(write(tmp_path / "t.csv", [row("10000032.0", "50000001.0"), row("p2", " s2 ")], NO_SPLIT)))
    assert [(study.patient_id, study.study_id) for study in table.studies] == [("10000032", "50000001"), ("p2", "s2")]
    assert table.notes == ("2 ids end in .0, as spreadsheets write numbers; they were read without it.",)
    said = refusal(write(tmp_path / "t.csv", [row("p1", "s1"), row("p2", "5.00E+07")], NO_SPLIT))
    assert (
        "line 3: the study is '5.00E+07', which a spreadsheet made of a longer number; export the ids as text" in said
    )


def test_chexperts_test_tables_are_read_by_their_paths(tmp_path):
    labels = {name: ELIGIBLE.get(name, "0") for name in CHEXPERT_CONDITIONS}
    paths = ["test/patient64741/study1/view1_frontal.jpg", "test/patient64741/study1/view2_lateral.jpg"]
    path = write(tmp_path / "test_labels.csv", [{"Path": one, "No Finding": "0"} | labels for one in paths],
                 ["Path", "No Finding", *CHEXPERT_CONDITIONS])  # fmt: skip
    (study,) = read_labels(str(path)).studies
    assert (study.study_id, study.patient_id, study.split) == ("patient64741/study1", "patient64741", "test")
    assert study.image == paths[0]
    truth = write(tmp_path / "groundtruth.csv", [{"Study": "CheXpert-v1.0/test/patient64741/study1"} | labels],
                  ["Study", *CHEXPERT_CONDITIONS])  # fmt: skip
    (other,) = read_labels(str(truth)).studies
    assert (other.study_id, other.split, other.labels) == (study.study_id, "test", study.labels)
    assert other.image == "patient64741/study1/view1_frontal.jpg"
    assert read_labels(f"chexpert:{truth}").studies == (other,)


NIH = ["Image Index", "Finding Labels", "Patient ID", "View Position"]


def nih(path: Path, *labels: str) -> LabelTable:
    rows = [dict(zip(NIH, (f"{n}.png", one, f"p{n}", "PA"), strict=True)) for n, one in enumerate(labels)]
    return read_labels(str(write(path / "nih.csv", rows, NIH)))


@pytest.mark.parametrize(
    "spelt",
    ["Pleural_Thickening|Mass", "pleural thickening|masses", "PLEURAL_THICKENINGS|Mass", "Mass, Pleural-thickening"],
)
def test_labels_are_known_in_any_case_and_number_and_with_or_without_underscores(tmp_path, spelt):
    table = nih(tmp_path, f'"{spelt}"')
    (study,) = table.studies
    assert {name for name, state in study.labels.items() if state} == {"Pleural Other", "Lung Lesion", "Lung Opacity"}
    assert table.notes == ()


@pytest.mark.parametrize(
    ("unknown", "blank"),
    [
        ("Pleural effusion", {"Pleural Effusion"}),
        ("Oedema", {"Edema", "Lung Opacity"}),
        ("Pneumothroax", {"Pneumothorax"}),
        ("Pneumo-thorax", {"Consolidation", "Lung Opacity", "Pneumonia", "Pneumothorax"}),
        ("PleuralEffusion", {"Pleural Effusion"}),
        ("enlarged heart", {"Cardiomegaly"}),
        ("Rib fractures", set()),  # no fracture is labelled in this table
        ("Scoliosis", set()),  # PadChest knows it as none of the 13
        ("PTX", {"Cardiomegaly", "Lung Opacity", "Edema", "Consolidation", "Pneumonia", "Pneumothorax",
        "Pleural Effusion", "Pleural Other"}),
    ],
)  # fmt: skip
def test_a_label_outside_the_vocabulary_leaves_blank_what_it_may_stand_for_and_is_told(tmp_path, unknown, blank):
    table = nih(tmp_path, "Nodule|Atelectasis", f"Nodule|Atelectasis|{unknown}")
    known = table.studies[0].labels
    text, _ = mapped_states(pd.Series([f"Nodule|Atelectasis|{unknown}"]), "nih", lambda t: t.split("|"))
    states = dict(zip(CHEXPERT_CONDITIONS, text[0].tolist(), strict=True))
    assert {name for name, state in known.items() if states[name] != state} == blank - {"Lung Opacity"}
    assert all(states[name] == -2 for name in blank - {"Lung Opacity"})  # an opacity is stated by the atelectasis
    assert table.counts["unknown_labels"] == 1
    assert f"Labels outside the vocabulary: {unknown!r} (1 rows" in table.notes[0]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["nih", "padchest"])
def test_every_label_of_the_tables_that_ship_is_in_the_vocabulary(source):
    table = read_labels(source)
    assert (table.notes, "unknown_labels" in table.counts) == ((), False)


def test_missing_columns_are_named_with_the_nearest_that_are_there(tmp_path):
    columns = [
        {"Pleural Effusion": "Pleural Efusion", "Edema": "Oedema"}.get(n, n) for n in NO_SPLIT if n != "study_id"
    ]
    said = refusal(write(tmp_path / "t.csv", [], columns))
    assert "'study_id'" in said
    assert "'Pleural Effusion' (near: 'Pleural Efusion')" in said
    assert "'Edema' (near: 'Oedema')" in said
    assert "Fracture" not in said
    said = refusal(f"nih:{write(tmp_path / 'n.csv', [], ['Image Index', 'Findings Labels', 'Patient ID'])}")
    assert "'Finding Labels' (near: 'Findings Labels')" in said
    assert "'View Position'" in said


@pytest.mark.parametrize("value", ["2", "0.5", "present", "nan", "1,5"])
def test_a_label_that_is_none_is_refused_with_its_line_and_value(tmp_path, value):
    cell = f'"{value}"' if "," in value else value
    rows = [row(f"p{n}", f"s{n}") for n in range(30)]
    rows[7]["image"] = '"a\nb"'  # a cell over two lines: lines are not rows
    rows[20] |= {"Edema": cell}
    said = refusal(write(tmp_path / "t.csv", rows), rows=8)
    assert f"t.csv, line 23: Edema is {value!r}; a label is 1 (present), 0 (absent), -1 (uncertain) or blank" in said


def test_two_rows_of_one_study_that_disagree_are_refused_with_both_lines(tmp_path):
    rows = [row(f"p{n}", f"s{n}") for n in range(20)] + [row("p3", "s3", ELIGIBLE | {"Edema": "0"})]
    said = refusal(write(tmp_path / "t.csv", rows), rows=6)
    assert "the study 's3' has other labels on line 22 than on line 5" in said
    rows[-1] = row("p3", "s99", ELIGIBLE | {"Edema": "0"})  # another study of the patient may differ
    assert len(read_labels(str(write(tmp_path / "t.csv", rows))).studies) == 20


def test_a_patient_in_two_splits_is_refused_with_both(tmp_path):
    rows = [row("p1", "s1", split="train"), row("p2", "s2", split="test"), row("p1", "s3", split="test")]
    said = refusal(write(tmp_path / "t.csv", rows))
    assert "the patient 'p1' is in two splits, train and test (lines 2 and 4)" in said
    rows[2]["split"] = "dev"
    assert "line 4: split is 'dev'; needed: train, validation, test or blank" in refusal(
        write(tmp_path / "t.csv", rows)
    )


def test_a_row_without_a_patient_is_refused_with_its_line(tmp_path):
    assert "line 3: the row names no patient" in refusal(
        write(tmp_path / "t.csv", [row("p1", "s1"), row(" ", "s2")], NO_SPLIT)
    )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("latin.csv", "patient_id,study_id\nM\xfcller,1\n".encode("latin-1"), "is not UTF-8 text"),
        ("empty.csv", b"", "the table lacks the columns 'patient_id', 'study_id'"),
        ("broken.csv.gz", b"\x1f\x8b not really", "cannot be read as a table"),
        ("broken.zip", b"PK nothing", "cannot be read as a table"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path / name)


def test_a_ragged_row_and_a_table_without_rows_are_refused(tmp_path):
    path = write(tmp_path / "t.csv", [], NO_SPLIT)
    assert "has no rows" in refusal(path)
    path.write_text(path.read_text() + "p1,s1,a.png,PA" + ",1" * 20 + "\n")
    assert "line 2 has 24 cells, the header 17" in refusal(path)
    write(path, [row("p1", "s1"), row("p2", "s2", image="a,b.png")], NO_SPLIT)
    assert "cannot be read as a table" in refusal(path)


def test_unknown_sources_and_missing_files_are_refused():
    assert "unknown label source 'mimic'; there are phantom, chexpert, nih, padchest, mimic:FILE" in refusal("mimic")
    assert "there is no file /no/where.csv" in refusal("/no/where.csv")
    assert "there is no file /no/where" in refusal("mimic:/no/where")


def test_only_so_many_studies_are_kept_whole_patients_the_same_in_any_order(tmp_path):
    rows = [row(f"p{n // 2}", f"s{n}") for n in range(400)]
    kept = read_labels(str(write(tmp_path / "a.csv", rows, NO_SPLIT)), most=40, rows=50)
    other = read_labels(str(write(tmp_path / "b.csv", rows[::-1], NO_SPLIT)), most=40, rows=70)
    names = {study.study_id for study in kept.studies}
    assert kept.counts["eligible"] == 400
    assert 38 <= len(names) <= 42
    assert names == {study.study_id for study in other.studies}
    assert {int(name[1:]) ^ 1 for name in names} == {int(name[1:]) for name in names}  # both studies of a patient


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory where Linux tells it")
def test_memory_hardly_grows_with_the_table(tmp_path):
    """Peak memory of a process that reads 20,000 and then 160,000 rows, all eligible: 20 bytes a row, and the
    sorting."""
    code = """
import re, sys
from nast_core.data import labels
for path in sys.argv[1:]:
    labels.read_labels(path, most=1000, rows=10_000)
    print(re.search("VmHWM: *\\t* *([0-9]+)", open("/proc/self/status").read())[1])
"""
    line = ",".join(row("{0}", "{1}", image="", split="train").get(name, "") for name in HEADER)
    paths = []
    for size in (20_000, 160_000):
        path = tmp_path / f"{size}.csv"
        path.write_text(",".join(HEADER) + "\n" + "\n".join(line.format(n // 3, n) for n in range(size)) + "\n")
        paths.append(str(path))
    said = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True).stdout
    small, large = (int(kib) * 1024 for kib in said.split())
    assert large - small < 140_000 * 20 * 4 + 20 * 2**20  # the table itself would be ten times as much


def state(source: str, labels: list[str], condition: str) -> int:
    text = "|".join(labels) if source == "nih" else str(labels)
    split = (lambda t: t.split("|")) if source == "nih" else (lambda t: __import__("ast").literal_eval(t))
    states, _ = mapped_states(pd.Series([text]), source, split)
    return int(states[0, CHEXPERT_CONDITIONS.index(condition)])


@pytest.mark.parametrize(
    ("source", "labels", "condition", "expected"),
    [
        ("nih", ["No Finding"], "Pneumonia", 0),
        ("nih", ["Mass", "Effusion"], "Lung Lesion", 1),
        ("nih", ["Mass", "Effusion"], "Lung Opacity", 1),
        ("nih", ["Mass", "Effusion"], "Pleural Effusion", 1),
        ("nih", ["Infiltration"], "Pneumonia", -2),
        ("nih", ["Effusion"], "Fracture", -2),  # never labelled there
        ("padchest", ["normal"], "Fracture", 0),
        ("padchest", ["callus rib fracture"], "Fracture", 1),
        ("padchest", ["costophrenic angle blunting"], "Pleural Effusion", -2),
        ("padchest", ["cardiomegaly"], "Enlarged Cardiomediastinum", -2),
        ("padchest", ["unchanged", "pacemaker"], "Edema", -2),  # says nothing of what it does not list
        ("padchest", ["unchanged", "pacemaker"], "Support Devices", 1),
    ],
)
def test_findings_of_other_tables_become_conditions_by_the_mapping(source, labels, condition, expected):
    assert state(source, labels, condition) == expected


def test_doubtful_mappings_carry_a_note_and_name_labels_that_their_table_has():
    padchest = pd.read_csv(packaged_table("padchest"), usecols=["Labels"], dtype=str).Labels.dropna().unique()
    nih = pd.read_csv(packaged_table("nih"))["Finding Labels"].unique()
    known = {
        "nih": {label for text in nih for label in text.split("|")},
        "padchest": {part.strip(" '\"[]") for text in padchest for part in text.split(",")},
    }  # fmt: skip
    for source, labels in known.items():
        entry = label_sources()[source]
        for condition, rule in entry["conditions"].items():
            assert condition in CHEXPERT_CONDITIONS
            named = {*rule["present"], *rule.get("open", ())}
            assert named <= labels, named - labels
            assert not set(rule["present"]) & set(rule.get("open", ()))
            if source == "nih" and rule.get("open"):
                assert len(rule["note"]) > 20, condition


MIMIC = ["subject_id", "study_id", *CHEXPERT_CONDITIONS]


def mimic(folder: Path) -> Path:
    rows = [{"subject_id": f"1000003{n}", "study_id": f"5041426{n}", **ELIGIBLE} for n in range(4)]
    return write(folder / "mimic-cxr-2.0.0-chexpert.csv", rows, MIMIC)


def test_mimic_cxr_names_no_image_until_its_metadata_lies_beside_it(tmp_path):
    path = mimic(tmp_path)
    assert [study.image for study in read_labels(f"mimic:{path}").studies] == [""] * 4
    rows = [("d1", "10000030", "50414260", "LATERAL"), ("d2", "10000030", "50414260", "PA"),
        ("d3", "10000030", "50414260", "AP"),
            ("d4", "10000031", "50414261", "LL"), ("d5", "10000032", "50414262", "AP"),
            ("d6", "10000033", "50414263", "PA")]  # fmt: skip
    names = ["dicom_id", "subject_id", "study_id", "ViewPosition"]
    write(tmp_path / "mimic-cxr-2.0.0-metadata.csv", [dict(zip(names, r, strict=True)) for r in rows], names)
    splits = [
        {"dicom_id": d, "subject_id": p, "split": "validate" if p.endswith("2") else "train"} for d, p, _, _ in rows
    ]
    write(tmp_path / "mimic-cxr-2.0.0-split.csv", splits, ["dicom_id", "subject_id", "split"])
    table = read_labels(str(path))  # known by its name, too
    assert [study.image for study in table.studies] == [
        "files/p10/p10000030/s50414260/d2.jpg",
        "files/p10/p10000032/s50414262/d5.jpg",
        "files/p10/p10000033/s50414263/d6.jpg",
    ]
    assert table.counts["eligible_without_frontal"] == 1
    assert [study.split for study in table.studies] == ["train", "validation", "train"]
    splits.append({"dicom_id": "d9", "subject_id": "10000030", "split": "test"})
    write(tmp_path / "mimic-cxr-2.0.0-split.csv", splits, ["dicom_id", "subject_id", "split"])
    assert "the patient '10000030' is in split 'test' and in 'train'" in refusal(path)


def test_images_are_found_at_any_depth_and_in_any_format(tmp_path):
    names = ["CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", "00000001_000.png", "nowhere.png", "",
             "files/p10/p10000032/s50414267/abc.jpg"]  # fmt: skip
    for path in ("train/patient00001/study1/view1_frontal.jpg", "images_001/images/00000001_000.png",
                 "p10/p10000032/s50414267/abc.dcm"):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert locate_images(names, tmp_path) == {
        names[0]: "train/patient00001/study1/view1_frontal.jpg",
        names[1]: "images_001/images/00000001_000.png",
        names[4]: "p10/p10000032/s50414267/abc.dcm",
    }


def test_patients_fall_into_splits_for_good_eight_to_one_to_one():
    found = pd.Series([split_of(f"patient{n:05}") for n in range(5000)]).value_counts(normalize=True)
    assert set(found.index) == set(SPLITS)
    assert found["train"] == pytest.approx(0.8, abs=0.02)
    assert found["test"] == pytest.approx(0.1, abs=0.02)
    assert split_of("patient00001") == split_of("patient00001")
