"""An open_clip ``local-dir:`` folder: what its config says, and the encoder that open_clip makes of it."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer, SimpleTokenizer
from PIL import Image
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models import model_files, weights
from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.hf_folder import kind
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.open_clip_config import CONFIG, least_weights, model_config, whole_config
from nast_core.models.open_clip_weights import build, fill
from nast_core.models.staged import staged, tokenizer_files
from nast_core.models.tower import TextTower

WEIGHTS = (  # in the order open_clip itself looks
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
_VOCABULARIES = (("tokenizer.json",), ("vocab.txt",), ("vocab.json", "merges.txt"), ("spiece.model",))

Kind = Literal["plain", "custom", "hugging face"]  # of text tower
Tokenizer: TypeAlias = SimpleTokenizer | HFTokenizer


def text_kind(folder: Path) -> Kind | None:
    """Which module reads the texts; None for a folder of another layout.

    plain: OpenAI's causal tower and tokenizer, pooled at the largest id. custom: open_clip's own tower otherwise.
    """
    if not os.path.lexists(folder / CONFIG):
        return None
    model = model_config(folder)
    text = model["text_cfg"]
    if text.get("hf_model_name"):
        return "hugging face"
    own = model.get("custom_text") or "multimodal_cfg" in model or text.get("hf_tokenizer_name")
    otherwise = text.get("no_causal_mask") or text.get("embed_cls") or text.get("pool_type", "argmax") != "argmax"
    return "custom" if own or otherwise else "plain"


class OpenClip(DualEncoder):
    def __init__(self, model: Any, transform: Callable[[Image.Image], Tensor], **common):
        super().__init__(**common)
        self.model, self.transform = model, transform

    @property
    def module(self) -> torch.nn.Module:
        return self.model

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.transform(image.convert("RGB"))

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.model.encode_image(pixels, normalize=False)  # CoCa's default is True


def load_folder(
    folder: Path,
    card: Card,
    device: torch.device,
    dtype: torch.dtype,
    tower: Callable[[Any, Any], TextTower],
    *,
    path: Path | None = None,
    bert: Mapping[str, Any] | None = None,
    force_custom_text: bool = False,
    renamed: Callable[[str], str] = str,
    warnings: tuple[str, ...] = (),
) -> OpenClip:
    """What every open_clip family shares.

    ``path``: the weights, by default the file that open_clip itself would load. ``bert``: the checked config of a
    Hugging Face text tower. ``force_custom_text`` is open_clip's own. ``renamed``: a name in the file as open_clip has
    it.

    Raises ModelError where config, weights or tokenizer are missing or do not fit one another.
    """
    path = path or weights.find_weights(folder, WEIGHTS)
    content = whole_config(folder)
    config = content["model_cfg"]
    _check_vocabulary(folder, config)
    if bert is None and not isinstance(context := config["text_cfg"].get("context_length", 1), int):
        raise ModelError(f"the config in {folder} has context_length {context!r}, which is no number of tokens")
    with model_files.leading(f"{folder} could not be loaded by open_clip; weights and config must be of one model"):
        weights.check_size(path, least_weights(config), CONFIG)
        file = weights.read(path)
        tensors = {renamed(name): tensor for name, tensor in file.tensors.items()}
        with staged(folder, {CONFIG: content, **({"config.json": bert} if bert else {})}) as place:
            model, transform = build(
                place, _room(path), force_custom_text=force_custom_text, **_bert_options(place, config, bert)
            )
        mismatched = list(_resized(model, tensors))
    model_files.refuse_mismatched(folder, mismatched)
    with model_files.leading(f"{folder} could not be loaded by open_clip; weights and config must be of one model"):
        fill(model, tensors, folder)
    tokenizer = _tokenizer(folder, config)
    reader = model.text if hasattr(model, "text") else model
    _check_tokenizer(folder, tokenizer, reader.vocab_size)
    model = model.to(device=device, dtype=dtype).eval().requires_grad_(False)
    text = tower(model, tokenizer)
    size = model.visual.image_size
    image_size = int(size[0] if isinstance(size, tuple) else size)
    return OpenClip(
        model,
        transform,
        card=card,
        text=text,
        report=LoadReport(
            rows={**file.rows, **_description(model, text, tokenizer, config, image_size)},
            warnings=warnings,
        ),
        fingerprint=model_files.fingerprint(model),
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=float(model.logit_bias) if model.logit_bias is not None else 0.0,
        image_size=image_size,
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=dtype,
    )


def _description(
    model: Any, text: TextTower, tokenizer: Any, config: Mapping[str, Any], image_size: int
) -> dict[str, str]:
    """Rows of the load report that the model itself tells."""
    vision = config["vision_cfg"]
    return {
        "Text tower": f"{text.n_layers} layers x {text.n_heads} heads, width {text.width}, "
        f"{'causal' if text.causal else 'bidirectional'}",
        "Image tower": str(vision.get("timm_model_name") or f"ViT, patch {vision.get('patch_size', 'none')}"),
        "Pooling": text.pooling,
        "Context": f"{text.context_length} tokens",
        "Preprocessing": f"open_clip transform, {image_size} px",
        "Image normalisation": _normalisation(model.visual.preprocess_cfg),
        "Tokenizer": _tokenizer_name(tokenizer),
        "Activation": "quick_gelu" if config.get("quick_gelu") else "gelu",
    }


def _room(path: Path) -> Callable[[int, str], None]:
    return lambda wanted, described: weights.check_size(path, wanted, described)


def _bert_options(place: Path, config: Mapping[str, Any], bert: Mapping[str, Any] | None) -> dict[str, Any]:
    """open_clip's own options, where the text tower's config lies in ``place``."""
    if bert is None:
        return {}
    return {"text_cfg": {**config["text_cfg"], "hf_model_name": str(place), "hf_model_pretrained": False}}


def _tokenizer(folder: Path, config: Mapping[str, Any]) -> Tokenizer:
    """open_clip's own tokenizer, or the folder's. Raises ModelError for one that does not load."""
    text = config["text_cfg"]
    options = {"context_length": text.get("context_length", DEFAULT_CONTEXT_LENGTH)} | (
        text.get("tokenizer_kwargs") or {}
    )
    with model_files.leading(
        f"the tokenizer in {folder} does not load, so copy the one that came with these weights there"
    ):
        if not text.get("hf_tokenizer_name"):
            return SimpleTokenizer(**options)
        options.setdefault("tokenizer_mode", text.get("tokenizer_mode"))
        with tokenizer_files(folder, config=kind(folder)) as place:
            # open_clip hands what it does not know on to transformers
            return HFTokenizer(str(place), trust_remote_code=False, local_files_only=True, **options)


def _resized(
    model: torch.nn.Module, stored: Mapping[str, Tensor]
) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Position tables of another length than the config's, which open_clip interpolates without a word."""
    own = model.state_dict()
    for name in ("positional_embedding", "visual.positional_embedding", "text.positional_embedding"):
        tensor, expected = stored.get(name), own.get(name, own.get(f"text.{name}"))
        if tensor is not None and expected is not None and tensor.shape != expected.shape:
            yield name, tuple(tensor.shape), tuple(expected.shape)


