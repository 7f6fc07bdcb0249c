"""Tables of results, parquet: written whole, and read with their size known beforehand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, regular, shown
from nast_core.files.writing import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow.parquet import ParquetFile

MOST = 2_000 * MB  # of a file, and of what it unfolds to
_CELLS = 100_000_000


def write_parquet(path: Path, table: "pd.DataFrame", *, index: bool | None = None) -> None:
    """Written whole or not at all. ``index``: as pandas takes it."""
    content = table.to_parquet(index=index)
    assert content is not None  # without a path pandas gives the bytes
    write_bytes(path, content)


def read_parquet(
    path: Path,
    columns: Sequence[str] = (),
    *,
    only: bool = False,
    error: type[NastError] = DataError,
    absent: str = "check the path",
) -> "pd.DataFrame":
    """A parquet file's table; with ``only``, nothing but ``columns`` of it. Raises ``error`` for one that is no file,
    no parquet, damaged, too large, or lacks one of ``columns``."""
    with _opened(path, columns, error, absent) as file:
        return file.read(columns=list(columns) if only else None).to_pandas()


def read_rows(
    path: Path, columns: Sequence[str], rows: Sequence[int], *, error: type[NastError] = DataError
) -> "pd.DataFrame":
    """The rows of these numbers, which go up, without reading a row group that has none of them; numbers behind the
    last row give none. Raises as ``read_parquet`` does."""
    import pandas as pd

    parts, first = [], 0
    with _opened(path, columns, error, "check the path") as file:
        for group in range(file.metadata.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            if inside := [row - first for row in rows if first <= row < last]:
                parts.append(file.read_row_group(group, columns=list(columns)).take(inside).to_pandas())
            first = last
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))


def row_count(path: Path, *, error: type[NastError] = DataError) -> int:
    """Rows of a parquet file, from what it says of itself."""
    with _opened(path, (), error, "check the path") as file:
        return int(file.metadata.num_rows)


@contextmanager
def _opened(path: Path, columns: Sequence[str], error: type[NastError], absent: str) -> "Iterator[ParquetFile]":
    from pyarrow.parquet import ParquetFile

    regular(path, most=MOST, error=error, absent=absent)
    try:
        with ParquetFile(path) as file:
            about = file.metadata
            groups = [about.row_group(i) for i in range(about.num_row_groups)]
            size = sum(max(0, group.total_byte_size) for group in groups)
            cells = max(about.num_rows, sum(group.num_rows for group in groups)) * about.num_columns
            if size > MOST or cells > _CELLS:
                raise error(f"{shown(path)} says that it holds {cells:,} cells in {size:,} bytes, which is too much")
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                raise error(f"{shown(path)} has no column {missing[0]}, so it is no such table; make it anew")
            yield file
    except NastError:
        raise
    except Exception as fault:  # on a damaged file pyarrow raises nearly everything
        reason = " ".join(str(fault).split())[:120]
        raise error(f"{shown(path)} cannot be read as parquet ({reason}); make it anew") from None
