"""Looking at a model folder before any library does: what is missing, broken or unsafe, in one sentence."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nast_core.errors import ModelError
from nast_core.files import gate
from nast_core.files.gate import shown
from nast_core.models.configs import check_configs as check_configs
from nast_core.models.configs import check_folder as check_folder
from nast_core.models.configs import model_type as model_type
from nast_core.models.configs import read_json as read_json


def fingerprint(module: nn.Module) -> str:
    """sha256 over the name, shape and float32 values of every weight, in name order: the same in any wider
    precision."""
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
            f"the weights in {folder} lack {_tensors(keys)} that the config asks for, first {shown(keys[0])!r}, "
            "which would be left random: the weights belong to another config, or were saved in part"
        )


def refuse_mismatched(
    folder: Path, keys: Iterable[tuple[str, Sequence[int], Sequence[int]]], shape: type = tuple
) -> None:
    """Raises ModelError where a weight has another shape than the config says; ``keys``: name, found, expected."""
    keys = sorted(keys)
    if keys:
        name, actual, expected = keys[0]
        raise ModelError(
            f"the weights in {folder} have {_tensors(keys)} of another shape than the config says, first "
            f"{shown(name)!r}: found {shape(actual)}, expected {shape(expected)}; use the config that came with "
            "these weights"
        )


def refuse_unexpected(folder: Path, keys: Iterable[str]) -> None:
    """Raises ModelError where a file has a weight that the config has no place for."""
    keys = sorted(keys)
    if keys:
        raise ModelError(
            f"the weights in {folder} have {_tensors(keys)} that the config has no place for, first "
            f"{shown(keys[0])!r}; use the config that came with these weights"
        )


def refuse_undefined(folder: Path, module: nn.Module, scale: float | None) -> None:
    """Raises ModelError where a weight, or the scale of the logits, is NaN or infinite: so would every score be."""
    undefined = sorted(name for name, weight in module.named_parameters() if not _all_finite(weight.detach()))
    if undefined:
        raise ModelError(
            f"the weights in {folder} have {_tensors(undefined)} with NaN or infinity, first "
            f"{shown(undefined[0])!r}, so every score would be undefined; download them again, or take an earlier "
            "checkpoint of their training"
        )
    if scale is not None and not math.isfinite(scale):
        raise ModelError(
            f"the weights in {folder} have a logit_scale whose exponential is {scale}; download them again, or take "
            "an earlier checkpoint of their training"
        )


def _all_finite(weight: Tensor) -> bool:
    """On a CPU by numpy, in this thread: torch's own threads wait for each other at every small tensor, and where the
    browser has one of two cores, that is seconds."""
    if weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.float64):
        return bool(torch.isfinite(weight).all())
    values = weight.numpy()
    with np.errstate(all="ignore"):
        return bool(
            np.isfinite(values.sum()) or np.isfinite(values).all()
        )  # a sum can only be too large of finite ones


def _tensors(keys: Sequence) -> str:
    return "1 tensor" if len(keys) == 1 else f"{len(keys)} tensors"
