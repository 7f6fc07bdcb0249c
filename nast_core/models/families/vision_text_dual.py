"""Hugging Face VisionTextDualEncoderModel folders: any image model beside a BERT or RoBERTa, as fine-tunes have it."""

from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from transformers import VisionTextDualEncoderModel

from nast_core.errors import ModelError
from nast_core.models import allowed, hf_folder, model_files
from nast_core.models.allowed import Activation, Keys, Number, Rows, Share, Stages, Width, Word
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.tower import Tokens

_TOKENIZER = {
    "bert": ("vocab.txt",),
    "roberta": ("vocab.json", "merges.txt"),
}  # files, where tokenizer.json is not there


def recognises(folder: Path) -> bool:
    return model_files.model_type(folder) == "vision-text-dual-encoder"


class _Text(allowed.Bert):
    model_type: Literal["bert", "roberta"]


class _Image(allowed.Swin):
    """Of the image models that transformers has, those that are a tower of numbers: no wrapper around another
    library's."""

    model_type: Literal[
        "vit",
        "deit",
        "beit",
        "clip_vision_model",
        "siglip_vision_model",
        "dinov2",
        "swin",
        "swinv2",
        "convnext",
        "convnextv2",
        "resnet",
    ]
    pooler_output_size: Width | None = None
    pooler_act: Activation = "tanh"
    mask_ratio: Share = 0.0
    use_mask_token: bool = False
    use_absolute_position_embeddings: bool = False
    use_relative_position_bias: bool = False
    use_shared_relative_position_bias: bool = False
    use_mean_pooling: bool = True
    layer_scale_init_value: Number = 0.0
    layerscale_value: Number = 0.0
    use_swiglu_ffn: bool = False
    vision_use_head: bool = True
    num_stages: Annotated[int, Field(ge=1, le=8)] = 1
    hidden_sizes: Stages = Field(default_factory=list)
    embedding_size: Width = 1
    layer_type: Literal["basic", "bottleneck"] = "bottleneck"
    downsample_in_first_stage: bool = False
    downsample_in_bottleneck: bool = False
    vocab_size: Rows = 1  # BEiT's visual words


class DualConfig(Keys):
    """What is read of a VisionTextDualEncoderConfig."""

    model_type: Word
    projection_dim: Width = 1
    logit_scale_init_value: Number = 0.0
    text_config: _Text
    vision_config: _Image


class DualBertTextTower(BertTextTower):
    lora_targets = rf"text_model\.{BertTextTower.lora_targets.removeprefix('.*')}"  # image towers have such names too
    pooling = "last state of the first token, through the pooler's dense layer and tanh"

    def __init__(self, model: VisionTextDualEncoderModel, tokenizer):
        config = model.config.text_config
        length = config.max_position_embeddings
        if config.model_type == "roberta":
            length -= config.pad_token_id + 1  # its positions start after the padding id
        super().__init__(model.text_model, tokenizer, context_length=length, dim=model.text_projection.out_features)
        self.model = model

    def project(self, pooled: Tensor) -> Tensor:
        pooler = self.bert.pooler
        return self.model.text_projection(pooler.activation(pooler.dense(pooled)))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        mask = tokens.mask.long()
        return self.model.get_text_features(input_ids=tokens.ids, attention_mask=mask).pooler_output


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> hf_folder.HuggingFaceEncoder:
    """Raises ModelError: another text model, or config, weights, tokenizer or preprocessing missing or not fitting."""
    text_config = model_files.read_json(folder / "config.json").get("text_config")
    kind = text_config.get("model_type") if isinstance(text_config, dict) else None
    if kind not in _TOKENIZER:
        raise ModelError(
            f"{folder}/config.json has a text model of type {kind!r}; of VisionTextDualEncoderModels those with a "
            f"{' or '.join(_TOKENIZER)} can be loaded"
        )
    read = hf_folder.read_model(VisionTextDualEncoderModel, folder, DualConfig, device, dtype)
    has_config = (folder / "tokenizer_config.json").exists()
    # without tokenizer_config.json transformers does not look into the text model for the class
    tokenizer = hf_folder.read_tokenizer(folder, *_TOKENIZER[kind], tokenizer_type=None if has_config else kind)
    check_vocabulary(folder, tokenizer, read.model.config.text_config.vocab_size)
    processor, vision = hf_folder.image_processor(folder), read.model.config.vision_config
    size = hf_folder.image_side(folder, processor, getattr(vision, "image_size", None))
    text = DualBertTextTower(read.model, tokenizer)
    shape = f"{kind}, {text.n_layers} layers x {text.n_heads} heads, width {text.width}, bidirectional"
    rows = {"Text tower": shape}
    return hf_folder.finish(read, text, tokenizer, processor, size, card=card, dtype=dtype, rows=rows)
