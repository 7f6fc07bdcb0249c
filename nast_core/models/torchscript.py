"""The weights in a TorchScript archive, without running anything in it.

An archive holds code, a pickle of the modules and a file for each tensor; OpenAI published its CLIPs so.
``torch.jit.load`` would compile and may run that code. Here the pickle is read with every class it names turned into an
empty shell and every function refused but those that put a tensor together from its file.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models.model_files import first_line
from nast_core.models.pickles import check_pickles

_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "BoolStorage": torch.bool,
}


def is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Every tensor by its name: what ``state_dict`` would give, and plain attributes of modules, such as masks.

    Raises ModelError for an archive that is damaged, or whose pickle asks for more than tensors in modules.
    """
    try:
        check_pickles(path)
        with zipfile.ZipFile(path) as archive:
            root = next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")
            with archive.open(f"{root}data.pkl") as file:
                return dict(_tensors(_Reader(file, archive, root).load(), ""))
    except pickle.UnpicklingError as error:
        raise ModelError(f"{path} is a TorchScript archive of more than weights ({error}); it was not loaded") from None
    except Exception as error:  # a damaged archive makes zipfile, pickle and torch raise anything
        raise ModelError(
            f"{path} is a TorchScript archive that cannot be read ({first_line(error)}); download it again"
        ) from None


class _Module:
    """What every class of the archive becomes: attributes, and no behaviour."""

    def __setstate__(self, state: Any) -> None:
        self.held = state


def _tensors(module: _Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    tensors = getattr(module, "held", None)
    for name, value in (tensors if isinstance(tensors, dict) else {}).items():
        if isinstance(value, Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, _Module):
            yield from _tensors(value, f"{prefix}{name}.")


def _rebuild(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(size, stride, offset)


class _Reader(pickle.Unpickler):
    _ALLOWED = {  # noqa: RUF012
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        ("collections", "OrderedDict"): OrderedDict,
        ("torch.jit._pickle", "build_intlist"): list,
        ("torch.jit._pickle", "build_doublelist"): list,
        ("torch.jit._pickle", "build_boollist"): list,
    }

    def __init__(self, file: Any, archive: zipfile.ZipFile, root: str):
        super().__init__(file)
        self.archive, self.root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None

    def persistent_load(self, reference: Any) -> Tensor:
        _, dtype, key, _, count = reference  # "storage", element type, file, device it was saved from, elements
        content = self.archive.read(f"{self.root}data/{key}")
        return torch.frombuffer(bytearray(content), dtype=dtype, count=count) if count else torch.empty(0, dtype=dtype)
