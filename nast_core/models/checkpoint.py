"""A bare checkpoint read without running any code in it: its named tensors, and what else it says of itself."""

import pickle
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.files import gate
from nast_core.models.pickles import Unfit, check_pickles
from nast_core.models.torchscript import is_torchscript, read_torchscript
from nast_core.models.weights import MOST, WRAPPERS, bare, check_archive, check_claims, unwrapped

Weights = dict[str, Tensor]
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # numbers that OpenAI's archives carry along


@dataclass(frozen=True)
class Checkpoint:
    path: Path
    weights: Weights
    wrapper: str | None = None  # the key they stood under, where the file holds more than weights
    beside: Mapping[str, Any] = field(default_factory=dict)  # plain values that stood beside them
    torchscript: bool = False


def read_checkpoint(path: Path) -> Checkpoint:
    """Raises ModelError: no such file, not a checkpoint, cut off, or a pickle that needs code to load."""
    gate.regular(
        path, most=MOST, error=ModelError, absent="give the path of a checkpoint (.pt, .pth, .bin, .tar, .safetensors)"
    )
    check_archive(path)
    if is_torchscript(path):
        tensors = _weights(read_torchscript(path))
        check_claims(path, tensors, path.stat().st_size)
        return Checkpoint(path, tensors, torchscript=True)
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    whole = content
    content, wrapper = unwrapped(content) if isinstance(content, Mapping) else (content, None)
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise ModelError(f"{path} holds a {type(content).__name__} of other things than named weights")
    beside = {key: value for key, value in whole.items() if key != wrapper} if wrapper else {}
    tensors = _weights(content)
    check_claims(path, tensors, path.stat().st_size)
    return Checkpoint(path, tensors, wrapper, beside)


def _weights(content: Mapping[str, Tensor]) -> Weights:
    """Without the prefix that training puts before every name, and without numbers that are no weights."""
    tensors = {name: value for name, value in content.items() if name not in _NOT_WEIGHTS}
    prefix = bare(tensors)
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is cut off or broken ({error}); download it again") from None


def _read_pickle(path: Path) -> Any:
    try:
        check_pickles(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Unfit as error:
        raise ModelError(f"{path} is a pickle that does more than hold weights ({error}); it was not loaded") from None
    except Exception as error:  # a broken file makes torch raise anything: struct.error, EOFError, RuntimeError
        if isinstance(error, pickle.UnpicklingError) and _starts_like_a_pickle(path):
            raise ModelError(_your_choice(path, _asks_for(path, error))) from None
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"{path} is cut off or is not a torch file ({reason}); download it again") from None


def _starts_like_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # zip; bare, by protocol


def _asks_for(path: Path, error: pickle.UnpicklingError) -> str:
    """The classes and functions that a pickle would import; torch lists them for zip files without loading anything."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (ValueError, RuntimeError, OSError, pickle.UnpicklingError):
        names = []
    if not names:
        parts = str(error).split("GLOBAL ")
        return parts[1].split(" ")[0] if len(parts) > 1 else "objects that are not tensors"
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _your_choice(path: Path, asks_for: str) -> str:
    target = path.with_name(f"{path.stem}-weights.pth")
    code = (
        f"import torch; f = torch.load({str(path)!r}, map_location='cpu', weights_only=False); "
        f"torch.save({{k: f[k] for k in {WRAPPERS!r} if k in f}} or f, {str(target)!r})"
    )
    return (
        f"{path} needs more than weights to load: it asks for {asks_for}. To import those can run code from whoever "
        "made the "
        "file, so nothing was loaded. Your choice: ask its authors for safetensors; or, if you trust them, take the "
        "weights "
        f"out on a machine you can lose, with python -c {shlex.quote(code)} (the packages named above must be "
        f"there), then convert {target}"
    )
