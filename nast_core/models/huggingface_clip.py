"""Hugging Face CLIPModel folders: OpenAI CLIP, PubMedCLIP, XrayCLIP, the demo, and fine-tunes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel, PreTrainedModel
from transformers.models.clip.modeling_clip import CLIPEncoderLayer
from transformers.utils import logging as transformers_logging

from nast_core.errors import ModelError, TextError
from nast_core.models import files
from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.hf_tokens import fast_tokens
from nast_core.models.tower import PreNormBlock, TextTower, Tokens

transformers_logging.disable_progress_bar()  # a load of a second or two; the app and the command show their own

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
_LEGACY_EOS = 2  # configs written before transformers 4.31: pool at the largest id


def recognises(folder: Path) -> bool:
    config = folder / "config.json"
    return config.exists() and files.read_json(config).get("model_type") == "clip"


class ClipBlock(PreNormBlock):
    """One layer of transformers' CLIP; SigLIP's have the same parts by the same names."""

    def __init__(self, layer: CLIPEncoderLayer):
        self.layer = layer

    def attention_in(self, x: Tensor) -> Tensor:
        return self.layer.layer_norm1(x)

    def query(self, read: Tensor) -> Tensor:
        return self.layer.self_attn.q_proj(read)

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer.self_attn.k_proj(read), self.layer.self_attn.v_proj(read)

    def attention_out(self, z: Tensor) -> Tensor:
        return self.layer.self_attn.out_proj(z)

    def mlp(self, x: Tensor) -> Tensor:
        return self.layer.mlp(self.layer.layer_norm2(x))


class HuggingFaceTextTower(TextTower):
    causal = True
    lora_targets = r"text_model\.encoder\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|out_proj)|mlp\.(fc1|fc2))"
    pooling = "state at the end-of-text token, after the final norm"

    def __init__(self, model: CLIPModel, tokenizer):
        config = model.config.text_config
        self.model, self.tokenizer = model, tokenizer
        self.n_layers, self.n_heads = config.num_hidden_layers, config.num_attention_heads
        self.width, self.dim = config.hidden_size, model.text_projection.out_features
        self.context_length = config.max_position_embeddings
        self.eos_id: int | None = None if config.eos_token_id == _LEGACY_EOS else config.eos_token_id
        self.blocks = [ClipBlock(layer) for layer in model.text_model.encoder.layers]

    @property
    def device(self) -> torch.device:
        return self.model.device

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        return fast_tokens(self, self.tokenizer, texts, self._pooled, pad_to=pad_to)

    def _pooled(self, ids: Tensor, lengths: Tensor, texts: Sequence[str]) -> Tensor:
        if self.eos_id is None:
            return ids.argmax(-1)
        is_eos = ids == self.eos_id
        if not bool(is_eos.any(-1).all()):
            missing = texts[int((~is_eos.any(-1)).nonzero()[0])]
            raise TextError(
                f"the tokenizer put no end-of-text token (id {self.eos_id}) into {missing[:60]!r}, so the model would "
                "pool its first token; use the tokenizer files that came with these weights"
            )
        return is_eos.int().argmax(-1)

    def embed(self, tokens: Tokens) -> Tensor:
        return self.model.text_model.embeddings(input_ids=tokens.ids)

    def project(self, pooled: Tensor) -> Tensor:
        return self.model.text_projection(self.model.text_model.final_layer_norm(pooled))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        mask = tokens.mask.long()
        return self.model.get_text_features(input_ids=tokens.ids, attention_mask=mask).pooler_output


class HuggingFaceClip(DualEncoder):
    def __init__(self, model: CLIPModel, processor, **common):
        super().__init__(**common)
        self.model, self.processor = model, processor

    @property
    def module(self) -> torch.nn.Module:
        return self.model

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.processor(image.convert("RGB"), return_tensors="pt")["pixel_values"][0]

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.model.get_image_features(pixel_values=pixels).pooler_output


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> HuggingFaceClip:
    """Raises ModelError where config, weights, tokenizer or preprocessing are missing or do not fit."""
    weights = files.find_weights(folder, WEIGHTS)
    model, unused = read_model(CLIPModel, folder, device, dtype)
    tokenizer = _tokenizer(folder)
    rows = model.config.text_config.vocab_size
    if tokenizer.eos_token_id >= rows:
        raise ModelError(
            f"the tokenizer in {folder} has {len(tokenizer)} tokens and the model embeds only {rows}; "
            "copy the tokenizer that came with these weights into it"
        )
    processor = image_processor(folder)
    text = HuggingFaceTextTower(model, tokenizer)
    image_size = image_side(folder, processor, model.config.vision_config.image_size)
    warnings = _warnings(model, tokenizer)
    return HuggingFaceClip(
        model,
        processor,
        card=card,
        text=text,
        report=LoadReport(
            rows={
                "Weights file": weights.name,
                "Text tower": f"{text.n_layers} layers x {text.n_heads} heads, width {text.width}, causal",
                "Image tower": f"ViT, {model.config.vision_config.num_hidden_layers} layers, "
                f"patch {model.config.vision_config.patch_size}",
                "Pooling": text.pooling,
                "Context": f"{text.context_length} tokens",
                "Preprocessing": f"{type(processor).__name__}, {image_size} px",
                "Tokenizer": f"{type(tokenizer).__name__}, {len(tokenizer)} tokens",
                "Activation": model.config.text_config.hidden_act,
            },
            unused_keys=unused,
            warnings=warnings,
        ),
        fingerprint=files.fingerprint(model),
        logit_scale=float(model.logit_scale.exp()),
        image_size=image_size,
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=dtype,
    )


def read_model(
    library: type[PreTrainedModel], folder: Path, device: torch.device, dtype: torch.dtype
) -> tuple[Any, tuple[str, ...]]:
    """(the library's model, frozen, with every weight from the folder; names in the file that it did not use).

    Raises ModelError: config and weights do not fit, a weight is missing or has another shape.
    """
    with files.refusing(f"{folder} could not be loaded as a Hugging Face {library.__name__}"):
        model, info = library.from_pretrained(
            folder,
            attn_implementation="sdpa",
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, with both shapes
            local_files_only=True,
            dtype=dtype,
        )
    files.refuse_mismatched(folder, info["mismatched_keys"])
    files.refuse_missing(folder, info["missing_keys"])
    return model.to(device).eval().requires_grad_(False), tuple(sorted(info["unexpected_keys"]))


def _tokenizer(folder: Path):
    whole = (folder / "tokenizer.json").exists()
    if not whole and not all((folder / part).exists() for part in ("vocab.json", "merges.txt")):
        # transformers would go on with a tokenizer that knows no word
        raise ModelError(f"{folder} has no tokenizer; copy tokenizer.json, or vocab.json and merges.txt, into it")
    with files.refusing(
        f"the tokenizer in {folder} does not load, so copy the one that came with these weights into it"
    ):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def image_processor(folder: Path):
    """Raises ModelError for a folder without a preprocessor_config.json that loads."""
    if not (folder / "preprocessor_config.json").exists():
        raise ModelError(
            f"{folder} has no preprocessor_config.json, so image size and normalisation are unknown; copy the one that "
            "came with these weights into it"
        )
    with files.refusing(f"{folder}/preprocessor_config.json does not load, so download it again"):
        return AutoImageProcessor.from_pretrained(folder, local_files_only=True)


def image_side(folder: Path, processor, expected: int | Sequence[int] | None) -> int:
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


def _warnings(model: CLIPModel, tokenizer) -> tuple[str, ...]:
    warnings = []
    rows = model.config.text_config.vocab_size
    if len(tokenizer) > rows:
        warnings.append(
            f"the tokenizer has {len(tokenizer)} tokens but the model embeds only {rows}: files of two models?"
        )
    eos = model.config.text_config.eos_token_id
    if eos not in (_LEGACY_EOS, tokenizer.eos_token_id):
        warnings.append(f"config pools at token id {eos}, the tokenizer ends texts with {tokenizer.eos_token_id}")
    return tuple(warnings)