def _check_vocabulary(folder: Path, config: dict[str, Any]) -> None:
    if not config["text_cfg"].get("hf_tokenizer_name"):
        return  # open_clip brings its own
    if not any(all((folder / part).exists() for part in parts) for parts in _VOCABULARIES):
        # transformers would go on with a tokenizer that knows no word
        names = ", ".join(" with ".join(parts) for parts in _VOCABULARIES)
        raise ModelError(f"{folder} has no tokenizer; copy the text encoder's into it (one of: {names})")


def _check_tokenizer(folder: Path, tokenizer: Tokenizer, rows: int) -> None:
    """Raises ModelError for ids that the model has no embedding for, and for ways of encoding that lose the text."""
    if isinstance(tokenizer, SimpleTokenizer):
        lossy = tokenizer.reduction_fn is not None
        if tokenizer.vocab_size > rows:
            raise ModelError(
                f"the model in {folder} embeds {rows} tokens and open_clip's own tokenizer has "
                f"{tokenizer.vocab_size}; copy the model's tokenizer files there, and give text_cfg in "
                "open_clip_config.json a hf_tokenizer_name"
            )
    else:
        lossy = bool(tokenizer.strip_sep_token or tokenizer.tokenizer_mode)
        if not tokenizer.tokenizer.is_fast:
            raise ModelError(f"the tokenizer in {folder} keeps no character offsets; put its tokenizer.json there")
        check_vocabulary(folder, tokenizer.tokenizer, rows)
    if lossy:
        raise ModelError(
            f"the config in {folder} has a tokenizer_mode, strip_sep_token or reduction_mask, under which tokens are "
            "moved or dropped and cannot be traced to the text"
        )


def _normalisation(preprocess: Mapping[str, Any]) -> str:
    mean, std = (", ".join(f"{value:.3g}" for value in preprocess[name]) for name in ("mean", "std"))
    return f"mean {mean}; std {std}"


def _tokenizer_name(tokenizer: Tokenizer) -> str:
    if isinstance(tokenizer, SimpleTokenizer):
        return f"open_clip SimpleTokenizer, {tokenizer.vocab_size} tokens"
    return f"{type(tokenizer.tokenizer).__name__}, {len(tokenizer.tokenizer)} tokens"
