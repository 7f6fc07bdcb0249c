"""Patched runs kept on disk, so that a traced pair can be scored against another image in milliseconds. Source: ours.

One HDF5 file: ``vectors`` [kept, layer, head, position, dim] (NaN past a text's end), ``ends`` [kept, form, dim] and
``pair`` [kept], the pair's row in the trace. Bounded: pairs beyond the budget are traced and not kept. It is made in
memory, for HDF5 takes the process down where the disk is full.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import DataError
from nast_core.files.netcdf import opened_hdf5
from nast_core.files.writing import need_writable, write_bytes
from nast_core.interpret.effects import Keep, PatchedPair

BUDGET = 256 * 2**20  # bytes on disk, and in memory until the trace ends


@contextmanager
def vector_file(path: Path, longest: int, *, budget: int = BUDGET) -> Iterator[Keep]:
    """A ``keep`` for ``trace`` that writes to ``path``, whole or not at all.
    ``longest``: positions of the longest pair."""
    need_writable(path)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:

        def keep(i: int, one: PatchedPair) -> None:
            layers, heads, positions, dim = one.vectors.shape
            length = longest if one.plan.positions == "each" else 1
            if "vectors" not in file:
                shape = (layers, heads, length, dim)
                most = max(1, budget // (4 * int(np.prod(shape))))
                options = {"dtype": "float32", "fillvalue": np.nan, "chunks": (1, *shape)}
                file.create_dataset("vectors", (0, *shape), maxshape=(most, *shape), **options)
                file.create_dataset("ends", (0, 2, dim), maxshape=(most, 2, dim), dtype="float32")
                file.create_dataset("pair", (0,), maxshape=(most,), dtype="int64")
            row = len(file["pair"])
            if row == file["pair"].maxshape[0]:
                return
            for name in ("vectors", "ends", "pair"):
                file[name].resize(row + 1, axis=0)
            file["vectors"][row, :, :, :positions] = one.vectors.numpy()
            file["ends"][row] = torch.stack([one.affirmative, one.negated]).numpy()
            file["pair"][row] = i

        yield keep
    write_bytes(path, memory.getbuffer())


class KeptVectors(NamedTuple):
    """Vectors of one pair of a finished trace, as ``PatchedPair`` has them."""

    vectors: Float[Tensor, "layer head position dim"]
    affirmative: Float[Tensor, " dim"]
    negated: Float[Tensor, " dim"]


def read_vectors(path: Path, pair: int) -> KeptVectors | None:
    """What was kept of a pair; None where it lay beyond the budget.
    Raises DataError for a file that holds no vectors."""
    with opened_hdf5(path, what="holds no patched vectors", absent="trace again to make it") as file:
        if missing := {"pair", "vectors", "ends"} - set(file):
            raise DataError(f"{path} holds no patched vectors (no {min(missing)}); trace again to make it")
        pairs, vectors, ends = (file[name] for name in ("pair", "vectors", "ends"))
        if not (pairs.ndim == 1 and vectors.ndim == 5 and ends.shape[1:] == (2, vectors.shape[4])):
            raise DataError(f"{path} holds no patched vectors (arrays of other axes); trace again to make it")
        if 4 * max(pairs.size, math.prod(vectors.shape[1:])) > BUDGET:
            raise DataError(f"{path} says that it holds more than is ever kept; trace again to make it")
        rows = np.flatnonzero(pairs[:] == pair)
        if not len(rows):
            return None
        values, both = (torch.from_numpy(array[rows[0]]) for array in (vectors, ends))
    return KeptVectors(values, both[0], both[1])
