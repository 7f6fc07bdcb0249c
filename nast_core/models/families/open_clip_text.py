"""open_clip checkpoints with open_clip's own text tower otherwise than OpenAI's: SigLIP, CoCa and their kin.

What differs: SigLIP's tower is bidirectional, sees the padding and reads the last position of the full context. CoCa
appends a class token behind the padding and reads that.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import ModelError
from nast_core.models.encoder import Card
from nast_core.models.families.open_clip_native import OpenClipTextTower
from nast_core.models.hf_tokens import fast_tokens, first_token, trim_span
from nast_core.models.open_clip_folder import OpenClip, Tokenizer, load_folder, text_kind
from nast_core.models.tower import Tokens

_POOLING = {
    "first": "state at the first position, after the final norm",
    "last": "state at the last position of the full context, padding included, after the final norm",
    "argmax": OpenClipTextTower.pooling,
    "eos": "state at the end-of-text token, after the final norm",
}


def recognises(folder: Path) -> bool:
    return text_kind(folder) == "custom"


class CustomTextTower(OpenClipTextTower):
    """The ``text`` module of open_clip's CustomTextCLIP."""

    lora_targets = r"text\." + OpenClipTextTower.lora_targets

    def __init__(self, model: Any, tokenizer: Tokenizer):
        super().__init__(model.text, tokenizer)
        self.whole = model
        self.causal = self.model.attn_mask is not None
        self.pooling = _POOLING[self.model.pool_type]
        if not self.causal or self.model.pool_type == "last":
            self.padding = "fixed"
        inner = tokenizer.tokenizer if isinstance(tokenizer, HFTokenizer) else None
        self.pad_id = (inner.pad_token_id or 0) if inner else 0

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """As TextTower says; where padding is read, always the full context. Texts are as open_clip cleans them."""
        pad_to = self.context_length if self.padding == "fixed" else pad_to
        if isinstance(self.tokenizer, SimpleTokenizer):
            tokens = super().tokenize(texts, pad_to=pad_to)
        else:
            self.check_texts(texts)
            cleaned = [self.tokenizer.clean_fn(text) for text in texts]
            tokens = fast_tokens(self, self.tokenizer.tokenizer, cleaned, first_token, pad_to=pad_to)
            spans = zip(tokens.texts, tokens.offsets, strict=True)
            tokens = replace(
                tokens, offsets=tuple(tuple(trim_span(text, *span) for span in row) for text, row in spans)
            )
        return replace(tokens, pooled=self._pooled(tokens.ids))

    def _pooled(self, ids: Tensor) -> Tensor:
        match self.model.pool_type:
            case "argmax":
                return ids.argmax(-1)
            case "eos":
                return (ids == self.model.eos_id).int().argmax(-1)
            case "last":
                return torch.full_like(ids[:, 0], ids.shape[1] - 1)
            case _:
                return torch.zeros_like(ids[:, 0])

    def library_embedding(self, tokens: Tokens) -> Tensor:
        return self._encoded(tokens.ids)

    def _encoded(self, ids: Tensor) -> Tensor:
        padding = self.context_length - ids.shape[1]
        return self.whole.encode_text(F.pad(ids, (0, padding), value=self.pad_id), normalize=False)


class CocaTextTower(CustomTextTower):
    """CoCa's: a class token stands last, behind at least one padding token where the context has room for it.

    open_clip's mask is one position off (its ``correct_cls_mask`` is never set, and released weights were trained so):
    key p is seen where token p - 1 is a word, so every later query reads the first padding token, and the class token
    does not read itself. Further padding is read by nothing that counts.
    """

    pooling = "state at the class token that CoCa appends, which also reads one padding token, after the final norm"

    def __init__(self, model: Any, tokenizer: Tokenizer):
        super().__init__(model, tokenizer)
        self.pooling, self.padding = CocaTextTower.pooling, "ignored"

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """As TextTower says; the class token comes last, as a special token whose id no text has."""
        tokens = super().tokenize(texts)
        read = tokens.ids.shape[1]
        length = min(max(read + 1, (pad_to or 0) - 1), self.context_length)
        return Tokens(
            ids=F.pad(F.pad(tokens.ids, (0, length - read), value=self.pad_id), (0, 1), value=self.model.vocab_size),
            mask=F.pad(F.pad(tokens.mask, (0, length - read)), (0, 1), value=True),
            pooled=torch.full_like(tokens.pooled, length),
            offsets=tuple(spans + ((0, 0),) * (length - read + 1) for spans in tokens.offsets),
            texts=tokens.texts,
        )

    def embed(self, tokens: Tokens) -> Tensor:
        words = self.model.token_embedding(tokens.ids[:, :-1])
        table = self.model.positional_embedding  # its last row is the class token's, however short the text
        positions = torch.cat([table[: words.shape[1]], table[-1:]])
        return torch.cat([words, self.model.cls_emb.expand(len(words), 1, -1)], 1) + positions

    def attention_mask(self, tokens: Tokens) -> Tensor:
        words, length = tokens.ids[:, :-1] != self.model.pad_id, tokens.ids.shape[1]
        side = (0, 1) if self.model.correct_cls_mask else (1, 0)
        seen = F.pad(words, side, value=True)[:, None, None, :].expand(-1, 1, length, -1)
        return seen.tril() if self.causal else seen

    def library_embedding(self, tokens: Tokens) -> Tensor:
        return self._encoded(tokens.ids[:, :-1])


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> OpenClip:
    """Raises ModelError where config, weights or tokenizer are missing or do not fit one another."""

    def tower(model: Any, tokenizer: Tokenizer) -> CustomTextTower:
        text = model.text
        if not all(isinstance(block, ResidualAttentionBlock) for block in text.transformer.resblocks):
            raise ModelError(
                f"the config in {folder} asks for open_clip's custom attention blocks (qk_norm, scale_heads and the "
                "like), which this tool cannot take apart"
            )
        if text.cls_emb is not None:
            return CocaTextTower(model, tokenizer)
        if text.pool_type not in _POOLING:
            raise ModelError(
                f"the config in {folder} has pool_type {text.pool_type!r}, which leaves no single embedding"
            )
        return CustomTextTower(model, tokenizer)

    # a plain CLIP of another tokenizer or pooling is the same model under CustomTextCLIP's names
    return load_folder(folder, card, device, dtype, tower, force_custom_text=True)
