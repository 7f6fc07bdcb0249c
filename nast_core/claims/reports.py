"""Reports as free text: MIMIC-CXR's folders, or a table of one's own. What they leave unsaid stays open."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import pandas as pd

from nast_core.claims.extract import extract
from nast_core.claims.sections import stated
from nast_core.claims.study import Source, Study, consistent
from nast_core.data.ids import cut_id, plain_ids
from nast_core.data.mimic import with_mimic_files
from nast_core.data.studies import Split
from nast_core.data.studies import Study as LabelledStudy
from nast_core.errors import DataError
from nast_core.files.folders import walked
from nast_core.files.gate import MB, as_path, read_text, shown
from nast_core.files.tables import open_table
from nast_core.progress import Far
from nast_core.vocabulary.model import Vocabulary

_NAMED, _PATIENT = re.compile(r"s[0-9].*\.txt"), re.compile("p[0-9].*")
_REPORT = MB  # the most bytes of a report
_SPLITS: Mapping[str, Split] = {"train": "train", "validate": "validation", "validation": "validation", "test": "test"}
_NEEDED, _OPTIONAL = ("study_id", "text"), ("patient_id", "image", "split")


def findings_of(text: str) -> str:
    """What a report states of its image (nast_core.claims.sections)."""
    return stated(text).text


def mimic_studies(
    root: Path, progress: Far | None = None, most: int | None = None, vocabulary: Vocabulary | None = None
) -> Source:
    """Studies of MIMIC-CXR's report folder: files/p10/p10000032/s50414267.txt, from any folder above the first p.

    Its own split and the frontal image of each study are used where mimic-cxr-2.0.0-split.csv(.gz) and
    -metadata.csv(.gz) lie in ``root``; a study without a frontal image is kept without one. ``most``: only the first so
    many reports are read. Raises DataError where there is no report.
    """
    root = as_path(root)
    if not root.is_dir():
        raise DataError(f"there is no folder {shown(root)}; give the folder of MIMIC-CXR that holds files/p10/...")
    paths = list(islice(_reports(root), most))
    if not paths:
        raise DataError(
            f"{shown(root)} holds no report named like p10/p10000032/s50414267.txt; give MIMIC-CXR's folder"
        )
    filed = {study.study_id: study for study in with_mimic_files([_filed(path) for path in paths], {}, root)[0]}
    skipped: dict[str, str] = {}

    def rows() -> Iterator[dict]:
        for number, path in enumerate(paths, start=1):
            if progress:
                progress(number, len(paths))
            try:
                text = read_text(path, most=_REPORT)
            except DataError as error:
                skipped[shown(path.relative_to(root))] = str(error)
                continue
            study = filed.get(path.stem[1:], _filed(path))
            yield {
                "study_id": study.study_id,
                "patient_id": study.patient_id,
                "text": text,
                "image": study.image or None,
                "split": study.split or None,
            }

    source = _from_text("MIMIC-CXR", rows(), "MIMIC-CXR: PhysioNet credentialed health data licence 1.5.0", vocabulary)
    source.skipped.update(skipped)
    return source


def is_report(name: str) -> bool:
    """Whether a file is named as MIMIC-CXR names its reports: s50414267.txt."""
    return _NAMED.fullmatch(name) is not None


def _reports(root: Path) -> Iterator[Path]:
    """One at a time: a look at the first few of 400,000 does not read all folders."""
    for entry in walked(root, ".txt"):
        path = Path(entry.path)
        if is_report(entry.name) and _PATIENT.fullmatch(path.parent.name):
            yield path


def _filed(path: Path) -> LabelledStudy:
    """What the path of a report says: p10/p10000032/s50414267.txt."""
    return LabelledStudy(study_id=path.stem[1:], patient_id=path.parent.name[1:], image="", labels={})


def table_studies(path: Path, most: int | None = None, vocabulary: Vocabulary | None = None) -> Source:
    """Studies of a CSV with columns study_id and text, and optionally patient_id, image and split; with ``most``, of
    its first so many rows.

    Raises DataError: columns missing (with the nearest names), a split that is none, a patient in two splits, a study
    twice, or a file that is not UTF-8.
    """
    table, numbers = _table(path, most)
    rows = (
        {**row, "image": row["image"] or None, "split": _split_of(row["split"])} for row in table.to_dict("records")
    )
    source = _from_text(path.name, rows, "as the reports' own", vocabulary)
    if numbers:
        source.notes["the .0 that a spreadsheet put behind ids"] += numbers
    return source


def report_texts(path: Path, most: int | None = None) -> Iterator[tuple[str, str]]:
    """(study, what its report states) of MIMIC-CXR's folder or a table of reports; with ``most``, of the first so many.

    A file of the folder that cannot be read is passed over. Raises DataError as ``mimic_studies`` and the other do.
    """
    if not path.is_dir():
        table, _ = _table(path, most)
        yield from ((study, findings_of(text)) for study, text in zip(table.study_id, table.text, strict=True))
        return
    for file in islice(_reports(path), most):
        with suppress(DataError):
            yield file.stem[1:], findings_of(read_text(file, most=_REPORT))


def _table(path: Path, most: int | None) -> tuple[pd.DataFrame, int]:
    """A table of reports with all its columns, and how many ids a spreadsheet had made numbers."""
    file = open_table(path, absent="give a CSV of reports with columns study_id and text")
    if not file.header:
        raise DataError(f"{shown(path)} cannot be read as a UTF-8 table: it is empty")
    spelt = {re.sub(r"[ -]", "_", name.casefold()): name for name in reversed(file.header)}
    for name in _NEEDED:
        if name not in spelt:
            near = get_close_matches(name, list(file.header), n=2, cutoff=0.4)
            hint = (
                f"; the nearest are {', '.join(map(repr, near))}"
                if near
                else f"; it has {shown(', '.join(file.header))}"
            )
            raise DataError(
                f"{shown(path)} has no column {name!r}{hint}. Needed: study_id, text; optional: {', '.join(_OPTIONAL)}"
            )
    columns = {spelt[name]: name for name in (*_NEEDED, *_OPTIONAL) if name in spelt}
    frames = (frame.rename(columns=columns) for frame in file.frames(list(columns)))
    table = pd.concat([pd.DataFrame(columns=list(_NEEDED), dtype="str"), *_first(frames, most)], ignore_index=True)
    if not len(table):
        raise DataError(f"{shown(path)} has no rows; give at least one report")
    numbers = 0
    for name in ("study_id", "patient_id"):
        if name in table:
            table[name], count, cut = plain_ids(table[name])
            numbers += count
            if cut is not None:
                raise DataError(f"{shown(path)}: {cut_id(f'a {name}', table[name].iloc[cut])}")
    if (twice := table.study_id[table.study_id.duplicated()]).size:
        raise DataError(f"{path} has the study {shown(twice.iloc[0])!r} more than once; give each study one row")
    table = table.assign(patient_id=table.get("patient_id", table.study_id), image=table.get("image", ""))
    splits = table.get("split", pd.Series("", index=table.index)).str.strip().str.lower()
    if (wrong := splits[~splits.isin([*_SPLITS, ""])]).size:
        raise DataError(f"{path} has the split {shown(wrong.iloc[0])!r}; known: {', '.join(_SPLITS)}")
    table = table.assign(split=splits.map(_SPLITS))
    per_patient = table.groupby("patient_id").split.nunique(dropna=False)
    if (torn := per_patient.index[per_patient > 1]).size:
        raise DataError(
            f"{path}: the patient {shown(torn[0])!r} is in two splits; give all of a patient's studies one split"
        )
    return table, numbers


def _first(frames: Iterator[pd.DataFrame], most: int | None) -> Iterator[pd.DataFrame]:
    for frame in frames:
        yield frame if most is None else frame.head(most)
        if most is not None and (most := most - len(frame)) <= 0:
            return


def _split_of(split: object) -> Split | None:
    return _SPLITS.get(split) if isinstance(split, str) else None


def _from_text(name: str, rows: Iterator[dict], licence: str, vocabulary: Vocabulary | None) -> Source:
    notes, sections = Counter[str](), Counter[str]()
    studies = []
    for row in rows:
        parts = stated(row["text"])
        sections[parts.read] += 1
        extraction = extract(parts.text, vocabulary)
        notes.update({f"namings left out: {reason}": count for reason, count in extraction.left_out.items()})
        if claims := consistent(extraction.claims, notes, vocabulary):
            studies.append(Study(row["study_id"], row["patient_id"], claims, row["image"], row["split"]))
        else:
            notes["reports without a claim"] += 1
    return Source(name, studies, licence, notes, sections=sections)
