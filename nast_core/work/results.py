"""Readers that several kinds share: what came out of a finished run, from the files in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nast_core.errors import NastError
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, regular
from nast_core.recipe import RunError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from nast_core.runs.store import Run

_MOST = 20_000 * MB  # of a file of results


class Result(NamedTuple):
    """What a benchmark, claims or alignment run measured."""

    summary: dict[str, Any]  # summary.json: rates are {value, low, high, n}
    tables: dict[str, pd.DataFrame]  # items; or pairs, groups, retrieval, images and prompts; or retrieval


def measured(run: Run) -> Result:
    import pandas as pd

    tables = {}
    for path in sorted(run.folder.glob("*.parquet")):
        with _reading(path):
            tables[path.stem] = pd.read_parquet(path)
    return Result(summary(run), tables)


def summary(run: Run) -> dict[str, Any]:
    return read_json(run.folder / "summary.json", error=RunError)


def dataset(path: Path) -> xr.Dataset:
    import xarray as xr

    with _reading(path), xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    regular(path, most=_MOST, error=RunError)
    try:
        yield
    except NastError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise RunError(f"{path} cannot be read ({said[0]}); delete the run, and make it anew") from None
