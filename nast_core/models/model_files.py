"""Looking at a model folder before any library does: what is missing, broken or unsafe, in one sentence."""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nast_core.errors import ModelError
from nast_core.files import documents, gate
from nast_core.files.gate import shown
from nast_core.models.allowed import refuse_foreign

_CONFIGS = (
    "config.json", "open_clip_config.json", "tokenizer_config.json", "special_tokens_map.json", "preprocessor_config.json",
    "processor_config.json", "generation_config.json", "adapter_config.json", "cxr_clip.json",
)  # fmt: skip
_WRITTEN_ANEW = ("cxr-bert",)  # model types whose published configs name code, which is never run here


class _UnreadableError(ModelError):
    """A config that is no JSON object."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError for a file that is missing, cut off, of another kind, or names code or another place.

    The configs of CXR-BERT name their authors' code; its family is written anew and never passes that key on.
    """
    content = _parsed(path)
    refuse_foreign(path, content, ignoring=("auto_map",) if _written_anew(path, content) else ())
    return content


def _parsed(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise _UnreadableError(f"{path.parent} has no {path.name}; copy the model's {path.name} into it")
    try:
        text = gate.read_text(
            path, most=documents.MOST, error=_UnreadableError, absent="it is a link that leads nowhere"
        )
    except _UnreadableError as error:
        raise _UnreadableError(f"{error}; download it again") from None
    try:
        content = documents.parse_json(text)
    except ValueError as fault:
        reason = documents.what_is_wrong_with(fault)
        raise _UnreadableError(f"{path} cannot be read as JSON ({reason}); download it again") from None
    if not isinstance(content, dict):
        raise _UnreadableError(f"{path} holds a {type(content).__name__}, not a JSON object; download it again")
    return content


def _written_anew(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a config or a tokenizer's is of a model type whose published files name code that is never run here."""
    if path.name == "tokenizer_config.json" and os.path.lexists(config := path.with_name("config.json")):
        with suppress(_UnreadableError):
            content = _parsed(config)
    return path.name in ("config.json", "tokenizer_config.json") and content.get("model_type") in _WRITTEN_ANEW


def model_type(folder: Path) -> str | None:
    """What a folder's config.json calls its model; None where there is none. Raises ModelError where it cannot be read."""
    config = folder / "config.json"
    value = read_json(config).get("model_type") if os.path.lexists(config) else None
    return value if isinstance(value, str) else None


def check_configs(folder: Path) -> None:
    """Raises ModelError where any config in ``folder`` names code, a hub or a place outside.

    What else may be wrong with one is for its reader to say.
    """
    for place in (folder, folder / "text", folder / "vision"):
        for path in (place / name for name in _CONFIGS):
            if path.exists():
                with suppress(_UnreadableError):
                    read_json(path)


def check_folder(folder: Path) -> None:
    """Raises ModelError unless ``folder`` is a directory this user may read."""
    if not os.path.exists(folder):  # Path.exists raises for a name that is too long or behind a locked door
        raise ModelError(
            f"there is no folder {gate.shown(folder)}; give the path of a folder with a model's config and weights"
        )
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file; give the folder that holds it together with the model's config")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ModelError(f"the folder {folder} may not be read by this user; change its permissions (chmod u+rx)")


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


def first_line(error: BaseException) -> str:
    """A library's error as half a sentence: its first line, or two where the first only announces the second.

    Of Python's own kinds of error nothing is quoted: they speak of a library's insides.
    """
    if isinstance(error, KeyError):
        return f"there is no {gate.shown(error)}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, AttributeError | TypeError | IndexError | RecursionError | NameError):
        return "its parts do not fit one another"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["its parts do not fit one another"]
    text = " ".join(lines[: 2 if lines[0].endswith(":") else 1]).split(". ")[0].rstrip(" .")
    return text if len(text) <= 240 else f"{text[:240]}..."


def _of_a_library(error: BaseException) -> bool:
    """Whether a library may have raised it: a panic of one written in Rust (tokenizers) is no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


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
    except BaseException as error:
        if not _of_a_library(error):
            raise
        raise ModelError(f"{sentence}: {first_line(error)}") from error


@contextmanager
def leading(sentence: str) -> Iterator[None]:
    """As ``refusing``, and the sentence leads this package's own errors too."""
    try:
        yield
    except BaseException as error:
        if not _of_a_library(error):
            raise
        raise ModelError(f"{sentence}: {error if isinstance(error, ModelError) else first_line(error)}") from error


@contextmanager
def speaking_of(place: Path, folder: Path) -> Iterator[None]:
    """While open, errors that name ``place``, where files of ``folder`` were laid out, name the folder instead."""
    try:
        yield
    except BaseException as error:
        if not _of_a_library(error):
            raise
        message = str(error) if isinstance(error, ModelError) else first_line(error)
        raise ModelError(message.replace(str(place), str(folder))) from error


def refuse_missing(folder: Path, keys: Iterable[str]) -> None:
    """Raises ModelError where a weight was not in the file: it would be left random."""
    keys = sorted(keys)
    if keys:
        raise ModelError(
            f"the weights in {folder} lack {_tensors(keys)} that the config asks for, first {shown(keys[0])!r}, which would be "
            "left random: the weights belong to another config, or were saved in part"
        )


def refuse_mismatched(
    folder: Path, keys: Iterable[tuple[str, Sequence[int], Sequence[int]]], shape: type = tuple
) -> None:
    """Raises ModelError where a weight has another shape than the config says; ``keys``: name, found, expected."""
    keys = sorted(keys)
    if keys:
        name, actual, expected = keys[0]
        raise ModelError(
            f"the weights in {folder} have {_tensors(keys)} of another shape than the config says, first {shown(name)!r}: "
            f"found {shape(actual)}, expected {shape(expected)}; use the config that came with these weights"
        )


def refuse_unexpected(folder: Path, keys: Iterable[str]) -> None:
    """Raises ModelError where a file has a weight that the config has no place for."""
    keys = sorted(keys)
    if keys:
        raise ModelError(
            f"the weights in {folder} have {_tensors(keys)} that the config has no place for, first {shown(keys[0])!r}; use the config "
            "that came with these weights"
        )


def refuse_undefined(folder: Path, module: nn.Module, scale: float | None) -> None:
    """Raises ModelError where a weight, or the scale of the logits, is NaN or infinite: so would every score be."""
    undefined = sorted(name for name, weight in module.named_parameters() if not torch.isfinite(weight).all())
    if undefined:
        raise ModelError(
            f"the weights in {folder} have {_tensors(undefined)} with NaN or infinity, first {shown(undefined[0])!r}, so every score "
            "would be undefined; download them again, or take an earlier checkpoint of their training"
        )
    if scale is not None and not math.isfinite(scale):
        raise ModelError(
            f"the weights in {folder} have a logit_scale whose exponential is {scale}; download them again, or take an earlier "
            "checkpoint of their training"
        )


def _tensors(keys: Sequence) -> str:
    return "1 tensor" if len(keys) == 1 else f"{len(keys)} tensors"
