"""A Hugging Face folder: read strictly, its tokenizer and image processor, and the finished encoder.

What the families of transformers' dual encoders share; each adds its text tower and what is special to it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.overrides import TorchFunctionMode
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedModel
from transformers.utils import logging as transformers_logging

from nast_core.errors import ModelError
from nast_core.models import model_files, weights
from nast_core.models.allowed import Keys, taken
from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.staged import PREPROCESSOR, PROCESSOR, from_library, preprocessor_config, staged, tokenizer_files
from nast_core.models.tower import TextTower

transformers_logging.disable_progress_bar()  # a load of a second or two; the app and the command show their own

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_LAYER = re.compile(r"(.*\.(?:layers?|blocks|resblocks)\.)(\d+)\.")


@dataclass(frozen=True)
class Read:
    """A library's model with every weight from its folder, frozen."""

    model: Any
    weights: Path
    rows: Mapping[str, str]  # of the weights file, for the load report
    unused: tuple[str, ...]  # names in the file that the model did not use


class HuggingFaceEncoder(DualEncoder):
    """Any transformers model whose ``get_image_features`` has a ``pooler_output``."""

    def __init__(self, model: PreTrainedModel, processor: Any, **common):
        super().__init__(**common)
        self.model, self.processor = model, processor

    @property
    def module(self) -> torch.nn.Module:
        return self.model

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.processor(image.convert("RGB"), return_tensors="pt")["pixel_values"][0]

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.model.get_image_features(pixel_values=pixels).pooler_output


def read_model(
    library: type[PreTrainedModel], folder: Path, keys: type[Keys], device: torch.device, dtype: torch.dtype
) -> Read:
    """The library's model from its config and weights. ``keys``: those of config.json that the family reads.

    Raises ModelError: no weights; config and weights do not fit; a weight is missing, of another shape, or of a layer
    that the config leaves out.
    """
    path = weights.find_weights(folder, WEIGHTS)
    info: Mapping[str, Any] = {}
    with model_files.leading(f"{folder} could not be loaded as a Hugging Face {library.__name__}"):
        config = library.config_class.from_dict(
            taken(keys, model_files.read_json(folder / "config.json"), "config.json")
        )
        with torch.device("meta"), _NotInitialised():
            empty = library(config)
        weights.check_size(path, sum(parameter.numel() for parameter in empty.parameters()), "config.json")
        file = weights.read(path)
        if _as_stored(empty, file.tensors, dtype):
            model = _given(empty, file.tensors)
        else:
            model, info = _translated(library, config, file.tensors, dtype)
    unused = _refuse_unlike(folder, model, info)
    model.name_or_path = str(folder)  # which adapters record as their base
    return Read(model.to(device).eval().requires_grad_(False), file.path, file.rows, unused)


