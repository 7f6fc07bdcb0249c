"""Heads switched off: a head's output replaced by its mean over texts, so that "this head causes it" can be checked.

Mean ablation keeps what a head always adds and removes what it says of the text at hand. Source: ours, after
method.md section 3; the mean is over every real position of both texts of the pairs.
"""

import copy
import hashlib
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import Block, Outer, TextTower
from nast_core.negation.pairs import AlignedPair

Head = tuple[int, int]  # layer and head, each counted from 1


class _Ablated(Outer):
    """A block some of whose heads always give their mean."""

    def __init__(self, block: Block, tower: TextTower, heads: Sequence[int], means: Float[Tensor, " width"]):
        super().__init__(block)
        self.off = torch.zeros(tower.n_heads, dtype=torch.bool, device=means.device)
        self.off[[head - 1 for head in heads]] = True
        self.off = self.off.repeat_interleave(tower.width // tower.n_heads)
        self.means = means

    def attention_out(self, z: Tensor) -> Tensor:
        return self.block.attention_out(torch.where(self.off, self.means, z))


@torch.inference_mode()
def head_means(tower: TextTower, pairs: Sequence[AlignedPair], *, batch_size: int = 64) -> Float[Tensor, "layer width"]:
    """Every head's mean output over the real positions of the pairs' texts, heads side by side."""
    texts = [text for p in pairs for text in (p.pair.affirmative, p.pair.negated)]
    size = 1 if tower.padding == "averaged" else batch_size
    total, count = torch.zeros(tower.n_layers, tower.width, dtype=torch.float64), 0
    for start in range(0, len(texts), size):
        tokens = tower.tokenize(texts[start : start + size])
        z = torch.stack(tower.components(tokens, "head")[0])
        total += z[:, tokens.mask].sum(1, dtype=torch.float32 if z.device.type == "mps" else torch.float64).cpu()
        count += int(tokens.mask.sum())
    return total / count


def ablate(model: DualEncoder, heads: Sequence[Head], means: Float[Tensor, "layer width"]) -> DualEncoder:
    """The same model with heads replaced by their means: weights are shared, and the model given stays as it is.

    Raises ModelError for a head that the text tower does not have.
    """
    tower = model.text
    for layer, head in heads:
        if not (1 <= layer <= tower.n_layers and 1 <= head <= tower.n_heads):
            raise ModelError(
                f"there is no head {head} in layer {layer}; the text tower has {tower.n_layers} layers of "
                f"{tower.n_heads} heads, each counted from 1"
            )
    means = means.to(tower.device, model.dtype)
    text = copy.copy(tower)
    text.blocks = [
        _Ablated(block, tower, off, means[number - 1])
        if (off := [head for layer, head in heads if layer == number])
        else block
        for number, block in enumerate(tower.blocks, start=1)
    ]
    ablated = copy.copy(model)
    ablated.text = text
    digest = hashlib.sha256(f"{sorted(set(heads))}".encode() + means.float().cpu().numpy().tobytes())
    ablated.fingerprint = hashlib.sha256(f"{model.fingerprint} without {digest.hexdigest()}".encode()).hexdigest()
    return ablated
