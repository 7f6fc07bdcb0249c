"""Label tables become studies: streamed, whatever their size, with everything that is left out counted.
Source: ours."""

import importlib.util
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from nast_core.data.ids import cut_id, plain_ids
from nast_core.data.label_collector import Clash, Collector, study_hash
from nast_core.data.label_layouts import BadCell, Block, layout_of
from nast_core.data.label_names import OWN
from nast_core.data.label_words import by_path, label_sources, may_stand_for
from nast_core.data.mimic import with_mimic_files
from nast_core.data.studies import SHARES, Study, split_of
from nast_core.errors import DataError
from nast_core.files.gate import as_path, shown
from nast_core.files.tables import ROWS, TableFile, open_table
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

MOST_ROWS = 2_000_000  # studies of a dataset: five times MIMIC-CXR
MOST_STUDIES = 200_000  # kept in memory: forty times what 5,000 items can use
_SHOWN = 8  # labels outside the vocabulary that are named


@dataclass(frozen=True)
class LabelTable:
    """The eligible studies of one table, and what was seen on the way to them."""

    source: str  # key of labels.yaml
    studies: tuple[Study, ...]
    counts: dict[str, int]
    notes: tuple[str, ...] = ()  # what was read otherwise than it stands there, a sentence each


def packaged_table(source: str) -> Path:
    """The table of ``source`` that ships with torchxrayvision, found without importing it (it imports torch)."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"the {source} labels come with torchxrayvision; install it: pip install torchxrayvision")
    path = Path(spec.submodule_search_locations[0]) / "data" / label_sources()[source]["packaged"]
    if not path.exists():
        raise DataError(
            f"this torchxrayvision lacks {path.name}; install version 1.3 or newer, or give the table: {source}:FILE"
        )
    return path


def read_labels(
    spec: str, *, most: int = MOST_STUDIES, rows: int = ROWS, vocabulary: Vocabulary | None = None
) -> LabelTable:
    """Eligible studies of ``chexpert``, ``nih``, ``padchest``, ``mimic:FILE``, or a table of text
    (nast_core.files.tables).

    ``NAME:FILE`` reads FILE as that dataset's table; a file alone is known by its columns. At most ``most`` studies are
    kept, whole patients in an order that a hash of their ids decides; ``rows`` are read at a time. Of several frontal
    views of a study the first is its image. Raises DataError: no such source or file, columns missing, a label that is
    none, two rows of one study that disagree, a patient in two splits, not UTF-8.
    """
    streamed = _streamed(spec, Collector(most, vocabulary=vocabulary), rows, given(vocabulary))
    studies, counts = streamed.collector.studies(), streamed.collector.counts()
    if streamed.layout == "mimic":
        studies, counts = with_mimic_files(studies, counts, streamed.path.parent)
    return LabelTable(streamed.layout, studies, counts | streamed.unread, streamed.notes)


@dataclass(frozen=True)
class StudyTable:
    """Every labelled study of a table, eligible or not, and what was seen on the way to them."""

    source: str  # key of labels.yaml
    path: Path  # of the table
    studies: pd.DataFrame  # study, patient, image, split, and a column a condition: 1, 0, -1 uncertain, -2 blank
    counts: dict[str, int]
    notes: tuple[str, ...] = ()


def read_study_table(
    spec: str,
    *,
    shares: tuple[float, float, float] = SHARES,
    most: int = MOST_ROWS,
    rows: int = ROWS,
    vocabulary: Vocabulary | None = None,
) -> StudyTable:
    """As ``read_labels``, and with the studies that no question can be asked of. ``shares``: of the splits, for
    patients whose table names none."""
    streamed = _streamed(spec, Collector(most, every=True, vocabulary=vocabulary), rows, given(vocabulary))
    table, counts = streamed.collector.table(), streamed.collector.counts()
    if streamed.layout == "mimic":
        named = [
            Study(study, patient, image, {}, split)
            for study, patient, image, split in zip(table.study, table.patient, table.image, table.split, strict=True)
        ]
        filed, counts = with_mimic_files(named, counts, streamed.path.parent)
        counts["without_frontal"] = counts.pop("eligible_without_frontal", 0)
        about = {(study.patient_id, study.study_id): study for study in filed}
        keys = list(zip(table.patient, table.study, strict=True))
        table = table[[key in about for key in keys]]
        kept = [about[key] for key in keys if key in about]
        table = table.assign(image=[study.image for study in kept], split=[study.split for study in kept])
    splits = [split or split_of(patient, shares) for split, patient in zip(table.split, table.patient, strict=True)]
    table = table.assign(split=splits).reset_index(drop=True)
    return StudyTable(streamed.layout, streamed.path, table, counts | streamed.unread, streamed.notes)


class _Streamed(NamedTuple):
    layout: str
    path: Path
    collector: Collector
    unread: dict[str, int]
    notes: tuple[str, ...]


def _streamed(spec: str, collector: Collector, rows: int, vocabulary: Vocabulary) -> _Streamed:
    """The whole table through the collector. Raises DataError as ``read_labels`` does."""
    source, path = _located(spec)
    table = open_table(path)
    unknown, numbers = Counter[str](), 0
    layout, told = "", tuple[str, ...]()
    for block in _blocks(table, source, rows, vocabulary):
        layout, numbers, told = block.source, numbers + block.numbers, block.notes
        unknown.update(block.rows.unknown)
        with _placed(table, block.places):
            collector.add(block.rows)
    if not layout or not collector.rows:
        raise DataError(f"{shown(path)} has no rows; give a label table")
    if clash := collector.clash():
        raise DataError(_explained(clash, table, source, rows, vocabulary))
    unread = {"unknown_labels": unknown.total()} if unknown else {}
    return _Streamed(layout, path, collector, unread, (*told, *_notes(unknown, numbers, vocabulary)))


def _notes(unknown: Counter[str], numbers: int, vocabulary: Vocabulary) -> Iterator[str]:
    if unknown:
        parts = []
        for label, count in unknown.most_common(_SHOWN):
            conditions = may_stand_for(label, vocabulary)
            blank = "any condition" if len(conditions) == len(vocabulary.conditions) else ", ".join(sorted(conditions))
            parts.append(f"{label[:60]!r} ({count:,} rows{f'; may be {blank}' if blank else ''})")
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        yield (
            f"Labels outside the vocabulary: {', '.join(parts)}{more}. What one may stand for is blank in its study "
            "and not absent; correct the spelling to have it read."
        )
    if numbers:
        yield f"{numbers:,} ids end in .0, as spreadsheets write numbers; they were read without it."


def _located(spec: str) -> tuple[str | None, Path]:
    packaged = [name for name, entry in label_sources().items() if "packaged" in entry]
    if spec in packaged:
        return spec, packaged_table(spec)
    name, _, rest = spec.partition(":")
    file_sources = [source for source in label_sources() if by_path(source) and source != OWN]
    source = name if rest and name in (*packaged, *file_sources) else None
    path = as_path(rest if source else spec)
    if not source and not path.suffix and not path.exists():
        raise DataError(
            f"unknown label source {shown(spec)!r}; there are phantom, "
            f"{', '.join([*packaged, *(f'{n}:FILE' for n in file_sources)])} and FILE.csv"
        )
    if source is None and path.name.startswith("mimic-cxr") and "chexpert" in path.name:
        source = "mimic"
    return source, path


@dataclass(frozen=True)
class _Part:
    """Some rows of a table, and which of its rows they are."""

    source: str
    rows: Block
    places: np.ndarray  # of each row, for TableFile.line
    numbers: int  # ids that a spreadsheet had made numbers
    notes: tuple[str, ...]  # on the table's columns


@contextmanager
def _placed(table: TableFile, places: np.ndarray) -> Iterator[None]:
    """A bad cell as a DataError with its line."""
    try:
        yield
    except BadCell as bad:
        raise DataError(f"{shown(table.path)}, line {table.line(int(places[bad.row]))}: {bad}") from None


def _blocks(table: TableFile, source: str | None, rows: int, vocabulary: Vocabulary) -> Iterator[_Part]:
    """Every block of the table; its faults as DataErrors."""
    try:
        layout = layout_of(table.header, source, vocabulary)
    except DataError as error:
        raise DataError(f"{shown(table.path)}: {error}") from None
    for frame in table.frames(layout.named or layout.columns, rows):
        places = frame.index.to_numpy()
        with _placed(table, places):
            block, numbers = _plain(layout.block(frame.reset_index(drop=True), vocabulary))
        yield _Part(layout.source, block, places, numbers, layout.notes)


def _plain(block: Block) -> tuple[Block, int]:
    """The block with its ids as text, and how many had been made numbers."""
    total, columns = 0, {"image": block.image.str.strip()}
    for name in ("study", "patient"):
        columns[name], count, cut = plain_ids(getattr(block, name))
        if cut is not None:
            raise BadCell(cut, cut_id(f"the {name}", getattr(block, name).iloc[cut]))
        total += count
    return replace(block, **columns), total


def _explained(clash: Clash, table: TableFile, source: str | None, rows: int, vocabulary: Vocabulary) -> str:
    """Which rows clash, from a second reading: the first one kept hashes only."""
    met: dict[object, tuple[int, str]] = {}
    for part in _blocks(table, source, rows, vocabulary):
        block, by_study = part.rows, clash.what == "study"
        keys = study_hash(block.patient, block.study if by_study else None)
        for row in ((keys == clash.key) & block.frontal & block.usable).nonzero()[0]:
            value = block.states[row].tobytes() if by_study or block.split is None else block.split.iloc[row]
            name = block.study.iloc[row] if by_study else block.patient.iloc[row]
            met.setdefault(value, (table.line(int(part.places[row])), name))
    (line, name), (other, _) = list(met.values())[:2]
    if clash.what == "study":
        return (
            f"{shown(table.path)}: the study {shown(name)!r} has other labels on line {other} than on line "
            f"{line}; keep one of the two"
        )
    return (
        f"{shown(table.path)}: the patient {shown(name)!r} is in two splits, "
        f"{' and '.join(str(split) or 'none' for split in met)} (lines {line} and {other}); a patient belongs in one"
    )
