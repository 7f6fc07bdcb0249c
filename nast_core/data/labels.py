"""Label tables become studies: streamed, whatever their size, with everything that is left out counted. Source: ours."""

import csv
import gzip
import importlib.util
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nast_core.data.label_collector import Clash, Collector, study_hash
from nast_core.data.label_layouts import BadCell, Block, label_sources, layout_of
from nast_core.data.mimic import with_mimic_files
from nast_core.data.studies import Study
from nast_core.errors import DataError

MOST_STUDIES = 200_000  # kept in memory: forty times what 5,000 items can use
_ROWS = 100_000  # read at once
_BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    csv.Error,
    pd.errors.ParserError,
    pd.errors.EmptyDataError,
)


@dataclass(frozen=True)
class LabelTable:
    """The eligible studies of one table, and what was seen on the way to them."""

    source: str  # key of labels.yaml
    studies: tuple[Study, ...]
    counts: dict[str, int]


def packaged_table(source: str) -> Path:
    """The table of ``source`` that ships with torchxrayvision, found without importing it (it imports torch)."""
    found = importlib.util.find_spec("torchxrayvision")
    if found is None or not found.submodule_search_locations:
        raise DataError(f"the {source} labels come with torchxrayvision; install it: pip install torchxrayvision")
    path = Path(found.submodule_search_locations[0]) / "data" / label_sources()[source]["packaged"]
    if not path.exists():
        raise DataError(
            f"this torchxrayvision lacks {path.name}; install version 1.3 or newer, or give the table: {source}:FILE"
        )
    return path


def read_labels(spec: str, *, most: int = MOST_STUDIES, rows: int = _ROWS) -> LabelTable:
    """Eligible studies of ``chexpert``, ``nih``, ``padchest``, ``mimic:FILE``, or a CSV file (``.gz`` and ``.zip`` too).

    ``NAME:FILE`` reads FILE as that dataset's table; a file alone is known by its columns. At most ``most`` studies are
    kept, whole patients in an order that a hash of their ids decides; ``rows`` are read at a time. Of several frontal
    views of a study the first is its image. Raises DataError: no such source or file, columns missing, a label that is
    none, two rows of one study that disagree, a patient in two splits, not UTF-8.
    """
    source, path = _located(spec)
    collector = Collector(most)
    found = ""
    for first, block, layout in _blocks(path, source, rows):
        found = layout
        try:
            collector.add(block)
        except BadCell as bad:
            raise DataError(f"{path}, line {_line(path, first + bad.row)}: {bad}") from None
    if not found or not collector.rows:
        raise DataError(f"{path} has no rows; give a label table")
    if clash := collector.clash():
        raise DataError(_explained(clash, path, source, rows))
    studies, counts = collector.studies(), collector.counts()
    if found == "mimic":
        studies, counts = with_mimic_files(studies, counts, path.parent)
    return LabelTable(found, studies, counts)


def _located(spec: str) -> tuple[str | None, Path]:
    packaged = [name for name, entry in label_sources().items() if "packaged" in entry]
    if spec in packaged:
        return spec, packaged_table(spec)
    name, _, rest = spec.partition(":")
    source = name if rest and name in (*packaged, "mimic") else None
    path = Path(rest if source else spec).expanduser()
    if not source and not path.suffix and not path.exists():
        raise DataError(
            f"unknown label source {spec!r}; there are phantom, {', '.join(packaged)}, mimic:FILE and FILE.csv"
        )
    if not path.is_file():
        raise DataError(f"there is no file {path}; give a label table (.csv, or a .gz or .zip of one)")
    if source is None and path.name.startswith("mimic-cxr") and "chexpert" in path.name:
        source = "mimic"
    return source, path


def _blocks(path: Path, source: str | None, rows: int) -> Iterator[tuple[int, Block, str]]:
    """(number of the first data row, rows, source) of every block of the table; its faults as DataErrors."""
    try:
        header = _header(path)
        try:
            layout = layout_of(header, source)
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
        needed = None if layout.source == "table" else list(layout.columns)  # a stray comma shows when all are read
        options = {
            "dtype": str,
            "keep_default_na": False,
            "encoding": "utf-8-sig",
            "usecols": needed,
            "index_col": False,
        }
        with pd.read_csv(path, chunksize=rows, **options) as frames:
            for number, frame in enumerate(frames):
                try:
                    block = layout.read(frame)
                except BadCell as bad:
                    raise DataError(f"{path}, line {_line(path, number * rows + bad.row)}: {bad}") from None
                yield number * rows, block, layout.source
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from None
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read as a table: {' '.join(str(error).split())}") from None


def _header(path: Path) -> list[str]:
    """The column names. A first row with more cells would otherwise shift all columns in silence."""
    with _opened(path) as text:
        rows = filter(None, csv.reader(text))
        header, first = next(rows, []), next(rows, [])
    if len(first) > len(header):
        raise DataError(
            f"{path}, line 2 has {len(first)} cells, the header {len(header)}; quote cells that hold commas"
        )
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise DataError(f"{path} has the column {twice[0]!r} twice; keep one of the two")
    return header


def _line(path: Path, row: int) -> int:
    """The line on which a data row (0 is the first) ends: cells may hold line breaks."""
    with _opened(path) as text:
        reader = csv.reader(text)
        for number, _ in enumerate(filter(None, reader)):
            if number == row + 1:
                break
        return reader.line_num


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return io.TextIOWrapper(archive.open(archive.namelist()[0]), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _explained(clash: Clash, path: Path, source: str | None, rows: int) -> str:
    """Which rows clash, from a second reading: the first one kept hashes only."""
    met: dict[object, tuple[int, str]] = {}
    for first, block, _ in _blocks(path, source, rows):
        by_study = clash.what == "study"
        keys = study_hash(block.patient, block.study if by_study else None)
        for row in ((keys == clash.key) & block.frontal & block.usable).nonzero()[0]:
            value = block.states[row].tobytes() if by_study or block.split is None else block.split.iloc[row]
            name = block.study.iloc[row] if by_study else block.patient.iloc[row]
            met.setdefault(value, (_line(path, first + int(row)), name))
    (line, name), (other, _) = list(met.values())[:2]
    if clash.what == "study":
        return f"{path}: the study {name!r} has other labels on line {other} than on line {line}; keep one of the two"
    return (
        f"{path}: the patient {name!r} is in two splits, {' and '.join(str(split) or 'none' for split in met)} (lines {line} and {other}); "
        "a patient belongs in one"
    )
