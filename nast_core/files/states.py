"""States of a training that goes on later: torch's own format, of tensors and plain values only."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, regular, shown
from nast_core.files.writing import whole

if TYPE_CHECKING:
    import torch

MOST = 20_000 * MB


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Written whole or not at all. Raises DataError where it cannot be, on a full disk, say: the last one is then
    untouched."""
    import torch

    with whole(path) as temporary, temporary.open("wb") as file:
        torch.save(dict(state), file)


def read_state(
    path: Path,
    device: "torch.device | str" = "cpu",
    *,
    error: type[NastError] = DataError,
    absent: str = "check the path",
) -> dict[str, Any]:
    """What ``save_state`` wrote. Raises ``error`` where it is no file, no such state, or damaged."""
    import torch

    size = regular(path, most=MOST, error=error, absent=absent)
    try:
        with zipfile.ZipFile(path) as packed:  # torch stores tensors as they are
            if any(member.file_size > size for member in packed.infolist()):
                raise pickle.UnpicklingError("it unfolds to more than it holds")
        state = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"it holds {type(state).__name__}")
    except NastError:
        raise
    except Exception as fault:  # a damaged one raises nearly everything, in words that advise to trust it
        raise error(
            f"{shown(path)} cannot be read as a checkpoint ({type(fault).__name__}); delete it to begin anew"
        ) from None
    return state
