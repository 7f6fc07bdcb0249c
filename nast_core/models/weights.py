"""The one gate for weights: a regular file that is whole, holds named tensors and nothing else, and as much as it
claims.

No code in a file is run. What every family reads comes through here, so a wrapper or a prefix that training put before
the names comes off in one place, and a file that unpacks to more than it is (a zip bomb, a tensor of strides 0) is
refused.
"""

import ctypes
import os
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.files import gate
from nast_core.models.model_files import first_line, read_json
from nast_core.models.pickles import Unfit, check_pickles

MOST = 100_000 * gate.MB
WRAPPERS = ("state_dict", "model", "model_state_dict")  # keys that training loops put weights under
_PREFIXES = ("module.", "_orig_mod.", "model.", "clip.")  # of parallel training, torch.compile and wrapping modules
_DTYPES = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int64,
    torch.int32,
    torch.bool,
)  # of tables
_NESTED = 8  # prefixes that may stand before one another
_LFS_HEAD = b"version https://git-lfs"
_TORCH_HEADS = (b"PK\x03\x04", b"\x80")  # a zip archive; a bare pickle, as torch wrote before 1.6
_SHARDS = 1000
_MEMBERS = 200_000  # of an archive
_PICKLE = 16 * gate.MB  # of names and shapes, read at about 1 MB a second
_ROOM = 64 * gate.MB  # that an archive may unpack to beyond its own size: code in it is packed, tensors never are


@dataclass(frozen=True)
class Stored:
    """The named tensors of a file, on the CPU."""

    path: Path
    tensors: dict[str, Tensor]
    prefix: str = ""  # what came off every name

    @property
    def rows(self) -> dict[str, str]:
        """For a load report: the file, and what came off its names."""
        came_off = {"Names in the file": f"read without the {self.prefix!r} before each"} if self.prefix else {}
        return {"Weights file": self.path.name, **came_off}


def find_weights(folder: Path, names: Iterable[str]) -> Path:
    """The first of ``names`` in ``folder``, checked whole and safe to read.

    Raises ModelError: none there, no regular file, empty, a git-lfs pointer, cut off, or a pickle that needs code to
    load.
    """
    names = list(names)
    for name in names:
        if is_there(folder / name):
            check(folder / name)
            return folder / name
    raise ModelError(f"{folder} has no weights; put one of {', '.join(names)} into it")


def is_there(path: Path) -> bool:
    """Whether anything but a folder has that name: a pipe has it too, and is then refused by name."""
    return os.path.lexists(path) and not path.is_dir()


def check(path: Path) -> None:
    """Raises ModelError for a file that is not weights, whole and safe to read."""
    size = gate.regular(path, most=MOST, error=ModelError)
    if not os.access(path, os.R_OK):
        raise ModelError(f"{path} may not be read by this user; change its permissions (chmod u+r)")
    if path.suffix == ".json":
        for shard in _shards(path):
            check(shard)
        return
    with path.open("rb") as file:
        head = file.read(len(_LFS_HEAD))
    if not head:
        raise ModelError(f"{path} is empty (0 bytes); download it again")
    if head == _LFS_HEAD:
        raise ModelError(f"{path} is a git-lfs pointer, not the weights; run 'git lfs pull' in its repository")
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt"):
                return
        except SafetensorError as error:
            raise ModelError(f"{path} is cut off or broken ({first_line(error)}); download it again") from None
    if not head.startswith(_TORCH_HEADS):
        raise ModelError(f"{path} is not a torch file (it starts with {head[:8]!r}); download it again")
    check_archive(path)
    _check_pickles(path)
    content = _unpickled(path, "meta")
    if not isinstance(content, dict):
        raise ModelError(
            f"{path} holds a {type(content).__name__}, not named weights; get the model's own weights file"
        )
    check_claims(path, _tensors(content), size)


def _check_pickles(path: Path) -> None:
    try:
        check_pickles(path)
    except Unfit as error:
        raise ModelError(f"{path} is a pickle that does more than hold weights ({error}); it was not loaded") from None
    except Exception as error:  # a damaged one makes zipfile and pickletools raise anything
        raise ModelError(f"{path} is cut off or broken ({first_line(error)}); download it again") from error


