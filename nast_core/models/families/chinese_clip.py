"""Hugging Face ChineseCLIPModel folders: a BERT beside CLIP's own ViT, as OFA-Sys published it, and its fine-tunes."""

from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor
from transformers import ChineseCLIPModel

from nast_core.models import allowed, hf_folder, model_files
from nast_core.models.allowed import Keys, Number, Width, Word
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.tower import Tokens


def recognises(folder: Path) -> bool:
    return model_files.model_type(folder) == "chinese_clip"


class ChineseConfig(Keys):
    """What is read of a ChineseCLIPConfig."""

    model_type: Word
    projection_dim: Width | None = None
    logit_scale_init_value: Number = 0.0
    initializer_factor: Number = 0.0
    initializer_range: Number = 0.0
    text_config: allowed.Bert = Field(default_factory=allowed.Bert)
    vision_config: allowed.ImageTower = Field(default_factory=allowed.ImageTower)
    text_config_dict: allowed.Bert | None = None
    vision_config_dict: allowed.ImageTower | None = None


class ChineseClipTextTower(BertTextTower):
    lora_targets = rf"text_model\.{BertTextTower.lora_targets.removeprefix('.*')}"

    def __init__(self, model: ChineseCLIPModel, tokenizer):
        length = model.config.text_config.max_position_embeddings
        super().__init__(model.text_model, tokenizer, context_length=length, dim=model.text_projection.out_features)
        self.model = model

    def project(self, pooled: Tensor) -> Tensor:
        return self.model.text_projection(pooled)

    def library_embedding(self, tokens: Tokens) -> Tensor:
        mask = tokens.mask.long()
        return self.model.get_text_features(input_ids=tokens.ids, attention_mask=mask).pooler_output


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> hf_folder.HuggingFaceEncoder:
    """Raises ModelError where config, weights, tokenizer or preprocessing are missing or do not fit."""
    read = hf_folder.read_model(ChineseCLIPModel, folder, ChineseConfig, device, dtype)
    tokenizer = hf_folder.read_tokenizer(folder, "vocab.txt")
    check_vocabulary(folder, tokenizer, read.model.config.text_config.vocab_size)
    processor = hf_folder.image_processor(folder)
    size = hf_folder.image_side(folder, processor, read.model.config.vision_config.image_size)
    text = ChineseClipTextTower(read.model, tokenizer)
    return hf_folder.finish(read, text, tokenizer, processor, size, card=card, dtype=dtype)
