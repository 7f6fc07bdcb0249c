"""MIMIC-CXR's other two tables, where they lie beside the labels: which images are frontal, and the official split."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from nast_core.data.studies import Study
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.files.tables import open_table

_SPLITS = {"train": "train", "validate": "validation", "test": "test"}


def with_mimic_files(
    studies: Sequence[Study], counts: dict[str, int], folder: Path
) -> tuple[tuple[Study, ...], dict[str, int]]:
    """Studies with their first frontal (PA or AP) image and official split, from ``*metadata.csv*`` and
    ``*split.csv*``.

    With metadata, a study that has no frontal image is left out and counted; without, images stay unnamed.
    """
    selection, counts = tuple(studies), dict(counts)
    wanted = {(study.patient_id, study.study_id) for study in selection}
    if (table := _beside(folder, "metadata")) is not None:
        images: dict[tuple[str, str], str] = {}
        for frame in _read(table, ["dicom_id", "subject_id", "study_id", "ViewPosition"]):
            for dicom, *key in frame[frame.ViewPosition.isin(("PA", "AP"))].iloc[:, :3].itertuples(index=False):
                if (ids := (key[0], key[1])) in wanted:
                    images.setdefault(ids, mimic_image(*ids, dicom))
        selection = tuple(
            replace(s, image=images[s.patient_id, s.study_id])
            for s in selection
            if (s.patient_id, s.study_id) in images
        )
        counts["eligible_without_frontal"] = len(studies) - len(selection)
    if (table := _beside(folder, "split")) is not None:
        splits: dict[str, str] = {}
        for frame in _read(table, ["subject_id", "split"]):
            for patient, name in frame.drop_duplicates().itertuples(index=False):
                if name not in _SPLITS or splits.setdefault(patient, _SPLITS[name]) != _SPLITS[name]:
                    raise DataError(
                        f"{table}: the patient {shown(patient)!r} is in split {shown(name)!r} and in "
                        f"{shown(splits.get(patient))!r}; needed: one of train, validate, test"
                    )
        selection = tuple(replace(study, split=splits.get(study.patient_id, study.split)) for study in selection)
    return selection, counts


def mimic_image(patient: str, study: str, dicom: str) -> str:
    """Where MIMIC-CXR-JPG keeps an image: files/p10/p10000032/s50414267/DICOM.jpg."""
    return f"files/p{patient[:2]}/p{patient}/s{study}/{dicom}.jpg"


def _beside(folder: Path, kind: str) -> Path | None:
    return next(iter(sorted(folder.glob(f"mimic-cxr-*{kind}.csv*"))), None)


def _read(path: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    table = open_table(path)
    if missing := [name for name in columns if name not in table.header]:
        raise DataError(f"{path} is not MIMIC-CXR's table: it lacks the column {shown(missing[0])!r}")
    yield from table.frames(columns)
