"""Hugging Face CLIPModel folders: OpenAI CLIP, PubMedCLIP, XrayCLIP, the demo, and fine-tunes of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from nast_core.errors import ModelError, TextError
from nast_core.models import allowed, hf_folder, model_files, openai_weights
from nast_core.models.allowed import Keys, Number, Width, Word
from nast_core.models.encoder import Card
from nast_core.models.hf_tokens import fast_tokens
from nast_core.models.tower import PreNormBlock, TextTower, Tokens

_LEGACY_EOS = 2  # configs written before transformers 4.31: pool at the largest id


def recognises(folder: Path) -> bool:
    return model_files.model_type(folder) == "clip"


class ClipConfig(Keys):
    """What is read of a CLIPConfig."""

    model_type: Word
    projection_dim: Width | None = None
    logit_scale_init_value: Number = 0.0
    initializer_factor: Number = 0.0
    text_config: allowed.TextTower = Field(default_factory=allowed.TextTower)
    vision_config: allowed.ImageTower = Field(default_factory=allowed.ImageTower)
    text_config_dict: allowed.TextTower | None = None  # as transformers before 4.28 wrote them, beside the others
    vision_config_dict: allowed.ImageTower | None = None


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

    @property
    def final_norm(self) -> torch.nn.LayerNorm:
        return self.model.text_model.final_layer_norm

    def project_normed(self, normed: Tensor) -> Tensor:
        return self.model.text_projection(normed)

    def project(self, pooled: Tensor) -> Tensor:
        return self.project_normed(self.final_norm(pooled))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        mask = tokens.mask.long()
        return self.model.get_text_features(input_ids=tokens.ids, attention_mask=mask).pooler_output


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> hf_folder.HuggingFaceEncoder:
    """Raises ModelError where config, weights, tokenizer or preprocessing are missing or do not fit."""
    read = hf_folder.read_model(CLIPModel, folder, ClipConfig, device, dtype)
    config = read.model.config
    tokenizer = hf_folder.read_tokenizer(folder, "vocab.json", "merges.txt")
    if tokenizer.eos_token_id >= config.text_config.vocab_size:
        raise ModelError(
            f"the tokenizer in {folder} has {len(tokenizer)} tokens and the model embeds only "
            f"{config.text_config.vocab_size}; copy the tokenizer that came with these weights into it"
        )
    processor = hf_folder.image_processor(folder)
    size = hf_folder.image_side(folder, processor, config.vision_config.image_size)
    text = HuggingFaceTextTower(read.model, tokenizer)
    warnings = (*_warnings(config.text_config, tokenizer), *_activation_warnings(read, config))
    return hf_folder.finish(read, text, tokenizer, processor, size, card=card, dtype=dtype, warnings=warnings)


def _warnings(config: CLIPTextConfig, tokenizer) -> Iterator[str]:
    if len(tokenizer) > config.vocab_size:
        yield (
            f"the tokenizer has {len(tokenizer)} tokens but the model embeds only {config.vocab_size}: files of two "
            "models?"
        )
    if config.eos_token_id not in (_LEGACY_EOS, tokenizer.eos_token_id):
        yield (
            f"config pools at token id {config.eos_token_id}, the tokenizer ends texts with {tokenizer.eos_token_id}"
        )


def _activation_warnings(read: hf_folder.Read, config: CLIPConfig) -> tuple[str, ...]:
    return openai_weights.check_activation(
        read.weights,
        [config.text_config.hidden_act, config.vision_config.hidden_act],
        vocabulary=config.text_config.vocab_size,
        probe="text_model.encoder.layers.0.mlp.fc1.weight",
        remedy='set "hidden_act": "quick_gelu" in the text_config and the vision_config of config.json',
    )
