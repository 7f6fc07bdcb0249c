"""open_clip's models filled straight from their file: no random weights are drawn, and no weight is held twice."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import open_clip
from open_clip.factory import load_checkpoint
from PIL import Image
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

Made: TypeAlias = tuple[Any, Callable[[Image.Image], Tensor]]  # open_clip's model and its image transform

_valueless: ContextVar[bool] = ContextVar("valueless", default=False)  # of this thread: others may build models too


def _without_value(module: nn.Module, name: str, parameter: nn.Parameter) -> Any:
    if _valueless.get() and not parameter.is_meta:
        return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)
    return None  # as it was


# once and for good: a hook that comes and goes would break another thread's walk over the hooks
register_module_parameter_registration_hook(_without_value)


def build(folder: Path, **options: Any) -> Made:
    """The model that ``folder``'s config describes, before its weights: parameters need have no value, buffers do.

    Masks and position ids are in no file, so every buffer is as open_clip computes it. ``options`` are open_clip's own
    for the model. Raises what open_clip does for a config that makes none.
    """
    token = _valueless.set(True)
    try:
        made = _made(folder, options)
    except Exception:  # a tower that runs itself while it is built (ViTamin, MobileCLIP-B); any other error comes again
        made = None
    finally:
        _valueless.reset(token)
    if made is None or any(buffer.is_meta for buffer in made[0].buffers()):  # Swin's masks follow its parameters there
        return _made(folder, options)
    return made


def _made(folder: Path, options: dict[str, Any]) -> Made:
    name, nowhere = f"local-dir:{folder}", None  # to name even the right device is to move what has no value
    with _quiet():
        model, _, transform = open_clip.create_model_and_transforms(name, load_weights=False, device=nowhere, **options)
    return model, transform


def fill(model: Any, weights: Path) -> None:
    """Gives a built model the tensors of ``weights`` themselves, under the names that open_clip reads them by.

    Raises what open_clip does for a name that is missing or unexpected, and for another shape. Those of a safetensors
    file stay in the file until they are read, and are never written back; so a file that is in use must be replaced, not
    overwritten (the same holds for what transformers loads).
    """
    model.load_state_dict = partial(model.load_state_dict, assign=True)  # open_clip would copy
    try:
        load_checkpoint(model, str(weights))
    finally:
        del model.load_state_dict


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