def check_archive(path: Path) -> None:
    """Raises ModelError for a zip archive that unpacks to far more than it is. Other files, and broken ones, pass."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, UnicodeError):
        return  # whoever reads it says so
    unpacked, size = sum(member.file_size for member in members), path.stat().st_size
    described = sum(member.file_size for member in members if member.filename.endswith(".pkl"))
    if len(members) > _MEMBERS or unpacked > size + _ROOM or described > _PICKLE:
        raise ModelError(
            f"{path} has {size:,} bytes and would unpack to {unpacked:,}, which no weights do; it was not read: get "
            "another"
        )


def _shards(index: Path) -> list[Path]:
    """The files of an index, which lie beside it. Raises ModelError for an index that names others."""
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not files or not all(isinstance(shard, str) for shard in files.values()):
        raise ModelError(f"{index} has no weight_map from tensors to files; download it again")
    shards = sorted(set(files.values()))
    if len(shards) > _SHARDS:
        raise ModelError(f"{index} names {len(shards):,} files, and at most {_SHARDS:,} are read; download it again")
    for shard in shards:
        if Path(shard).name != shard or not shard.endswith((".safetensors", ".bin")):
            raise ModelError(
                f"{index.name} names the weights file {gate.shown(shard)}, which is no .safetensors or .bin beside it; "
                "download it again"
            )
        if not (index.parent / shard).exists():
            raise ModelError(
                f"{index.name} names the weights file {gate.shown(shard)}, which is not there; download it too"
            )
    return [index.parent / shard for shard in shards]


def _unpickled(path: Path, device: str, **options: Any) -> Any:
    try:
        return torch.load(path, map_location=device, weights_only=True, **options)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path} is a pickle that holds more than tensors, so loading it would run code from the file; "
            "it was not loaded: get a safetensors file, or convert it on a machine you can lose"
        ) from None
    except Exception as error:  # a broken file makes torch raise anything: struct.error, EOFError, RuntimeError
        raise ModelError(f"{path} is cut off or broken ({first_line(error)}); download it again") from error


def unwrapped(content: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], str | None]:
    """(what stands under a wrapper's key, that key), or the mapping itself and None."""
    wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    return (content[wrapper], wrapper) if wrapper else (content, None)


def _tensors(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    inner, wrapper = unwrapped(content)
    inner = unwrapped(inner)[0] if wrapper else inner
    return {name: value for name, value in inner.items() if isinstance(name, str) and isinstance(value, Tensor)}


def check_claims(path: Path, tensors: Mapping[str, Tensor], size: int) -> None:
    """Raises ModelError for tensors that claim more values than the file has room for."""
    claimed = 0
    for name, tensor in tensors.items():
        bytes_ = tensor.numel() * tensor.element_size() if tensor.layout == torch.strided else size + 1
        claimed += bytes_
        if bytes_ > size or claimed > 4 * size:  # tied weights stand there under two names or three
            raise ModelError(
                f"{path} claims {tuple(tensor.shape)} for {gate.shown(name)!r} and more, and has only {size:,} "
                "bytes; it was not read: get another"
            )


def bare(names: Iterable[str]) -> str:
    """The prefix that all ``names`` share, of those that training puts before them, in any nesting;
    empty where none is."""
    left, prefix = list(names), ""
    for _ in range(_NESTED):
        part = next((p for p in _PREFIXES if left and all(name.startswith(p) for name in left)), None)
        if part is None:
            break
        left, prefix = [name.removeprefix(part) for name in left], prefix + part
    return prefix


def read(path: Path) -> Stored:
    """The tensors of a file that ``find_weights`` has checked; they stay in the file until they are read.

    So they take no memory of the process's own, which glibc would keep for later when they are freed. Files in torch's
    format before 1.6 are read whole.
    """
    tensors: dict[str, Tensor] = {}
    for part in _shards(path) if path.suffix == ".json" else [path]:
        if part.suffix == ".safetensors":
            tensors |= load_file(part)
        else:
            tensors |= _tensors(_unpickled(part, "cpu", mmap=_is_zip(part)))
    _refuse_packed(path, tensors)
    prefix = bare(tensors)
    return Stored(path, {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}, prefix)


def _refuse_packed(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raises ModelError for weights that libraries would turn into other numbers without a word: quantized ones,
    complex ones."""
    for name, tensor in tensors.items():
        if tensor.ndim > 1 and tensor.dtype not in _DTYPES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ModelError(
                f"{path} has {gate.shown(name)!r} as {kind}, which is quantized or no weight; get the weights as "
                "float32, float16 or bfloat16"
            )


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor in a checked weights file, named as ``read`` names them. Reads no values."""
    by_name: dict[str, tuple[int, ...]] = {}
    for part in _shards(path) if path.suffix == ".json" else [path]:
        if part.suffix == ".safetensors":
            with safe_open(part, framework="pt") as file:
                by_name |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        else:
            by_name |= {name: tuple(tensor.shape) for name, tensor in _tensors(_unpickled(part, "meta")).items()}
    prefix = bare(by_name)
    return {name.removeprefix(prefix): shape for name, shape in by_name.items()}


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def one(path: Path, name: str) -> Tensor | None:
    """A tensor of a checked file, as stored; None where it has none of that name, or is an index of shards."""
    if path.suffix == ".json":
        return None
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as content:
            names = list(content.keys())
            return content.get_tensor(f"{bare(names)}{name}") if f"{bare(names)}{name}" in names else None
    content = _tensors(_unpickled(path, "cpu", mmap=_is_zip(path)))
    return content.get(f"{bare(content)}{name}")


def beside(path: Path) -> Mapping[Any, Any]:
    """What a checked pickle holds beside its weights: plain values, and tensors without theirs."""
    return _unpickled(path, "meta") if path.suffix != ".safetensors" else {}


def write(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """A safetensors file with the permissions of any other new file; safetensors' own can be read by nobody else.

    Raises OSError where it cannot be written, a full disk, say.
    """
    path.touch()
    mode = path.stat().st_mode & 0o777
    try:
        save_file(tensors, path, metadata=dict(metadata) if metadata else None)
    except SafetensorError as error:
        raise OSError(f"writing stopped: {first_line(error)}") from error
    path.chmod(mode)


def check_size(path: Path, wanted: int, described: str) -> None:
    """Raises ModelError where a config asks for far more values than its weights file has, before they are made.

    ``wanted``: parameters of the model; ``described``: the config, for the message. Small differences pass: the library
    names them.
    """
    there = sum(_count(shape) for shape in shapes(path).values())
    if wanted > 2 * there + 10_000_000:
        raise ModelError(
            f"{described} describes a model of {wanted:,} weights and {path.name} has {there:,}; use the config that "
            "came with these weights"
        )


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def give_back_memory() -> None:
    """Returns to the system what freed models leave with the C library, which else grows by a model with each that is
    loaded."""
    with suppress(OSError, AttributeError):  # glibc's own; other systems return it by themselves
        ctypes.CDLL(None).malloc_trim(0)
