"""Reports as free text: MIMIC-CXR's folders, or a table of one's own. What they leave unsaid stays open."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from nast_core.claims.claim import Split
from nast_core.claims.extract import extract
from nast_core.claims.study import Progress, Source, Study, consistent
from nast_core.data.mimic import with_mimic_files
from nast_core.data.studies import Study as LabelledStudy
from nast_core.errors import DataError

_HEADING = re.compile(r"^[ \t]*([A-Z][A-Z ,/&()-]{3,60}?)[ \t]*:", re.MULTILINE)
_WANTED = re.compile(r"FINDING|IMPRESSION|CONCLUSION")
_SPLITS: Mapping[str, Split] = {"train": "train", "validate": "validation", "validation": "validation", "test": "test"}
_NEEDED, _OPTIONAL = ("study_id", "text"), ("patient_id", "image", "split")


def findings_of(text: str) -> str:
    """FINDINGS and IMPRESSION of a report with headings in capitals; all of a text without headings."""
    heads = list(_HEADING.finditer(text))
    if not heads:
        return text
    ends = [*(head.start() for head in heads[1:]), len(text)]
    wanted = [(head, end) for head, end in zip(heads, ends, strict=True) if _WANTED.search(head.group(1))]
    return "\n\n".join(text[head.end() : end].strip() for head, end in wanted)


def mimic_studies(root: Path, progress: Progress | None = None, most: int | None = None) -> Source:
    """Studies of MIMIC-CXR's report folder: files/p10/p10000032/s50414267.txt, from any folder above the first p.

    Its own split and the frontal image of each study are used where mimic-cxr-2.0.0-split.csv(.gz) and -metadata.csv(.gz)
    lie in ``root``; a study without a frontal image is kept without one. ``most``: only the first so many reports are read. Raises DataError
    where there is no report.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; give the folder of MIMIC-CXR that holds files/p10/...")
    paths = sorted(root.rglob("p[0-9]*/s[0-9]*.txt"))[:most]
    if not paths:
        raise DataError(f"{root} holds no report named like p10/p10000032/s50414267.txt; give MIMIC-CXR's folder")
    filed = {study.study_id: study for study in with_mimic_files([_filed(path) for path in paths], {}, root)[0]}
    skipped: dict[str, str] = {}

    def rows() -> Iterator[dict]:
        for number, path in enumerate(paths, start=1):
            if progress:
                progress(number, len(paths))
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                skipped[str(path.relative_to(root))] = f"cannot be read as UTF-8 text: {error}"
                continue
            study = filed.get(path.stem[1:], _filed(path))
            yield {
                "study_id": study.study_id,
                "patient_id": study.patient_id,
                "text": findings_of(text),
                "image": study.image or None,
                "split": study.split or None,
            }

    source = _from_text("MIMIC-CXR", rows(), "MIMIC-CXR: PhysioNet credentialed health data licence 1.5.0")
    source.skipped.update(skipped)
    return source


def _filed(path: Path) -> LabelledStudy:
    """What the path of a report says: p10/p10000032/s50414267.txt."""
    return LabelledStudy(study_id=path.stem[1:], patient_id=path.parent.name[1:], image="", labels={})


def table_studies(path: Path, most: int | None = None) -> Source:
    """Studies of a CSV with columns study_id and text, and optionally patient_id, image and split; with ``most``, of its first so
    many rows.

    Raises DataError: columns missing (with the nearest names), a split that is none, a patient in two splits, a study
    twice, or a file that is not UTF-8.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, nrows=most)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; give a CSV of reports with columns study_id and text") from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path} cannot be read as a UTF-8 table: {error}") from None
    for name in _NEEDED:
        if name not in table:
            near = get_close_matches(name, list(table.columns), n=2, cutoff=0.4)
            hint = f"; the nearest are {', '.join(map(repr, near))}" if near else f"; it has {', '.join(table.columns)}"
            raise DataError(
                f"{path} has no column {name!r}{hint}. Needed: study_id, text; optional: {', '.join(_OPTIONAL)}"
            )
    if not len(table):
        raise DataError(f"{path} has no rows; give at least one report")
    if (twice := table.study_id[table.study_id.duplicated()]).size:
        raise DataError(f"{path} has the study {twice.iloc[0]!r} more than once; give each study one row")
    table = table.assign(patient_id=table.get("patient_id", table.study_id), image=table.get("image", ""))
    given = table.get("split", pd.Series("", index=table.index)).str.strip().str.lower()
    if (wrong := given[~given.isin([*_SPLITS, ""])]).size:
        raise DataError(f"{path} has the split {wrong.iloc[0]!r}; known: {', '.join(_SPLITS)}")
    table = table.assign(split=given.map(_SPLITS))
    per_patient = table.groupby("patient_id").split.nunique(dropna=False)
    if (torn := per_patient.index[per_patient > 1]).size:
        raise DataError(f"{path}: the patient {torn[0]!r} is in two splits; give all of a patient's studies one split")
    rows = (
        {**row, "text": findings_of(row["text"]), "image": row["image"] or None, "split": _given(row["split"])}
        for row in table.to_dict("records")
    )
    return _from_text(path.name, rows, "as the reports' own")


def _given(split: object) -> Split | None:
    return _SPLITS.get(split) if isinstance(split, str) else None


def _from_text(name: str, rows: Iterator[dict], licence: str) -> Source:
    notes: Counter = Counter()
    studies = []
    for row in rows:
        found = extract(row["text"])
        notes.update({f"namings left out: {reason}": count for reason, count in found.left_out.items()})
        if claims := consistent(found.claims, notes):
            studies.append(Study(row["study_id"], row["patient_id"], claims, row["image"], row["split"]))
        else:
            notes["reports without a claim"] += 1
    return Source(name, studies, licence, notes)
