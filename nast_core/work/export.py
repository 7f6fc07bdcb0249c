"""A tuned model as a folder in its base's own format: the base's files, with the tensors that training changed.

Nothing is renamed: the changed tensors are looked for in the stored files by value, so that whatever names, nesting and
precision a family's checkpoints have, its own library loads the result as it loads the base.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from nast_core.errors import DataError, ModelError
from nast_core.files.writing import user_cache
from nast_core.finetune.adapter import ADAPTER, apply_adapter, read_record
from nast_core.models import weights
from nast_core.models.specs import OURS, place_of
from nast_core.opening import load_model

_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".tar")
_OTHER_WEIGHTS = (".h5", ".msgpack", ".onnx", ".npz", ".ot")  # the base's weights in formats that stay untuned
_OF_THE_BASE = ("README.md", "figures.json", "nast.json", ".git", ".cache")
_DEPTH = 8  # of dictionaries in a checkpoint
Keys = tuple[Any, ...]  # keys that lead to a tensor through nested dictionaries


def export(adapter: Path, out: Path, *, base: str | None = None) -> Path:
    """Writes base and adapter, merged, to the new folder ``out``. ``base``: where the base is now, if it has moved.

    Raises ModelError for an adapter of another base and for a base whose files do not hold the weights it loads with,
    DataError where ``out`` exists or cannot be written.
    """
    if out.exists():
        raise DataError(f"{out} exists already; give the name of a new folder")
    folder = adapter / ADAPTER if (adapter / ADAPTER).is_dir() else adapter
    record = read_record(folder)
    encoder = load_model(base or record.base, runs=folder.resolve().parents[1], device="cpu")
    came_from = encoder.card.source
    source = place_of(came_from) if came_from in OURS else Path(came_from)
    before = {name: value.clone() for name, value in encoder.module.state_dict().items()}
    licence, conditions = encoder.card.licence, encoder.card.conditions
    apply_adapter(encoder, folder, record)
    after = encoder.module.state_dict()
    changed = {n: (before[n], after[n]) for n in before if not torch.equal(before[n], after[n])}
    incoming = out.with_name(f".{out.name}.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        _copy(source, incoming, changed)
        shutil.copy(folder / "README.md", incoming / "README.md")
        about = {"name": encoder.card.name, "licence": licence, "conditions": list(conditions)}
        if encoder.card.taught is not None:
            about |= {"cues": sorted(encoder.card.taught)}
        (incoming / "nast.json").write_text(
            json.dumps(about | {"fingerprint": _fingerprint(incoming)}, indent=2), "utf-8"
        )
        incoming.rename(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror or error}); choose another place") from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return out


def _fingerprint(folder: Path) -> str:
    return load_model(folder, device="cpu").fingerprint  # of what is stored: a file of float16 rounds what was trained


def _copy(source: Path, out: Path, changed: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    missing = set(changed)
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        if not path.is_file() or set(inside.parts) & set(_OF_THE_BASE) or path.suffix in _OTHER_WEIGHTS:
            continue
        if not _inside(path, source):
            continue  # a link to a file that is no part of the model
        target = out / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in _SUFFIXES:
            missing -= _rewrite(path, target, changed)
        else:
            shutil.copy(path, target)
    if missing:
        raise ModelError(
            f"the files in {source} do not hold {len(missing)} of the {len(changed)} tensors that training changed, "
            f"first {min(missing)!r}, so the tuned model cannot be written in their format"
        )


def _inside(path: Path, source: Path) -> bool:
    """Whether a file lies where it seems to, or in the caches that a model's folder of links is made of."""
    roots = (source, Path(constants.HF_HUB_CACHE), user_cache())
    if path.suffix in _SUFFIXES and source.resolve().is_relative_to(user_cache().resolve()):
        return True  # open_clip:ARCH/PATH links to the weights that were named
    return any(path.resolve().is_relative_to(root.resolve()) for root in roots)


def _rewrite(path: Path, target: Path, changed: Mapping[str, tuple[Tensor, Tensor]]) -> set[str]:
    """Copies a weights file with its changed tensors replaced, each in its own precision; says which were found."""
    safe = path.suffix == ".safetensors"
    weights.check_archive(path)
    try:
        content: Any = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # not weights: a trainer's arguments, an optimizer, TorchScript, a broken file
        shutil.copy(path, target)
        return set()
    tensors = dict(_tensors(content))
    by_shape: dict[tuple[int, ...], list[Keys]] = {}
    for at, value in tensors.items():
        by_shape.setdefault(tuple(value.shape), []).append(at)
    names = set()
    for name, (old, new) in changed.items():
        same = [at for at in by_shape.get(tuple(old.shape), []) if torch.equal(tensors[at].to(old.dtype), old)]
        if same:
            at = max(same, key=lambda keys: _likeness(keys, name))  # equal values, such as biases of 0, go by name
            _set(content, at, new.to(tensors[at].dtype).contiguous())
            names.add(name)
    if not names:
        shutil.copy(path, target)
    elif safe:
        with safe_open(path, framework="pt") as file:
            weights.write(target, content, file.metadata())
    else:
        torch.save(content, target)
    return names


def _tensors(content: Any, at: Keys = ()) -> Iterator[tuple[Keys, Tensor]]:
    if isinstance(content, Tensor):
        yield at, content
    elif isinstance(content, dict) and len(at) < _DEPTH:
        for key, value in content.items():
            yield from _tensors(value, (*at, key))


def _likeness(keys: Keys, name: str) -> tuple[int, int]:
    """How many of the last parts two dotted names share, and how few more the stored one has."""
    parts, own = ".".join(map(str, keys)).split("."), name.split(".")
    shared = next((count for count, (a, b) in enumerate(zip(parts[::-1], own[::-1], strict=False)) if a != b), len(own))
    return shared, -len(parts)


def _set(content: Any, at: Keys, value: Tensor) -> None:
    for key in at[:-1]:
        content = content[key]
    content[at[-1]] = value
