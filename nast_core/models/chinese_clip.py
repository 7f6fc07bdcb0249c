"""Hugging Face ChineseCLIPModel folders: a BERT beside CLIP's own ViT, as OFA-Sys published it, and its fine-tunes."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, ChineseCLIPModel

from nast_core.errors import ModelError
from nast_core.models import files
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card, LoadReport
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.huggingface_clip import WEIGHTS, HuggingFaceClip, image_processor, image_side, read_model
from nast_core.models.tower import Tokens


def recognises(folder: Path) -> bool:
    config = folder / "config.json"
    return config.exists() and files.read_json(config).get("model_type") == "chinese_clip"


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


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> HuggingFaceClip:
    """Raises ModelError where config, weights, tokenizer or preprocessing are missing or do not fit."""
    weights = files.find_weights(folder, WEIGHTS)
    model, unused = read_model(ChineseCLIPModel, folder, device, dtype)
    tokenizer = _tokenizer(folder)
    check_vocabulary(folder, tokenizer, model.config.text_config.vocab_size)
    processor, vision = image_processor(folder), model.config.vision_config
    size = image_side(folder, processor, vision.image_size)
    text = ChineseClipTextTower(model, tokenizer)
    return HuggingFaceClip(
        model,
        processor,
        card=card,
        text=text,
        report=LoadReport(
            rows={
                "Weights file": weights.name,
                "Text tower": f"BERT, {text.n_layers} layers x {text.n_heads} heads, width {text.width}, bidirectional",
                "Image tower": f"ViT, {vision.num_hidden_layers} layers, patch {vision.patch_size}",
                "Pooling": text.pooling,
                "Context": f"{text.context_length} tokens",
                "Preprocessing": f"{type(processor).__name__}, {size} px",
                "Tokenizer": f"{type(tokenizer).__name__}, {len(tokenizer)} tokens",
                "Activation": model.config.text_config.hidden_act,
            },
            unused_keys=unused,
        ),
        fingerprint=files.fingerprint(model),
        logit_scale=float(model.logit_scale.exp()),
        image_size=size,
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=dtype,
    )


def _tokenizer(folder: Path):
    if not any((folder / name).exists() for name in ("tokenizer.json", "vocab.txt")):
        # transformers would go on with a tokenizer that knows no word
        raise ModelError(f"{folder} has no tokenizer; copy tokenizer.json, or vocab.txt, into it")
    with files.refusing(
        f"the tokenizer in {folder} does not load, so copy the one that came with these weights into it"
    ):
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
