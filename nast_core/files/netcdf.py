"""Results as labelled arrays, netCDF 4: made in memory and written whole, read with every size known beforehand."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, regular, shown
from nast_core.files.writing import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py
    import xarray as xr

MOST = 1_000 * MB  # of a file, and of what it unfolds to; a trace of 2,000 pairs by head and position has 200
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def save_dataset(path: Path, dataset: "xr.Dataset") -> None:
    """netCDF, written whole or not at all. Takes as much memory again as the dataset while it is written.

    HDF5 is not let near the disk: a file of its own that it cannot flush, for want of room, takes the process down.
    """
    write_bytes(path, dataset.to_netcdf(engine="h5netcdf"))


def read_dataset(path: Path, *, error: type[NastError] = DataError, absent: str = "make it anew") -> "xr.Dataset":
    """All of a netCDF file, in memory. Raises ``error`` for one that is no file, no netCDF, damaged, or that says it
    holds more than MOST: that is seen before anything is unfolded."""
    import xarray as xr

    with opened_hdf5(path, error=error, absent=absent) as file:
        _bounded(path, file, error)
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as dataset:
            return dataset.load()


@contextmanager
def opened_hdf5(
    path: Path,
    *,
    what: str = "cannot be read as netCDF",
    error: type[NastError] = DataError,
    absent: str = "make it anew",
) -> "Iterator[h5py.File]":
    """An HDF5 file to read from. Raises ``error`` for one that is none;
    ``what``: what it then is not, ``absent``: what to do."""
    import h5py

    regular(path, most=MOST, error=error, absent=absent)
    with _refusing(path, what, error, absent):
        with path.open("rb") as start:
            signed = start.read(len(_SIGNATURE)) == _SIGNATURE
        if not signed:
            raise error(f"{shown(path)} {what} (it is another kind of file); {absent}")
        with h5py.File(path, "r") as file:
            yield file


@contextmanager
def _refusing(path: Path, what: str, error: type[NastError], absent: str) -> "Iterator[None]":
    """Whatever a library says of a file's content, as one sentence: on a damaged one these raise nearly everything."""
    try:
        yield
    except NastError:
        raise
    except Exception as fault:
        reason = " ".join(str(fault).split())[:120]
        raise error(f"{shown(path)} {what} ({reason or type(fault).__name__}); {absent}") from None


def _bounded(path: Path, file: "h5py.File", error: type[NastError]) -> None:
    """Raises ``error`` where the arrays together say that they hold more than MOST."""
    import h5py

    total = 0

    def count(_: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset):
            total += _size(item, path.stat().st_size)
        if total > MOST:
            raise error(
                f"{shown(path)} says that it holds {total:,} bytes, and at most {MOST:,} are read of such a file"
            )

    file.visititems(count)


def _size(array: "h5py.Dataset", of_file: int) -> int:
    """Bytes in memory. Texts of any length lie in the file once, and as many cells as like may name the same one."""
    import h5py

    if h5py.check_string_dtype(array.dtype) is None or array.dtype.kind != "O" or not array.ndim:
        return int(array.size or 0) * array.dtype.itemsize
    import numpy as np

    total, step = 0, max(1, MOST // of_file)
    if array.size > MOST // 64:  # a Python text takes at least so much
        return MOST + 1
    for row in np.ndindex(array.shape[:-1]):
        for start in range(0, array.shape[-1], step):
            total += sum(64 + len(text) for text in array[(*row, slice(start, start + step))])
            if total > MOST:
                return total
    return total
