"""From the name of a source, or a path, to its studies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from nast_core.claims.openi import openi_studies, read_reports
from nast_core.claims.padchest import COLUMNS, padchest_studies
from nast_core.claims.phantom import phantom_studies
from nast_core.claims.reports import is_report, mimic_studies, report_texts, table_studies
from nast_core.claims.source_names import BY_PATH, SOURCES
from nast_core.claims.study import Source
from nast_core.data.studies import Split
from nast_core.errors import DataError
from nast_core.files.archives import members
from nast_core.files.folders import walked
from nast_core.files.gate import as_path, shown
from nast_core.files.tables import open_table
from nast_core.progress import Far
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

NAMES = tuple(name for name in SOURCES if name != BY_PATH)
PHANTOMS = 2000  # studies, where no number is asked for


def read_source(
    source: str,
    *,
    split: Split | None = None,
    n: int | None = None,
    seed: int = 0,
    most: int | None = None,
    progress: Far | None = None,
    vocabulary: Vocabulary | None = None,
) -> Source:
    """Studies of ``openi``, ``padchest``, ``phantom``, or a path, whose kind is told from what it holds.

    A path may be MIMIC-CXR's folder of reports, Open-i's XML (folder or .tgz), PadChest's table, or a CSV with columns
    study_id and text. ``n``: at most that many studies, drawn by ``seed``; ``most``: only the first so many reports are
    read, for a look. Raises DataError for what is none of these.
    """
    if source == "phantom":
        if given(vocabulary) != chest():
            raise DataError("phantoms have CheXpert's conditions; give the reports of another vocabulary")
        return Source(
            "phantoms", phantom_studies(n or most or PHANTOMS, split=split, seed=seed), "MIT, drawings of this project"
        )
    if source == "openi":
        result = openi_studies(progress=progress, most=most, vocabulary=vocabulary)
    elif source == "padchest":
        result = padchest_studies(most=most, vocabulary=vocabulary)
    else:
        result = _from_path(source, progress, most, vocabulary)
    if n is not None and n < len(result.studies):
        places = np.random.default_rng(seed).permutation(len(result.studies))[:n]
        result.notes["studies not drawn"] += len(result.studies) - n
        result.studies = [result.studies[i] for i in sorted(places)]
    return result


def read_texts(source: str, *, most: int | None = None) -> Iterator[tuple[str, str]]:
    """(study, what its report states) of ``openi``, or of reports at a path as ``read_source`` knows them.

    ``most``: of the first so many reports. Raises DataError for what has no reports.
    """
    if source == "openi" or (source not in NAMES and _kind_of(as_path(source), source) == "openi"):
        reports, _ = read_reports(None if source == "openi" else as_path(source))
        return ((report.study_id, report.text) for report in reports[:most] if report.text)
    if source in NAMES or _kind_of(as_path(source), source) == "padchest":
        raise DataError(
            f"{shown(source)} has no reports in English; give a CSV with study_id and text, a folder, or openi"
        )
    return report_texts(as_path(source), most)


def _from_path(source: str, progress: Far | None, most: int | None, vocabulary: Vocabulary | None) -> Source:
    path = as_path(source)
    kind = _kind_of(path, source)
    if kind == "openi":
        return openi_studies(path, progress, most, vocabulary)
    if kind == "mimic":
        return mimic_studies(path, progress, most, vocabulary)
    return (padchest_studies if kind == "padchest" else table_studies)(path, most, vocabulary)


def _kind_of(path: Path, source: str) -> Literal["openi", "mimic", "padchest", "table"]:
    """What a path holds. Raises DataError for what is no source."""
    if not path.exists():
        raise DataError(
            f"there is no source {shown(source)!r}: known are {', '.join(NAMES)}, or the path of a folder or table"
        )
    if path.is_dir():
        names = (entry.name.lower() for entry in walked(path, (".xml", ".txt")))
        first = next((name for name in names if name.endswith(".xml") or is_report(name)), "")
        return "openi" if first.endswith(".xml") else "mimic"
    name = path.name.lower()
    if name.endswith((".tgz", ".tar.gz", ".tar")) or (name.endswith(".zip") and _holds_xml(path)):
        return "openi"
    if name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".zip", ".gz")):
        return "padchest" if set(COLUMNS) <= set(open_table(path).header) else "table"
    raise DataError(
        f"{shown(path)} is no source of claims; give a .csv of reports, a folder of reports, or Open-i's .tgz"
    )


def _holds_xml(path: Path) -> bool:
    return next(members(path, ".xml", each=0, what="an archive of reports"), None) is not None
