"""The text tower: one small interface, and the one forward pass that every method runs on.

A family says how its tokens, embedding, blocks and readout work; ``TextTower`` runs them. There are no
hooks: reading an attention pattern, entering at a layer or patching a state is ordinary tensor code, so two
sessions may use one model at once. Axis names are those of method.md.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import TextError
from nast_core.models.components import Component
from nast_core.models.precision import fused_is_slow

Hidden = Float[Tensor, "text position width"]
Weights = Float[Tensor, "text head query key"]
Touch = Callable[[Component, Tensor], Tensor]
"""Sees each component of a block as it is computed, and returns what the block goes on with."""


def untouched(component: Component, value: Tensor) -> Tensor:
    return value


@dataclass(frozen=True)
class Tokens:
    """A padded batch of tokenised texts."""

    ids: Int[Tensor, "text position"]
    mask: Bool[Tensor, "text position"]  # True at real tokens, False at padding
    pooled: Int[Tensor, " text"]  # the position whose last state becomes the embedding
    offsets: tuple[tuple[tuple[int, int], ...], ...]  # [text][position]: character span; (0, 0) = special
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def piece(self, text: int, position: int) -> str:
        """The characters a token stands for; empty for special tokens and padding."""
        start, end = self.offsets[text][position]
        return self.texts[text][start:end]

    def rows(self, index: Int[Tensor, " row"]) -> "Tokens":
        """The same tokens with texts picked, or repeated, by ``index``."""
        picked = index.tolist()
        return replace(
            self,
            ids=self.ids[index],
            mask=self.mask[index],
            pooled=self.pooled[index],
            offsets=tuple(self.offsets[i] for i in picked),
            texts=tuple(self.texts[i] for i in picked),
        )


class Block(ABC):
    """One transformer block, split where interpretability needs to reach in. ``...`` is any leading shape."""

    attention_norm: torch.nn.LayerNorm | None = None  # over the sum behind the attention; None: the sum stays as it is
    mlp_norm: torch.nn.LayerNorm | None = None
    sunk = False  # whether heads of it are kept from looking about (interpret/ablation.py)

    def sight(self, mask: Tensor | None, tokens: Tokens) -> Tensor | None:
        """What its heads may look at, [text or 1, head or 1, query, key]; of the tower's ``mask``, all."""
        return mask

    @abstractmethod
    def attention_in(self, x: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        """What the attention reads of the block's input: its norm, or the input itself in post-norm blocks."""

    @abstractmethod
    def query(self, read: Tensor) -> Float[Tensor, "... width"]:
        """Queries of what ``attention_in`` gave, heads side by side."""

    @abstractmethod
    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of what ``attention_in`` gave, each [..., width]."""

    @abstractmethod
    def attention_out(self, z: Float[Tensor, "... width"]) -> Float[Tensor, "... width"]:
        """The output projection of the concatenated heads."""

    @abstractmethod
    def add_attention(self, x: Tensor, attention: Tensor) -> Float[Tensor, "... width"]:
        """The state between attention and MLP."""

    @abstractmethod
    def mlp(self, x: Tensor) -> Float[Tensor, "... width"]:
        """The MLP's output for the state between attention and MLP."""

    @abstractmethod
    def add_mlp(self, x: Tensor, mlp: Tensor) -> Float[Tensor, "... width"]:
        """The block's output."""


class Outer(Block):
    """A block around another, which does what it does; subclasses change a part."""

    def __init__(self, block: Block):
        self.block = block
        self.attention_norm, self.mlp_norm, self.sunk = block.attention_norm, block.mlp_norm, block.sunk

    def sight(self, mask: Tensor | None, tokens: Tokens) -> Tensor | None:
        return self.block.sight(mask, tokens)

    def attention_in(self, x: Tensor) -> Tensor:
        return self.block.attention_in(x)

    def query(self, read: Tensor) -> Tensor:
        return self.block.query(read)

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        return self.block.key_value(read)

    def attention_out(self, z: Tensor) -> Tensor:
        return self.block.attention_out(z)

    def add_attention(self, x: Tensor, attention: Tensor) -> Tensor:
        return self.block.add_attention(x, attention)

    def mlp(self, x: Tensor) -> Tensor:
        return self.block.mlp(x)

    def add_mlp(self, x: Tensor, mlp: Tensor) -> Tensor:
        return self.block.add_mlp(x, mlp)


class PreNormBlock(Block):
    """Residual stream with norms inside the branches: OpenAI CLIP, SigLIP and their kin."""

    def add_attention(self, x: Tensor, attention: Tensor) -> Tensor:
        return x + attention

    def add_mlp(self, x: Tensor, mlp: Tensor) -> Tensor:
        return x + mlp


class PostNormBlock(Block):
    """Norms after each addition: BERT and RoBERTa. There is no un-normalised residual stream."""

    attention_norm: torch.nn.LayerNorm
    mlp_norm: torch.nn.LayerNorm

    def attention_in(self, x: Tensor) -> Tensor:
        return x

    def add_attention(self, x: Tensor, attention: Tensor) -> Tensor:
        return self.attention_norm(x + attention)

    def add_mlp(self, x: Tensor, mlp: Tensor) -> Tensor:
        return self.mlp_norm(x + mlp)


Padding = Literal["ignored", "fixed", "averaged"]
"""What padding does to an embedding. ignored: nothing, it is masked or out of sight. fixed: every text is padded to the
full context and the padding is read (SigLIP). averaged: it enters the pooled mean, so texts are never padded
(MedCLIP)."""


class TextTower(ABC):
    """A CLIP's text encoder. Subclasses set the attributes and the abstract members."""

    n_layers: int
    n_heads: int
    width: int
    dim: int  # of the joint space
    context_length: int
    causal: bool
    pooling: str  # in words: which position, and what is done to it
    blocks: Sequence[Block]
    lora_targets: str  # regular expression over the library model's module names: this tower's projections only
    padding: Padding = "ignored"
    pools_one_position: bool = True  # False: no single state holds the embedding, and CTE's identity at the end lapses

    @abstractmethod
    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """Token ids, mask, character offsets and pooled position, padded to the longest text or ``pad_to``.

        Raises TextError for an empty text and for one longer than the context: nothing is cut off silently.
        """

    @abstractmethod
    def embed(self, tokens: Tokens) -> Hidden:
        """Layer 0: token plus position embedding."""

    @abstractmethod
    def project(self, pooled: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        """The joint-space vector of a pooled last state, not normalised."""

    @property
    def final_norm(self) -> torch.nn.LayerNorm | None:
        """The norm that ``project`` begins with; None where it begins with none."""
        return None

    def project_normed(self, normed: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        """What ``project`` does behind ``final_norm``. Families with such a norm override both."""
        return self.project(normed)

    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    @abstractmethod
    def library_embedding(self, tokens: Tokens) -> Float[Tensor, "text dim"]:
        """The same as ``encode`` by the original library's own call: what the self-test compares with."""

    def encode(self, tokens: Tokens) -> Float[Tensor, "text dim"]:
        """Joint-space vectors, not normalised."""
        return self.readout(self.run(self.embed(tokens), tokens), tokens)

    def readout(self, hidden: Hidden, tokens: Tokens) -> Float[Tensor, "text dim"]:
        """The joint-space vector of last-layer states, where one position is pooled."""
        rows = torch.arange(len(hidden), device=hidden.device)
        return self.project(hidden[rows, tokens.pooled])

    def finish(self, states: Sequence[Hidden], tokens: Tokens) -> Float[Tensor, "text dim"]:
        """Joint-space vectors from the states of layers 0 to l, whatever was written into them: runs what is left.

        Towers that pool several layers override this together with ``encode``.
        """
        return self.readout(self.run(states[-1], tokens, len(states) - 1), tokens)

    def run(self, hidden: Hidden, tokens: Tokens, start: int = 0, stop: int | None = None) -> Hidden:
        """States after layer ``stop`` (default: the last) from states after layer ``start``."""
        mask = self.attention_mask(tokens)
        for block in self.blocks[start:stop]:
            hidden = self.step(block, hidden, block.sight(mask, tokens))
        return hidden

    def states(self, tokens: Tokens) -> Float[Tensor, "layer text position width"]:
        """Every layer's states: layer 0 the embedding output, layer l the output of block l."""
        return torch.stack(self.components(tokens, "block")[0])

    def components(self, tokens: Tokens, component: Component) -> tuple[list[Hidden], Hidden]:
        """One component of every block (for ``block``, the embedding output comes first), and the last states."""
        mask, hidden = self.attention_mask(tokens), self.embed(tokens)
        values = [hidden] if component == "block" else []

        def keep(name: Component, value: Tensor) -> Tensor:
            if name == component:
                values.append(value)
            return value

        for block in self.blocks:
            hidden = self.step(block, hidden, block.sight(mask, tokens), keep)
        return values, hidden

    def attention(self, tokens: Tokens) -> Iterator[Weights]:
        """Attention weights, block by block from the first; a caller keeps only what it needs."""
        hidden, mask = self.embed(tokens), self.attention_mask(tokens)
        for number, block in enumerate(self.blocks, start=1):
            read = block.attention_in(hidden)
            key, value = (self.split(part) for part in block.key_value(read))
            weights = self.weights(self.split(block.query(read)), key, block.sight(mask, tokens))
            yield weights
            if number < self.n_layers:  # nothing reads what the last block makes of them
                hidden = self.from_heads(block, hidden, self.join(weights @ value))

    @staticmethod
    def weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Weights:
        """Attention weights of queries and keys by head."""
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return (scores if mask is None else scores.masked_fill(~mask, float("-inf"))).softmax(-1)

    def attention_mask(self, tokens: Tokens) -> Bool[Tensor, "text 1 query key"] | None:
        """True where a query may look at a key; None where nothing is hidden."""
        length = tokens.ids.shape[1]
        if self.causal:  # padding lies to the right, out of every real token's sight
            return torch.ones(length, length, dtype=torch.bool, device=self.device).tril()[None, None]
        if self.padding == "fixed" or bool(tokens.mask.all()):
            return None
        return tokens.mask[:, None, None, :].expand(-1, 1, length, -1)

    def split(self, x: Float[Tensor, "... position width"]) -> Float[Tensor, "... head position channel"]:
        return x.unflatten(-1, (self.n_heads, -1)).transpose(-3, -2)

    @staticmethod
    def join(z: Float[Tensor, "... head position channel"]) -> Float[Tensor, "... position width"]:
        """Heads side by side again: the inverse of ``split``."""
        return z.transpose(-3, -2).flatten(-2)

    def step(self, block: Block, hidden: Hidden, mask: Tensor | None, touch: Touch = untouched) -> Hidden:
        """One block's output."""
        read = block.attention_in(hidden)
        query, key, value = (self.split(part) for part in (block.query(read), *block.key_value(read)))
        if fused_is_slow(query):
            z = self.weights(query, key, mask) @ value
        else:
            z = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.from_heads(block, hidden, self.join(z), touch)

    @staticmethod
    def from_heads(block: Block, hidden: Hidden, z: Tensor, touch: Touch = untouched) -> Hidden:
        """The rest of a block, from its input and its heads' outputs side by side."""
        attention = touch("attention", block.attention_out(touch("head", z)))
        middle = block.add_attention(hidden, attention)
        return touch("block", block.add_mlp(middle, touch("mlp", block.mlp(middle))))

    def check_texts(self, texts: Sequence[str]) -> None:
        """Raises TextError for an empty text."""
        for text in texts:
            if not text.strip():
                raise TextError("the text is empty; write a sentence such as 'There is no pneumothorax.'")

    def check_length(self, text: str, length: int) -> None:
        """Raises TextError for a text longer than the context."""
        if length > self.context_length:
            raise TextError(
                f"the text has {length} tokens and the model reads at most {self.context_length}; "
                f"shorten it: {text[:60]!r}..."
            )
