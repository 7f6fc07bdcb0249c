"""Hugging Face SiglipModel and Siglip2Model folders: MedSigLIP, XraySigLIP, SigLIP 2 and fine-tunes of them.

Two things differ from CLIP. The text tower sees the whole padded row, padding included, and reads its last position;
so every text is padded to the full context and no mask is given. And a Siglip2Model's images keep their aspect ratio
(NaFlex): what it reads is a row of patches and the shape of their grid. SigLIP 2 at a fixed size is a SiglipModel.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from PIL import Image
from pydantic import Field
from torch import Tensor
from transformers import Siglip2ImageProcessor, Siglip2Model, SiglipModel

from nast_core.errors import ModelError, TextError
from nast_core.files.gate import shown
from nast_core.models import allowed, hf_folder, model_files
from nast_core.models.allowed import Keys, Number, Width, Word
from nast_core.models.encoder import Card
from nast_core.models.families.huggingface_clip import ClipBlock, HuggingFaceTextTower
from nast_core.models.hf_folder import HuggingFaceEncoder
from nast_core.models.hf_tokens import check_vocabulary, fast_tokens, last_position, trim_span
from nast_core.models.siglip_tokens import Canonical, read_tokenizer
from nast_core.models.tower import TextTower, Tokens

_LIBRARY = {"siglip": SiglipModel, "siglip2": Siglip2Model}
_TOKENIZER = {"siglip": "SiglipTokenizer", "siglip2": "Siglip2Tokenizer"}


def recognises(folder: Path) -> bool:
    return model_files.model_type(folder) in _LIBRARY


class _Text(allowed.TextTower):
    projection_size: Width | None = None


class _Image(allowed.ImageTower):
    vision_use_head: Literal[True] = True
    num_patches: Annotated[int, Field(ge=1, le=65_536)] = 1


class SiglipConfig(Keys):
    """What is read of a SiglipConfig or a Siglip2Config."""

    model_type: Word
    initializer_factor: Number = 0.0
    text_config: _Text = Field(default_factory=_Text)
    vision_config: _Image = Field(default_factory=_Image)


class SiglipTextTower(TextTower):
    causal = False
    padding = "fixed"
    lora_targets = HuggingFaceTextTower.lora_targets
    pooling = "state at the last position of the full context, padding included, after the final norm"

    def __init__(self, model: SiglipModel | Siglip2Model, tokenizer, prepare: Canonical):
        config = model.config.text_config
        self.model, self.tokenizer, self.prepare = model, tokenizer, prepare
        self.n_layers, self.n_heads = config.num_hidden_layers, config.num_attention_heads
        self.width, self.dim = config.hidden_size, model.text_model.head.out_features
        self.context_length = config.max_position_embeddings
        self.blocks = [ClipBlock(layer) for layer in model.text_model.encoder.layers]

    @property
    def device(self) -> torch.device:
        return self.model.device

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """As TextTower says, but always padded to the full context; the texts held are those the tokenizer read."""
        self.check_texts(texts)
        read = [self.prepare(text) for text in texts]
        if not all(read):
            raise TextError(
                f"nothing is left of {shown(texts[read.index('')])!r} without its punctuation; write a sentence"
            )
        tokens = fast_tokens(self, self.tokenizer, read, last_position, pad_to=self.context_length)
        rows = zip(tokens.texts, tokens.offsets, strict=True)
        return replace(tokens, offsets=tuple(tuple(trim_span(text, *span) for span in spans) for text, spans in rows))

    def embed(self, tokens: Tokens) -> Tensor:
        return self.model.text_model.embeddings(input_ids=tokens.ids)

    @property
    def final_norm(self) -> torch.nn.LayerNorm:
        return self.model.text_model.final_layer_norm

    def project_normed(self, normed: Tensor) -> Tensor:
        return self.model.text_model.head(normed)

    def project(self, pooled: Tensor) -> Tensor:
        return self.project_normed(self.final_norm(pooled))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        return self.model.get_text_features(input_ids=tokens.ids).pooler_output


class NaflexSiglip(HuggingFaceEncoder):
    """Siglip2Model. The grid's height and width travel as two more values of every patch, so that images stack."""

    def preprocess(self, image: Image.Image) -> Float[Tensor, "1 patch feature"]:
        inputs = self.processor(image.convert("RGB"), return_tensors="pt")
        patches, grid = inputs["pixel_values"], inputs["spatial_shapes"]
        return torch.cat([patches, grid[:, None].expand(-1, patches.shape[1], -1).to(patches)], -1)

    def encode_pixels(self, pixels: Float[Tensor, "image 1 patch feature"]) -> Tensor:
        patches, grid = pixels[:, 0, :, :-2], pixels[:, 0, 0, -2:].long()
        real = torch.arange(patches.shape[1], device=pixels.device) < grid.prod(-1, keepdim=True)
        output = self.model.get_image_features(pixel_values=patches, pixel_attention_mask=real, spatial_shapes=grid)
        return output.pooler_output


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> HuggingFaceEncoder:
    """Raises ModelError where config, weights, tokenizer or preprocessing are missing or do not fit."""
    kind = str(model_files.model_type(folder))
    read = hf_folder.read_model(_LIBRARY[kind], folder, SiglipConfig, device, dtype)
    tokenizer, prepare = read_tokenizer(folder, _TOKENIZER[kind])
    check_vocabulary(folder, tokenizer, read.model.config.text_config.vocab_size)
    processor, vision = hf_folder.image_processor(folder), read.model.config.vision_config
    text = SiglipTextTower(read.model, tokenizer, prepare)
    rows = {"Context": f"{text.context_length} tokens, always filled with padding"}
    if naflex := kind == "siglip2":
        size = _naflex_side(folder, processor, vision.patch_size)
        rows["Preprocessing"] = f"{type(processor).__name__}, {size} px, aspect ratio kept"
    else:
        size = hf_folder.image_side(folder, processor, vision.image_size)
    return hf_folder.finish(
        read,
        text,
        tokenizer,
        processor,
        size,
        card=card,
        dtype=dtype,
        rows=rows,
        kind=NaflexSiglip if naflex else HuggingFaceEncoder,
        logit_bias=float(read.model.logit_bias),
    )


def _naflex_side(folder: Path, processor, patch: int) -> int:
    """Side of the largest square image, in pixels."""
    if not isinstance(processor, Siglip2ImageProcessor) or processor.patch_size != patch:
        raise ModelError(
            f"{folder}/preprocessor_config.json does not cut images into the patches of {patch} px that a Siglip2Model "
            "reads; copy the one that came with these weights into it"
        )
    return isqrt(processor.max_num_patches) * patch
