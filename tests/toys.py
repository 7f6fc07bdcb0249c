"""Text towers small enough to be worked out by hand: no attention to speak of, a few channels, words for tokens."""

import zlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.tower import PreNormBlock, TextTower, Tokens


class ToyBlock(PreNormBlock):
    """Looks at every token alike, reads what it is, and adds what ``mlp`` makes of the sum; ``out`` scales what heads
    write."""

    def __init__(self, mlp: Callable[[Tensor], Tensor], out: float = 0.0):
        self.made, self.out = mlp, out

    def attention_in(self, x: Tensor) -> Tensor:
        return x

    def query(self, read: Tensor) -> Tensor:
        return torch.zeros_like(read)

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        return read, read

    def attention_out(self, z: Tensor) -> Tensor:
        return z * self.out

    def mlp(self, x: Tensor) -> Tensor:
        return self.made(x)


class ToyTower(TextTower):
    """``state_of``: from a text and the number of a word to the word's embedding. The last word is pooled."""

    n_heads, context_length, causal, pooling, lora_targets = 1, 50, True, "state at the last word", ""

    def __init__(self, blocks: Sequence[ToyBlock], state_of: Callable[[str, int], Sequence[float]]):
        self.blocks, self.state_of, self.n_layers = list(blocks), state_of, len(blocks)
        self.width = self.dim = len(state_of("no edema", 0))

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        self.check_texts(texts)
        spans = []
        for text in texts:
            words, at = [], 0
            for word in text.split():
                start = text.index(word, at)
                at = start + len(word)
                words.append((start, at))
            spans.append(words)
        lengths = torch.tensor([len(words) for words in spans])
        longest = max(pad_to or 0, int(lengths.max()))
        ids = torch.tensor(
            [
                [zlib.crc32(text[a:b].encode()) % 1000 + 1 for a, b in words] + [0] * (longest - len(words))
                for text, words in zip(texts, spans, strict=True)
            ]
        )
        offsets = tuple(tuple(words) + ((0, 0),) * (longest - len(words)) for words in spans)
        return Tokens(ids, torch.arange(longest) < lengths[:, None], lengths - 1, offsets, tuple(texts))

    def embed(self, tokens: Tokens) -> Tensor:
        length = tokens.ids.shape[1]
        return torch.tensor(
            [[list(self.state_of(text, p)) for p in range(length)] for text in tokens.texts], dtype=torch.float64
        )

    def project(self, pooled: Tensor) -> Tensor:
        return pooled

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def library_embedding(self, tokens: Tokens) -> Tensor:
        return self.encode(tokens)


class Toy(DualEncoder):
    @property
    def module(self) -> torch.nn.Module:
        return torch.nn.Identity()

    def preprocess(self, image) -> Tensor:
        raise NotImplementedError

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        raise NotImplementedError


def toy(tower: TextTower, scale: float = 1.0) -> Toy:
    return Toy(Card("toy", "", ""), tower, LoadReport({}), "toy", scale, dtype=torch.float64)
