"""Texts to unit vectors with gradients: grouped by length, each text once, spread over Accelerate's processes."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from accelerate import Accelerator
from jaxtyping import Float
from peft.tuners.lora.layer import MultiheadAttention
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import TextError
from nast_core.finetune.lora import adapters_in_place
from nast_core.models.precision import computing
from nast_core.models.tower import TextTower

_CALL = 128  # tokens whose work costs as much as one more call of the tower, about: 12 layers of width 128
_MOST = 512  # texts a call, to bound memory


class Lengths:
    """Token counts of texts, each found once; None for a text that the tower cannot read."""

    def __init__(self, tower: TextTower):
        self.tower = tower
        self._known: dict[str, int | None] = {}

    def __call__(self, text: str) -> int | None:
        if text not in self._known:
            try:
                self._known[text] = self.tower.tokenize([text]).ids.shape[1]
            except TextError:
                self._known[text] = None
        return self._known[text]


class TextEncoder:
    """Encodes a step's texts. Every process gives the same texts and gets all their vectors, its own with gradients."""

    def __init__(
        self,
        tower: TextTower,
        accelerator: Accelerator,
        adapters: list[MultiheadAttention],
        lengths: Lengths,
        *,
        bf16: bool = False,
    ):
        self.tower, self.accelerator, self.adapters, self._lengths = tower, accelerator, adapters, lengths
        self.bf16 = bf16  # computes in it, over the weights as they are

    def computing_in(self, bf16: bool) -> "TextEncoder":
        """The same, in bf16 or not."""
        return TextEncoder(self.tower, self.accelerator, self.adapters, self._lengths, bf16=bf16)

    def __call__(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        ordered = sorted(range(len(texts)), key=lambda i: (self.length(texts[i]), texts[i]))
        own = self.encode([texts[i] for i in ordered[rank::world]])
        rows = -(-len(texts) // world)
        together = own if world == 1 else self._gather(own, rows)
        # a process's vectors stand one after another: row r * rows + k is text k * world + r of the order
        place = torch.empty(len(texts), dtype=torch.long)
        for k, i in enumerate(ordered):
            place[i] = (k % world) * rows + k // world
        return together[place.to(together.device)]

    def encode(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Unit vectors, in float32 or wider, of texts that come sorted by length; in this process alone."""
        vectors = []
        with adapters_in_place(self.adapters), computing(self.tower.device, self.bf16):
            for start, stop in groups([self.length(text) for text in texts], pads=self._pads):
                vector = self.tower.encode(self.tower.tokenize(texts[start:stop]))
                vectors.append(F.normalize(vector if vector.dtype == torch.float64 else vector.float(), dim=-1))
        return torch.cat(vectors) if vectors else torch.zeros(0, self.tower.dim, device=self.tower.device)

    def cost(self, texts: Sequence[str]) -> int:
        """What encoding them costs, in tokens, padding and calls counted in."""
        lengths = sorted(map(self.length, texts))
        cuts = groups(lengths, pads=self._pads)
        return sum((stop - start) * lengths[stop - 1] + _CALL for start, stop in cuts)

    @property
    def _pads(self) -> bool:
        return self.tower.padding != "averaged"

    def length(self, text: str) -> int:
        return self._lengths(text) or self.tower.context_length  # one that cannot be read fails where it is encoded

    def _gather(self, own: Tensor, rows: int) -> Float[Tensor, "row dim"]:
        """All processes' vectors, in the order of the processes; gradients flow into this one's alone."""
        padded = F.pad(own, (0, 0, 0, rows - len(own)))
        everyone = list(self.accelerator.gather(padded.detach()).split(rows))
        everyone[self.accelerator.process_index] = padded
        return torch.cat(everyone)


def groups(lengths: Sequence[int], *, pads: bool = True) -> list[tuple[int, int]]:
    """Where to cut sorted lengths into batches, [start, stop), so that padding and calls together cost least.

    Each batch costs its size times its longest text, plus a call. With ``pads`` false only equal lengths may meet.
    """
    edges = [0, *(i for i in range(1, len(lengths)) if lengths[i] != lengths[i - 1]), len(lengths)] if lengths else []
    if not pads:
        return list(pairwise(edges))
    least, cut = [0.0], [0]  # the cost of the texts before each edge, and where their last batch begins
    for end in range(1, len(edges)):
        costs = [least[b] + (edges[end] - edges[b]) * lengths[edges[end] - 1] + _CALL for b in range(end)]
        cut.append(min(range(end), key=costs.__getitem__))
        least.append(costs[cut[-1]])
    spans, end = [], len(edges) - 1
    while end > 0:
        first, last = edges[cut[end]], edges[end]
        spans += [(start, min(start + _MOST, last)) for start in reversed(range(first, last, _MOST))]
        end = cut[end]
    return spans[::-1]
