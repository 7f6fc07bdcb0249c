"""Hugging Face VisionTextDualEncoderModel folders: any image model beside a BERT or RoBERTa, as fine-tunes have it."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, VisionTextDualEncoderModel

from nast_core.errors import ModelError
from nast_core.models import files
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card, LoadReport
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.huggingface_clip import WEIGHTS, HuggingFaceClip, image_processor, image_side, read_model
from nast_core.models.tower import Tokens

_TOKENIZER = {
    "bert": ("vocab.txt",),
    "roberta": ("vocab.json", "merges.txt"),
}  # files, where tokenizer.json is not there


def recognises(folder: Path) -> bool:
    config = folder / "config.json"
    return config.exists() and files.read_json(config).get("model_type") == "vision-text-dual-encoder"


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


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> HuggingFaceClip:
    """Raises ModelError: another text model, or config, weights, tokenizer or preprocessing missing or not fitting."""
    text_config = files.read_json(folder / "config.json").get("text_config")
    kind = text_config.get("model_type") if isinstance(text_config, dict) else None
    if kind not in _TOKENIZER:
        raise ModelError(
            f"{folder}/config.json has a text model of type {kind!r}; of VisionTextDualEncoderModels those with a "
            f"{' or '.join(_TOKENIZER)} can be loaded"
        )
    weights = files.find_weights(folder, WEIGHTS)
    model, unused = read_model(VisionTextDualEncoderModel, folder, device, dtype)
    tokenizer = _tokenizer(folder, kind)
    check_vocabulary(folder, tokenizer, model.config.text_config.vocab_size)
    processor, vision = image_processor(folder), model.config.vision_config
    size = image_side(folder, processor, getattr(vision, "image_size", None))
    text = DualBertTextTower(model, tokenizer)
    return HuggingFaceClip(
        model,
        processor,
        card=card,
        text=text,
        report=LoadReport(
            rows={
                "Weights file": weights.name,
                "Text tower": f"{kind}, {text.n_layers} layers x {text.n_heads} heads, width {text.width}, bidirectional",
                "Image tower": f"{vision.model_type}, patch {getattr(vision, 'patch_size', 'none')}",
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


def _tokenizer(folder: Path, kind: str):
    if not (folder / "tokenizer.json").exists() and not all((folder / part).exists() for part in _TOKENIZER[kind]):
        parts = " and ".join(_TOKENIZER[kind])
        raise ModelError(f"{folder} has no tokenizer; copy tokenizer.json, or {parts}, into it")
    named = (folder / "tokenizer_config.json").exists()
    with files.refusing(
        f"the tokenizer in {folder} does not load, so copy the one that came with these weights into it"
    ):
        # without tokenizer_config.json transformers does not look into the text model for the class
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, tokenizer_type=None if named else kind)
