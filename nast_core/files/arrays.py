"""Arrays by name: npz for what is drawn or encoded, safetensors for vectors that are kept."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, regular, shown
from nast_core.files.writing import whole, write_bytes

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MOST = 4_000 * MB


def save_arrays(path: Path, arrays: "Mapping[str, np.ndarray]") -> None:
    """An npz file, written whole or not at all."""
    import numpy as np

    with whole(path, sum(array.nbytes for array in arrays.values())) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_arrays(
    path: Path, names: Sequence[str], *, error: type[NastError] = DataError, absent: str = "check the path"
) -> "dict[str, np.ndarray]":
    """The arrays of an npz file. Raises ``error`` where it is none, is damaged, unfolds to more than MOST, holds
    objects, or lacks one of ``names``."""
    import numpy as np

    regular(path, most=MOST, error=error, absent=absent)
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MOST:
            raise error(
                f"{shown(path)} says that it holds {size:,} bytes, and at most {MOST:,} are read of such a file"
            )
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except NastError:
        raise
    except Exception as fault:  # on a damaged file zipfile and numpy raise nearly everything
        reason = " ".join(str(fault).split())[:120]
        raise error(f"{shown(path)} cannot be read as arrays ({reason}); make it anew") from None


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]", metadata: Mapping[str, str] | None = None) -> None:
    """A safetensors file, written whole or not at all. Takes as much memory again while it is written.

    The library's own writer puts a file of its own name beside ``path``, which a killed process leaves there.
    """
    from safetensors.torch import save

    content = save(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, dict(metadata) if metadata else None
    )
    write_bytes(path, content)


def read_tensors(
    path: Path, names: Sequence[str], *, error: type[NastError] = DataError, absent: str = "check the path"
) -> "dict[str, Tensor]":
    """Some tensors of a safetensors file. Raises ``error`` where it is none, is damaged, or lacks one of ``names``."""
    from safetensors import SafetensorError, safe_open

    regular(path, most=MOST, error=error, absent=absent)
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, RuntimeError) as fault:
        reason = " ".join(str(fault).split())[:120]
        raise error(f"{shown(path)} cannot be read as safetensors ({reason}); make it anew") from None
