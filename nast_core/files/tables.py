"""Tables of text from files: comma, semicolon or tab, plain, gzip or a zip of one file, read in pieces of bounded size.

UTF-8, or UTF-16 with its mark as spreadsheets write it. Another encoding is refused and not guessed: a wrong letter in
an id would go unnoticed. Every cell is text, blank where nothing stands. Source: ours.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd

from nast_core.errors import DataError, NastError
from nast_core.files.archives import Unusable, unpacked
from nast_core.files.gate import MB, shown

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Table

ROWS = 100_000  # read at once
_LEAST = 10_000  # rows of a frame, where the file has so many
_COLUMNS = 10_000
_RECORD = MB // 4  # the most bytes of a row, its line breaks in quotes included; memory grows by a few of these
_DELIMITERS = ",;\t|"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_TEXT = (
    (b"PAR1", "a parquet file; save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook; save the sheet as CSV (UTF-8)"),
    (b"\x89HDF", "an HDF5 file; save it as CSV"),
    (b"%PDF", "a PDF document; save it as CSV"),
)


@dataclass(frozen=True)
class TableFile:
    """One table: what its first lines say of it, and ways to read the rest."""

    path: Path
    header: tuple[str, ...]  # without blanks around the names; "" for a column that has none
    delimiter: str
    skipped: int  # lines before the header: Excel's "sep=;"
    error: type[NastError]

    def frames(self, columns: Sequence[str] | None = None, rows: int = ROWS) -> Iterator[pd.DataFrame]:
        """The rows, at most ``rows`` at a time, every cell as text; of these columns, or of all that have a name.

        The index counts the file's rows from 0, so that ``line`` finds them; rows without a filled cell are left out.
        Raises the table's error: a row of another length than the header, not UTF-8, a quote left open, damaged.
        """
        from pyarrow import ArrowInvalid, system_memory_pool
        from pyarrow import csv as arrow

        names = [name or f"\0{place}" for place, name in enumerate(self.header)]
        wanted = list(columns) if columns is not None else [name for name in self.header if name]
        how = (
            arrow.ReadOptions(
                use_threads=False,
                block_size=_RECORD,
                column_names=names,
                skip_rows=self.skipped,
                skip_rows_after_names=1,
            ),
            arrow.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            arrow.ConvertOptions(
                column_types=dict.fromkeys(names, "string"), strings_can_be_null=False, include_columns=wanted
            ),
        )
        first, last = 0, ""
        at_once = min(rows, _LEAST)
        with _utf8(self.path, self.error) as (stream, counter):
            try:
                with arrow.open_csv(stream, *how, system_memory_pool()) as batches:
                    for table in _joined(batches, at_once):
                        frame = table.to_pandas()
                        frame.index += first
                        first += len(frame)
                        last = "".join(frame.iloc[-1]) if len(frame) else last
                        for start in range(0, len(frame), rows):
                            part = frame.iloc[start : start + rows]
                            filled = (part != "").any(axis=1)
                            yield part if filled.all() else part[filled]
            except ArrowInvalid as fault:
                self._say(str(fault), open_quote=bool(counter.quotes % 2))
            if counter.quotes % 2 and "\n" in last:
                raise Unusable("a quote is opened and never closed, so that the last cell runs to the end")

    def _say(self, complaint: str, open_quote: bool) -> NoReturn:
        """What pyarrow says of a fault, in our words."""
        if "invalid UTF8" in complaint:
            raise self.error(
                f"{shown(self.path)} cannot be read as a UTF-8 table: it is not UTF-8 text; save it as UTF-8"
            ) from None
        if match := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", complaint):
            row, expected, got = map(int, match.groups())
            mark = "tabs" if self.delimiter == "\t" else repr(self.delimiter)
            advice = (
                "close the quote that is open"
                if open_quote
                else f"quote cells that hold {mark}, and fill up short rows"
            )
            line = self.line(row - 2 - self.skipped)
            raise Unusable(f"line {line} has {got} cells, the header {expected}; {advice}") from None
        if "straddling" in complaint or "out of sync" in complaint:
            raise Unusable(f"a row has more than {_RECORD:,} bytes; a quote may be open") from None
        raise Unusable(complaint.split("\n")[0][:200]) from None

    def line(self, row: int) -> int:
        """The line of the file on which a row of ``frames`` ends: cells may hold line breaks."""
        with _lines(self.path, self.error) as lines:
            for _ in range(self.skipped):
                next(lines, "")
            reader = csv.reader(lines, delimiter=self.delimiter)
            for number, _ in enumerate(filter(None, reader)):
                if number == row + 1:
                    break
            return reader.line_num + self.skipped


def _joined(batches: "Iterable[RecordBatch]", rows: int) -> "Iterator[Table]":
    """Batches put together until they have so many rows: work on a frame costs as much for few as for thousands."""
    from pyarrow import Table

    waiting: list[RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            yield Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield Table.from_batches(waiting)


def open_table(
    path: Path, error: type[NastError] = DataError, *, absent: str = "give a table (.csv, or a .gz or .zip of one)"
) -> TableFile:
    """A table with its header read. What separates its cells is told from the header; a line "sep=;" says it.

    Raises ``error``: no regular file, packed badly, no text, a column twice, or a first row longer than the header.
    """
    with _lines(path, error, absent) as lines:
        start = next(lines, "")
        sep = re.fullmatch(r'"?sep=(.)"?', start.strip("\r\n"))
        if sep:
            start = next(lines, "")
        delimiter = (
            sep[1] if sep else max(_DELIMITERS, key=lambda mark: len(next(csv.reader([start], delimiter=mark), [])))
        )
        rows = filter(None, csv.reader(_again(start, lines), delimiter=delimiter))
        header, first = [name.strip() for name in next(rows, [])], next(rows, [])
        line = rows_read = 2 + bool(sep)
        if len(header) > _COLUMNS:
            raise Unusable(f"it has {len(header):,} columns, and at most {_COLUMNS:,} are read")
    if len(first) > len(header):
        raise error(
            f"{shown(path)}, line {rows_read} has {len(first)} cells, the header {len(header)}; quote cells that "
            "hold commas"
        )
    if twice := [name for name, count in Counter(filter(None, header)).items() if count > 1]:
        raise error(f"{shown(path)} has the column {shown(twice[0])!r} twice; keep one of the two")
    return TableFile(path, tuple(header), delimiter, line - 2, error)


def read_table(path: Path, columns: Sequence[str] | None = None, error: type[NastError] = DataError) -> pd.DataFrame:
    """All of a small table as text, of these columns or of all that have a name."""
    table = open_table(path, error)
    if missing := [name for name in columns or () if name not in table.header]:
        raise error(f"{shown(path)} has no column {shown(missing[0])!r}")
    empty = pd.DataFrame(columns=list(columns or filter(None, table.header)), dtype="str")
    return pd.concat([empty, *table.frames(columns)], ignore_index=True)


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


class _Utf8(io.RawIOBase):
    """Bytes of a table as UTF-8 with an end to the last line; refuses NULs, and counts quotes."""

    def __init__(self, stream: io.BufferedIOBase, utf16: bool):
        self._stream, self._left, self._last, self.quotes = stream, b"", b"\n", 0
        self._decoder = codecs.getincrementaldecoder("utf-16")() if utf16 else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            content = self._stream.read(len(buffer))
            fresh = self._decoder.decode(content, not content).encode() if self._decoder else content
            if b"\0" in fresh:
                raise Unusable("it holds NUL characters, so it is no table of text; save it as CSV (UTF-8)")
            self.quotes += fresh.count(b'"')
            if not content and self._last not in (b"\n", b"\r"):
                fresh += b"\n"
            self._left, self._last = fresh, fresh[-1:] or self._last
            if not content:
                break
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


@contextmanager
def _utf8(
    path: Path, error: type[NastError], absent: str = "check the path"
) -> Iterator[tuple[io.BufferedReader, _Utf8]]:
    try:
        with unpacked(path, error, what="a table", absent=absent) as packed:
            start = packed.peek(4)[:4]
            for mark, what in _NOT_TEXT:
                if start.startswith(mark):
                    raise Unusable(f"it is {what}")
            raw = _Utf8(packed, start[:2] in _UTF16)
            yield io.BufferedReader(raw, 2**18), raw
    except UnicodeDecodeError as fault:  # before ValueError, which it is one of
        raise error(
            f"{shown(path)} cannot be read as a UTF-8 table: it is not UTF-8 text ({fault.reason}); save it as UTF-8"
        ) from None


@contextmanager
def _lines(path: Path, error: type[NastError], absent: str = "check the path") -> Iterator[Iterator[str]]:
    """The lines with their ends, each of bounded length; the faults of csv among those of the table."""
    with _utf8(path, error, absent) as (stream, _):
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")

        def bounded() -> Iterator[str]:
            while line := text.readline(_RECORD):
                if len(line) == _RECORD:
                    raise Unusable(f"a line has more than {_RECORD:,} characters")
                yield line

        try:
            yield bounded()
        except csv.Error as fault:
            raise Unusable(str(fault)) from None
