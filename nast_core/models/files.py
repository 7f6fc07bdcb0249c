"""Looking at a model folder before any library does: what is missing, broken or unsafe, in one sentence."""

import hashlib
import json
import os
import pickle
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nast_core.errors import ModelError

_LFS_HEAD = b"version https://git-lfs"
_TORCH_HEADS = (b"PK\x03\x04", b"\x80")  # a zip archive; a bare pickle, as torch wrote before 1.6


def read_json(path: Path) -> dict:
    """A JSON object. Raises ModelError for a file that is missing, cut off or of another kind."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}; copy the model's {path.name} into it") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{path} cannot be read as JSON ({error}); download it again") from None
    if not isinstance(found, dict):
        raise ModelError(f"{path} holds a {type(found).__name__}, not a JSON object; download it again")
    return found


def check_folder(folder: Path) -> None:
    """Raises ModelError unless ``folder`` is a directory this user may read."""
    if not os.path.exists(folder):  # Path.exists raises for a name that is too long or behind a locked door
        raise ModelError(f"there is no folder {folder}; give the path of a folder with a model's config and weights")
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file; give the folder that holds it together with the model's config")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ModelError(f"the folder {folder} may not be read by this user; change its permissions (chmod u+rx)")


def find_weights(folder: Path, names: Iterable[str]) -> Path:
    """The first of ``names`` in ``folder``, checked whole and safe to read.

    Raises ModelError: none there, empty, a git-lfs pointer, cut off, or a pickle that needs code to load.
    """
    names = list(names)
    for name in names:
        path = folder / name
        if path.is_file():
            _check_weights(path)
            return path
    raise ModelError(f"{folder} has no weights; put one of {', '.join(names)} into it")


def _check_weights(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise ModelError(f"{path} may not be read by this user; change its permissions (chmod u+r)")
    if path.suffix == ".json":
        shards = read_json(path).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
            raise ModelError(f"{path} has no weight_map from tensors to files; download it again")
        for shard in sorted(set(shards.values())):
            if not (path.parent / shard).is_file():
                raise ModelError(f"{path.name} names the weights file {shard}, which is not there; download it too")
            _check_weights(path.parent / shard)
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
            raise ModelError(f"{path} is cut off or broken ({error}); download it again") from None
    if not head.startswith(_TORCH_HEADS):
        raise ModelError(f"{path} is not a torch file (it starts with {head[:8]!r}); download it again")
    _check_pickle(path)


def _check_pickle(path: Path) -> None:
    try:
        held = torch.load(path, map_location="meta", weights_only=True)
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path} is a pickle that holds more than tensors, so loading it would run code from the file; "
            "it was not loaded: get a safetensors file, or convert it on a machine you can lose"
        ) from None
    except Exception as error:  # a broken file makes torch raise anything: struct.error, EOFError, RuntimeError
        raise ModelError(f"{path} is cut off or broken ({first_line(error)}); download it again") from error
    if not isinstance(held, dict):
        raise ModelError(f"{path} holds a {type(held).__name__}, not named weights; get the model's own weights file")


def fingerprint(module: nn.Module) -> str:
    """sha256 over the name, shape and float32 values of every weight, in name order: the same in any wider precision."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """A view, not a copy: hashing must not double a large model's memory."""
    plain = tensor.float() if tensor.is_floating_point() else tensor
    flat = plain.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor in a checked weights file; a wrapper ``state_dict`` comes off. Reads no values."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as held:
            return {name: tuple(held.get_slice(name).get_shape()) for name in held.keys()}  # noqa: SIM118
    held = torch.load(path, map_location="meta", weights_only=True)
    named = held.get("state_dict", held)
    return {name: tuple(tensor.shape) for name, tensor in named.items() if isinstance(tensor, Tensor)}


def stored_shape(path: Path, name: str) -> tuple[int, ...] | None:
    """The shape that a checked weights file has for a tensor; None where it holds none of that name."""
    return stored_shapes(path).get(name)


def first_line(error: BaseException) -> str:
    """A library's error as half a sentence: its first line, or two where the first only announces the second."""
    if isinstance(error, KeyError):
        return f"there is no {error}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = " ".join(lines[: 2 if lines[0].endswith(":") else 1]).split(". ")[0].rstrip(" .")
    return text if len(text) <= 240 else f"{text[:240]}..."


@contextmanager
def refusing(sentence: str) -> Iterator[None]:
    """While open, whatever a library raises becomes ModelError(sentence: its first line).

    It is for loading calls only: on files that do not fit one another libraries raise errors of no common base
    (AssertionError, AttributeError, huggingface_hub's own), hence the broad ``except``.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{sentence}: {first_line(error)}") from error


def refuse_missing(folder: Path, keys: Iterable[str]) -> None:
    """Raises ModelError where a weight was not in the file: it would be left random."""
    keys = sorted(keys)
    if keys:
        raise ModelError(
            f"the weights in {folder} lack {_tensors(keys)} that the config asks for, first {keys[0]!r}, which would be "
            "left random: the weights belong to another config, or were saved in part"
        )


def refuse_mismatched(folder: Path, keys: Iterable[tuple[str, Sequence[int], Sequence[int]]]) -> None:
    """Raises ModelError where a weight has another shape than the config says; ``keys``: name, found, expected."""
    keys = sorted(keys)
    if keys:
        name, found, expected = keys[0]
        raise ModelError(
            f"the weights in {folder} have {_tensors(keys)} of another shape than the config says, first {name!r}: "
            f"found {tuple(found)}, expected {tuple(expected)}; use the config that came with these weights"
        )


def _tensors(keys: Sequence) -> str:
    return "1 tensor" if len(keys) == 1 else f"{len(keys)} tensors"
