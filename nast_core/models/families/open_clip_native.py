"""open_clip checkpoints with OpenAI's text tower, in the ``local-dir:`` layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor
from torch.nn import functional as F

from nast_core.models import openai_weights, weights
from nast_core.models.encoder import Card
from nast_core.models.open_clip_config import model_config
from nast_core.models.open_clip_folder import WEIGHTS, OpenClip, load_folder, text_kind
from nast_core.models.tower import PreNormBlock, TextTower, Tokens


def recognises(folder: Path) -> bool:
    return text_kind(folder) == "plain"


class _Block(PreNormBlock):
    def __init__(self, block: ResidualAttentionBlock):
        self.block = block

    def attention_in(self, x: Tensor) -> Tensor:
        return self.block.ln_1(x)

    def query(self, read: Tensor) -> Tensor:
        attention, width = self.block.attn, read.shape[-1]
        return F.linear(read, attention.in_proj_weight[:width], attention.in_proj_bias[:width])

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        attention, width = self.block.attn, read.shape[-1]
        key, value = F.linear(read, attention.in_proj_weight[width:], attention.in_proj_bias[width:]).chunk(2, dim=-1)
        return key, value

    def attention_out(self, z: Tensor) -> Tensor:
        # nn.MultiheadAttention reads these weights without calling out_proj, so hooks and LoRA on it never fire
        return self.block.ls_1(F.linear(z, self.block.attn.out_proj.weight, self.block.attn.out_proj.bias))

    def mlp(self, x: Tensor) -> Tensor:
        return self.block.ls_2(self.block.mlp(self.block.ln_2(x)))


class OpenClipTextTower(TextTower):
    causal = True
    lora_targets = r"transformer\.resblocks\.\d+\.(attn|mlp\.c_fc|mlp\.c_proj)"
    pooling = "state at the end-of-text token (the largest id), after the final norm"

    def __init__(self, model: Any, tokenizer: Any):
        """``model`` is open_clip's CLIP, or the text tower of its CustomTextCLIP: both name their parts alike."""
        self.model, self.tokenizer = model, tokenizer
        blocks = model.transformer.resblocks
        self.n_layers, self.n_heads = len(blocks), blocks[0].attn.num_heads
        self.context_length, self.width = model.context_length, model.positional_embedding.shape[1]
        projection = model.text_projection
        linear = isinstance(projection, torch.nn.Linear)
        self.dim = projection.out_features if linear else self.width if projection is None else projection.shape[1]
        self.blocks = [_Block(block) for block in blocks]

    @property
    def device(self) -> torch.device:
        return self.model.positional_embedding.device

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        self.check_texts(texts)
        rows = [self._encode(text) for text in texts]
        for cleaned, ids, _ in rows:
            self.check_length(cleaned, len(ids))
        longest = max(pad_to or 0, *(len(ids) for _, ids, _ in rows))
        padded = torch.tensor([ids + [0] * (longest - len(ids)) for _, ids, _ in rows])
        lengths = torch.tensor([len(ids) for _, ids, _ in rows])
        return Tokens(
            ids=padded.to(self.device),
            mask=(torch.arange(longest) < lengths[:, None]).to(self.device),
            pooled=padded.argmax(-1).to(self.device),
            offsets=tuple(tuple(spans) + ((0, 0),) * (longest - len(spans)) for _, _, spans in rows),
            texts=tuple(cleaned for cleaned, _, _ in rows),
        )

    def _encode(self, text: str) -> tuple[str, list[int], list[tuple[int, int]]]:
        """(the text as open_clip cleans it, ids, character span of every id in that cleaned text).

        open_clip's tokenizer keeps no offsets; a byte-pair piece is as long as the bytes it spells.
        """
        tok: SimpleTokenizer = self.tokenizer
        cleaned = tok.clean_fn(text)
        ids, spans = [tok.sot_token_id], [(0, 0)]
        for word in tok.pat.finditer(cleaned):
            raw = word.group().encode("utf-8")
            character = [place for place, one in enumerate(word.group(), word.start()) for _ in one.encode("utf-8")]
            spelled, done = "".join(tok.byte_encoder[byte] for byte in raw), 0
            for piece in tok.bpe(spelled).split(" "):
                length = len(piece.removesuffix("</w>"))
                ids.append(tok.encoder[piece])
                spans.append((character[done], character[done + length - 1] + 1))  # part of a character: all of it
                done += length
        return cleaned, [*ids, tok.eot_token_id], [*spans, (0, 0)]

    def embed(self, tokens: Tokens) -> Tensor:
        return self.model.token_embedding(tokens.ids) + self.model.positional_embedding[: tokens.ids.shape[1]]

    @property
    def final_norm(self) -> torch.nn.LayerNorm:
        return self.model.ln_final

    def project_normed(self, normed: Tensor) -> Tensor:
        projection = self.model.text_projection
        if projection is None:
            return normed
        return projection(normed) if isinstance(projection, torch.nn.Linear) else normed @ projection

    def project(self, pooled: Tensor) -> Tensor:
        return self.project_normed(self.final_norm(pooled))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        padding = self.context_length - tokens.ids.shape[1]  # open_clip adds its whole position table
        return self.model.encode_text(F.pad(tokens.ids, (0, padding)))


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> OpenClip:
    """Raises ModelError where config or weights are missing or do not fit one another."""
    config = model_config(folder)
    warnings = openai_weights.check_activation(
        weights.find_weights(folder, WEIGHTS),
        ["quick_gelu" if config.get("quick_gelu") else "gelu"],
        vocabulary=config["text_cfg"].get("vocab_size", 49408),
        probe="transformer.resblocks.0.mlp.c_fc.weight",
        remedy='set "quick_gelu": true in the model_cfg of open_clip_config.json',
    )
    return load_folder(folder, card, device, dtype, OpenClipTextTower, warnings=warnings)
