"""Studies of a dataset are found by a label, and read without the rest of the table."""

import pandas as pd
import pytest

from nast_core.data.label_layouts import ABSENT, BLANK, PRESENT, UNCERTAIN
from nast_core.dataset import study_file
from nast_core.dataset.study_file import StudyFile, write_study_file
from tests.words import CHEXPERT_CONDITIONS

EDEMA = [PRESENT, ABSENT, UNCERTAIN, BLANK, PRESENT, ABSENT, PRESENT]


@pytest.fixture
def studies(tmp_path, monkeypatch) -> StudyFile:
    """Seven studies in row groups of two; the last three are test patients'."""
    monkeypatch.setattr(study_file, "GROUP", 2)
    table = pd.DataFrame({name: [ABSENT] * 7 for name in CHEXPERT_CONDITIONS}).assign(Edema=EDEMA)
    table["patient"] = table["study"] = [f"p{number}" for number in range(7)]
    table["image"], table["split"] = table.patient + ".png", ["train"] * 4 + ["test"] * 3
    write_study_file(table, tmp_path / "studies.parquet")
    return StudyFile(tmp_path / "studies.parquet")


@pytest.mark.parametrize(
    ("sought", "rows"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"split": "test"}, [4, 5, 6]),
        ({"condition": "Edema"}, [0, 4, 6]),
        ({"condition": "Edema", "split": "test"}, [4, 6]),
        ({"condition": "Edema", "state": "absent"}, [1, 5]),
        ({"condition": "Edema", "state": "unknown"}, [2, 3]),
        ({"condition": "Fracture"}, []),
    ],
)
def test_studies_are_found_by_a_label_and_a_split(studies, sought, rows):
    assert studies.found(**sought).tolist() == rows


def test_rows_are_read_by_their_numbers_from_their_row_groups_alone(studies, monkeypatch):
    from pyarrow.parquet import ParquetFile

    read, own = [], ParquetFile.read_row_group
    monkeypatch.setattr(ParquetFile, "read_row_group", lambda file, i, **more: read.append(i) or own(file, i, **more))
    assert studies.rows([1, 4, 5, 99]).study.tolist() == ["p1", "p4", "p5"]
    assert read == [0, 2]
    assert studies.page(3, 2).study.tolist() == ["p3", "p4"]
    assert studies.rows([]).empty
