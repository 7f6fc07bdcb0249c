"""open_clip's models filled straight from their file: no random weights are drawn, and no weight is held twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.factory import convert_to_custom_text_state_dict
from PIL import Image
from torch import Tensor

from nast_core.models import model_files
from nast_core.models.valueless import valueless

Made: TypeAlias = tuple[Any, Callable[[Image.Image], Tensor]]  # open_clip's model and its image transform
_NOT_A_WEIGHT = "text.transformer.embeddings.position_ids"


def build(folder: Path, check: Callable[[int, str], None] = lambda *_: None, **options: Any) -> Made:
    """The model that ``folder``'s config describes, before its weights: parameters need have no value, buffers do.

    Masks and position ids are in no file, so every buffer is as open_clip computes it. ``options`` are open_clip's own
    for the model. ``check`` is told how many weights there will be before any has a value. Raises what it and open_clip
    do.
    """
    try:
        with valueless():
            parts = _create(folder, options)
    except Exception:  # a tower that runs itself while it is built (ViTamin, MobileCLIP-B); any other error comes again
        parts = None
    if parts is None:
        with torch.device("meta"):
            check(_count(_create(folder, options)), "the config")
    else:
        check(_count(parts), "the config")
    # Swin's masks follow its parameters to the meta device
    if parts is None or any(buffer.is_meta for buffer in parts[0].buffers()):
        return _create(folder, options)
    return parts


def _count(parts: Made) -> int:
    return sum(parameter.numel() for parameter in parts[0].parameters())


def _create(folder: Path, options: dict[str, Any]) -> Made:
    name, nowhere = f"local-dir:{folder}", None  # to name even the right device is to move what has no value
    with _quiet():
        model, _, transform = open_clip.create_model_and_transforms(name, load_weights=False, device=nowhere, **options)
    return model, transform


def fill(model: Any, tensors: dict[str, Tensor], folder: Path) -> None:
    """Gives a built model ``tensors`` themselves, under the names that open_clip reads them by.

    As its ``load_checkpoint`` does, which reads files, copies, and stretches position tables in silence. Raises
    ModelError for a name that is missing or unexpected, and for another shape. Tensors of a safetensors file stay in
    the file until they are read, and are never written back; so a file that is in use must be replaced, not overwritten
    (the same holds for what transformers loads).
    """
    tensors = convert_state_dict(model, tensors)
    if "positional_embedding" in tensors and not hasattr(model, "positional_embedding"):
        tensors = convert_to_custom_text_state_dict(tensors)
    for name in ("logit_scale", "logit_bias"):  # a number, or a row of one
        number = getattr(model, name)
        if number is not None and name in tensors and tensors[name].numel() == 1:
            tensors[name] = tensors[name].reshape(number.shape)
    if model.logit_bias is not None and "logit_bias" not in tensors:
        tensors["logit_bias"] = torch.zeros_like(tensors["logit_scale"])
    tensors.pop(_NOT_A_WEIGHT, None)
    own = model.state_dict()
    model_files.refuse_missing(folder, own.keys() - tensors.keys())
    wrong = [(name, tensors[name].shape, own[name].shape) for name in own if tensors[name].shape != own[name].shape]
    model_files.refuse_mismatched(folder, wrong, shape=list)
    model_files.refuse_unexpected(folder, tensors.keys() - own.keys())
    model.load_state_dict(tensors, assign=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """open_clip would warn, on the root logger, of random weights."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
