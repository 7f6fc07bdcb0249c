"""Readers that several kinds share: what came out of a finished run, from the files in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nast_core.files.documents import read_json
from nast_core.files.netcdf import read_dataset
from nast_core.files.parquet import read_parquet
from nast_core.recipe import RunError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from nast_core.runs.store import Run

_ABSENT = "delete the run, and make it anew"


class Result(NamedTuple):
    """What a benchmark, claims or alignment run measured."""

    summary: dict[str, Any]  # summary.json: rates are {value, low, high, n}
    tables: dict[str, pd.DataFrame]  # items; or pairs, groups, retrieval, images and prompts; or retrieval


def measured(run: Run) -> Result:
    paths = sorted(run.folder.glob("*.parquet"))
    return Result(summary(run), {path.stem: read_parquet(path, error=RunError, absent=_ABSENT) for path in paths})


def summary(run: Run) -> dict[str, Any]:
    return read_json(run.folder / "summary.json", error=RunError)


def dataset(path: Path) -> xr.Dataset:
    return read_dataset(path, error=RunError, absent=_ABSENT)
