"""How far two results are from one another: 0.0 for equal ones, inf for results of another shape or with other
words."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

_FOR_THE_RECORD = ("created", "time", "seconds", "when", "date")  # what may differ between equal results


def difference(a: Path, b: Path) -> float:
    """The largest difference of any number in two files or folders."""
    if a.is_dir():
        names = sorted(path.relative_to(a) for path in a.rglob("*") if path.is_file())
        if names != sorted(path.relative_to(b) for path in b.rglob("*") if path.is_file()):
            return math.inf
        return max((difference(a / name, b / name) for name in names), default=0.0)
    readers = {".nc": _netcdf, ".parquet": _parquet, ".json": _json, ".safetensors": _safetensors}
    reader = readers.get(a.suffix)
    if reader is None:
        return 0.0 if a.read_bytes() == b.read_bytes() else math.inf
    return _apart(reader(a), reader(b))


def _apart(a: Any, b: Any) -> float:
    if isinstance(a, dict):
        if not isinstance(b, dict) or a.keys() != b.keys():
            return math.inf
        return max((_apart(a[k], b[k]) for k in a if not any(word in str(k) for word in _FOR_THE_RECORD)), default=0.0)
    if isinstance(a, list):
        if not isinstance(b, list) or len(a) != len(b):
            return math.inf
        return max((_apart(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return math.inf
    if a.dtype.kind not in "fiub" or b.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(a, b) else math.inf
    if not np.array_equal(np.isnan(a.astype(float)), np.isnan(b.astype(float))):
        return math.inf
    return float(np.nanmax(np.abs(a.astype(float) - b.astype(float)), initial=0.0))


def _netcdf(path: Path) -> dict[str, Any]:
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return {str(name): stored[name].values for name in stored.variables}


def _parquet(path: Path) -> dict[str, Any]:
    import pandas as pd

    table = pd.read_parquet(path)
    return {name: table[name].to_numpy() for name in table}


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(path)
