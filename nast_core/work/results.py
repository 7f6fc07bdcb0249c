"""What came out of a finished run, by its kind, as ``Run.result`` gives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nast_core.errors import NastError
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, regular
from nast_core.recipe import RunError, run_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from nast_core.benchmark.items import Item
    from nast_core.claims.claim import Example
    from nast_core.runs.store import Run

_MOST = 20_000 * MB  # of a file of results


class Result(NamedTuple):
    """What a benchmark, claims or alignment run measured."""

    summary: dict[str, Any]  # summary.json: rates are {value, low, high, n}
    tables: dict[str, pd.DataFrame]  # items; or pairs, groups, retrieval, images and prompts; or retrieval


class Tuned(NamedTuple):
    """What a fine-tune made."""

    spec: str  # run:ID, as load_model takes it
    figures: dict[str, float | None]  # of the validation studies: NAME, and NAME_before
    summary: dict[str, Any]  # summary.json: figures, steps, and each layer's weight and change


def attention(run: Run) -> xr.Dataset:
    return _dataset(run.folder / "attention.nc")


def trace(run: Run) -> xr.Dataset:
    return _dataset(run.folder / "trace.nc")


def measured(run: Run) -> Result:
    import pandas as pd

    tables = {}
    for path in sorted(run.folder.glob("*.parquet")):
        with _reading(path):
            tables[path.stem] = pd.read_parquet(path)
    return Result(_summary(run), tables)


def built_items(run: Run) -> list[Item]:
    from nast_core.benchmark.items import read_items

    return read_items(run.recipe.out)  # type: ignore[attr-defined]


def built_claims(run: Run) -> list[Example]:
    from nast_core.claims.examples import read_claims

    return read_claims(run.recipe.out)  # type: ignore[attr-defined]


def tuned(run: Run) -> Tuned:
    return Tuned(run_name(run.id), run.status.figures, _summary(run))


def _summary(run: Run) -> dict[str, Any]:
    return read_json(run.folder / "summary.json", error=RunError)


def _dataset(path: Path) -> xr.Dataset:
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
