"""BERT and RoBERTa text towers, as several families hold them: blocks, embedding and tokens, once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from nast_core.models.hf_tokens import Pool, fast_tokens, first_token
from nast_core.models.tower import PostNormBlock, TextTower, Tokens


class BertBlock(PostNormBlock):
    """One layer of transformers' BertModel or RobertaModel."""

    def __init__(self, layer: Any):
        self.layer = layer
        self.attention_norm, self.mlp_norm = layer.attention.output.LayerNorm, layer.output.LayerNorm

    def query(self, read: Tensor) -> Tensor:
        return self.layer.attention.self.query(read)

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        attention = self.layer.attention.self
        return attention.key(read), attention.value(read)

    def attention_out(self, z: Tensor) -> Tensor:
        return self.layer.attention.output.dense(z)

    def mlp(self, x: Tensor) -> Tensor:
        return self.layer.output.dense(self.layer.intermediate(x))


class BertTextTower(TextTower):
    """Bidirectional, post-norm. Subclasses say how the pooled state is projected and what the library's call is."""

    causal = False
    lora_targets = (
        r".*encoder\.layer\.\d+\."
        r"(attention\.self\.(query|key|value)|attention\.output\.dense|(intermediate|output)\.dense)"
    )
    pooling = "last state of the first token ([CLS])"
    pool: Pool = staticmethod(first_token)

    def __init__(self, bert: PreTrainedModel, tokenizer, *, context_length: int, dim: int):
        self.bert, self.tokenizer = bert, tokenizer
        config = bert.config
        self.n_layers, self.n_heads = config.num_hidden_layers, config.num_attention_heads
        self.width, self.dim, self.context_length = config.hidden_size, dim, context_length
        self.blocks = [BertBlock(layer) for layer in bert.encoder.layer]

    @property
    def device(self) -> torch.device:
        return self.bert.device

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        return fast_tokens(self, self.tokenizer, texts, self.pool, pad_to=pad_to)

    def embed(self, tokens: Tokens) -> Tensor:
        return self.bert.embeddings(input_ids=tokens.ids)