def _as_stored(empty: PreTrainedModel, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> bool:
    """Whether a file has all weights of a model on the meta device, and no others, as they are to be.

    Its library would only ask a thousand patterns whether a name is an old one: 0.3 s of a cold start.
    """
    own = empty.state_dict()
    return (
        own.keys() == tensors.keys()
        and all((tensors[name].shape, tensors[name].dtype) == (value.shape, value.dtype) for name, value in own.items())
        and all(parameter.dtype == dtype for parameter in empty.parameters())
        and not any(buffer.is_meta for name, buffer in empty.named_buffers() if name not in own)
    )


def _given(empty: PreTrainedModel, tensors: Mapping[str, Tensor]) -> PreTrainedModel:
    """The model with these weights, which stay where they are."""
    empty.load_state_dict(tensors, assign=True)
    empty.tie_weights()
    empty.set_attn_implementation("sdpa")
    return empty


def _translated(
    library: type[PreTrainedModel], config: Any, tensors: Mapping[str, Tensor], dtype: torch.dtype
) -> tuple[PreTrainedModel, Mapping[str, Any]]:
    """The model from weights of other names or of another precision than its own, and what its library says of them."""
    with _NotInitialised():  # what the file lacks is refused later
        return from_library(
            library,
            None,
            config=config,
            state_dict=tensors,
            attn_implementation="sdpa",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused later, with both shapes
            dtype=dtype,
        )


def _refuse_unlike(folder: Path, model: PreTrainedModel, info: Mapping[str, Any]) -> tuple[str, ...]:
    """Names in a file that a model has no use for, by its library's ``info``.
    Raises ModelError where weights do not fit."""
    model_files.refuse_mismatched(folder, info.get("mismatched_keys", ()))
    model_files.refuse_missing(folder, info.get("missing_keys", ()))
    unused = tuple(sorted(info.get("unexpected_keys", ())))
    refuse_unused_layers(folder, unused, model.state_dict())
    return unused


class _NotInitialised(TorchFunctionMode):
    """While open, modules are made without random values, and rows of numbers on the CPU.

    For either on the meta device torch imports its compiler or sympy: a second of a cold start.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return args[0] if args else named["tensor"]
        if function is torch.arange:
            named = named | {"device": "cpu"}
        return (torch.empty if function is torch.randn else function)(*args, **named)


def refuse_unused_layers(folder: Path, unused: Iterable[str], used: Iterable[str]) -> None:
    """Raises ModelError where a stack of layers was loaded in part: the config has fewer of them than the weights."""
    left_out = {(match[1], int(match[2])) for name in unused if (match := _LAYER.match(name))}
    stacks = {match[1] for name in used if (match := _LAYER.match(name))}
    for stack in sorted(stack for stack in {stack for stack, _ in left_out} if stack in stacks):
        numbers = sorted(number for name, number in left_out if name == stack)
        raise ModelError(
            f"the weights in {folder} hold {numbers[-1] + 1} layers {stack}0 to {numbers[-1]} and the config uses only "
            f"{numbers[0]} of them, which would give other embeddings; use the config that came with these weights"
        )


def read_tokenizer(folder: Path, *parts: str, **options: Any) -> Any:
    """The folder's tokenizer, from tokenizer.json or else from ``parts``; ``options`` are AutoTokenizer's.

    Raises ModelError where neither is there, or it does not load.
    """
    if not (folder / "tokenizer.json").exists() and not all((folder / part).exists() for part in parts):
        # transformers would go on with a tokenizer that knows no word
        raise ModelError(f"{folder} has no tokenizer; copy tokenizer.json, or {' and '.join(parts)}, into it")
    advice = f"the tokenizer in {folder} does not load, so copy the one that came with these weights into it"
    with model_files.leading(advice), tokenizer_files(folder, config=kind(folder)) as place:
        return from_library(AutoTokenizer, place, **options)


def image_processor(folder: Path) -> Any:
    """Raises ModelError for a folder without a preprocessor_config.json, or processor_config.json, that loads."""
    name = next((name for name in (PROCESSOR, PREPROCESSOR) if (folder / name).exists()), None)
    if name is None:
        raise ModelError(
            f"{folder} has no {PREPROCESSOR}, so image size and normalisation are unknown; copy the one that "
            "came with these weights into it"
        )
    with model_files.leading(f"{folder}/{name} does not load, so download it again"):
        configs = {PREPROCESSOR: preprocessor_config(folder), "config.json": kind(folder)}
        with staged(folder, configs) as place:
            return from_library(AutoImageProcessor, place)


def kind(folder: Path) -> dict[str, Any]:
    """Of config.json, what tells transformers which tokenizer and image processor are the model's own."""
    return {"model_type": model_files.model_type(folder)} if (folder / "config.json").exists() else {}


def image_side(folder: Path, processor: Any, expected: int | Sequence[int] | None) -> int:
    """Pixels along a side of what the processor makes. Raises ModelError where the model reads another size."""
    crops = getattr(processor, "do_center_crop", False)  # configs of models that do not crop name a crop_size too
    size = (crops and processor.crop_size) or processor.size
    expected = expected[0] if isinstance(expected, Sequence) else expected
    side: Any = size.get("height") or size.get("shortest_edge") or expected
    if expected is not None and side != expected:
        raise ModelError(
            f"{folder}/preprocessor_config.json makes images of {side} px and the model reads "
            f"{expected} px; copy the one that came with these weights into it"
        )
    return int(side)


def finish(
    read: Read,
    text: TextTower,
    tokenizer: Any,
    processor: Any,
    size: int,
    *,
    card: Card,
    dtype: torch.dtype,
    rows: Mapping[str, str] | None = None,
    warnings: tuple[str, ...] = (),
    kind: type[HuggingFaceEncoder] = HuggingFaceEncoder,
    **common: Any,
) -> HuggingFaceEncoder:
    """The encoder with its load report. ``rows`` adds to the report or says a row otherwise; ``size`` is in pixels.

    ``common``: what else DualEncoder has, such as ``logit_bias``.
    """
    model, vision = read.model, read.model.config.vision_config
    return kind(
        model,
        processor,
        card=card,
        text=text,
        report=LoadReport(
            rows={
                **read.rows,
                "Text tower": f"{text.n_layers} layers x {text.n_heads} heads, width {text.width}, "
                f"{'causal' if text.causal else 'bidirectional'}",
                "Image tower": _image_tower(vision),
                "Pooling": text.pooling,
                "Context": f"{text.context_length} tokens",
                "Preprocessing": f"{type(processor).__name__}, {size} px",
                "Image normalisation": _normalisation(processor),
                "Tokenizer": f"{type(tokenizer).__name__}, {len(tokenizer)} tokens",
                "Activation": _activation(model.config.text_config.hidden_act, getattr(vision, "hidden_act", None)),
                **(rows or {}),
            },
            unused_keys=read.unused,
            warnings=warnings,
        ),
        fingerprint=model_files.fingerprint(model),
        logit_scale=float(model.logit_scale.exp()),
        image_size=size,
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=dtype,
        **common,
    )


def _image_tower(vision: Any) -> str:
    """The image tower in words; configs of convolutional and hierarchical towers lack some of the numbers."""
    sizes = {
        "layers": getattr(vision, "num_hidden_layers", None),
        "heads": getattr(vision, "num_attention_heads", None),
        "width": getattr(vision, "hidden_size", None),
        "patch": getattr(vision, "patch_size", None),
    }
    stack = " x ".join(f"{sizes[name]} {name}" for name in ("layers", "heads") if isinstance(sizes[name], int))
    rest = [f"{name} {sizes[name]}" for name in ("width", "patch") if sizes[name] is not None]
    name = "ViT" if "lip" in vision.model_type else vision.model_type  # CLIP, SigLIP and their kin
    return ", ".join([name, *([stack] if stack else []), *rest])


def _normalisation(processor: Any) -> str:
    if not getattr(processor, "do_normalize", True):
        return "none"
    return ", ".join(
        f"{name} {' '.join(f'{value:.3g}' for value in values)}"
        for name, values in (("mean", processor.image_mean), ("std", processor.image_std))
    )


def _activation(text: str, image: str | None) -> str:
    return text if image in (None, text) else f"{text} in the text tower, {image} in the image tower"
