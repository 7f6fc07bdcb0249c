"""Heads switched off: a head's output replaced by its mean over texts, so that "this head causes it" can be checked.

Mean ablation keeps what a head always adds and removes what it says of the text at hand. Source: ours, after
method.md section 3; the mean is over every real position of both texts of the pairs. Gentler is a sink: the head goes
on, and may no longer look about from the pooled position.
"""

import copy
import hashlib
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import Block, Outer, TextTower, Tokens
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


class _Sunk(Outer):
    """A block some of whose heads may look, from the pooled position, at the first token and at itself only."""

    def __init__(self, block: Block, tower: TextTower, heads: Sequence[int]):
        super().__init__(block)
        self.n_heads, self.held, self.sunk = tower.n_heads, [head - 1 for head in heads], True

    def sight(self, mask: Tensor | None, tokens: Tokens) -> Tensor:
        texts, length = tokens.ids.shape
        rows, at = torch.arange(texts, device=tokens.ids.device), tokens.pooled
        whole = tokens.mask.new_ones(1, 1, length, length) if (seen := self.block.sight(mask, tokens)) is None else seen
        sight = whole.expand(texts, self.n_heads, length, length).clone()
        allowed = torch.zeros_like(tokens.mask)
        allowed[:, 0] = True
        allowed[rows, at] = True
        held = torch.tensor(self.held, device=rows.device)
        sight[rows[:, None], held, at[:, None]] &= allowed[:, None]
        return sight


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
    means = means.to(tower.device, model.dtype)
    digest = hashlib.sha256(f"{sorted(set(heads))}".encode() + means.float().cpu().numpy().tobytes())
    return _changed(
        model,
        heads,
        lambda block, number, off: _Ablated(block, tower, off, means[number - 1]),
        f"without {digest.hexdigest()}",
    )


def sink(model: DualEncoder, heads: Sequence[Head]) -> DualEncoder:
    """The same model whose heads may look, from the pooled position, at the first token and at itself only.

    Such a model encodes texts; what is traced or taken apart is refused. Raises ModelError for a head that the text
    tower does not have, and for a tower that pools several positions. Source: arXiv:2605.03052, shown on language
    models; on a CLIP it is untested.
    """
    tower = model.text
    if not tower.pools_one_position:
        raise ModelError(
            f"the embedding is the {tower.pooling}, so no head can be kept from looking from the one pooled position; "
            "switch heads off instead"
        )
    named = f"with sinks {sorted(set(heads))}"
    return _changed(model, heads, lambda block, number, held: _Sunk(block, tower, held), named)


def _changed(
    model: DualEncoder, heads: Sequence[Head], change: Callable[[Block, int, list[int]], Block], how: str
) -> DualEncoder:
    tower = model.text
    for layer, head in heads:
        if not (1 <= layer <= tower.n_layers and 1 <= head <= tower.n_heads):
            raise ModelError(
                f"there is no head {head} in layer {layer}; the text tower has {tower.n_layers} layers of "
                f"{tower.n_heads} heads, each counted from 1"
            )
    text = copy.copy(tower)
    text.blocks = [
        change(block, number, own) if (own := [head for layer, head in heads if layer == number]) else block
        for number, block in enumerate(tower.blocks, start=1)
    ]
    changed = copy.copy(model)
    changed.text = text
    changed.fingerprint = hashlib.sha256(f"{model.fingerprint} {how}".encode()).hexdigest()
    return changed


def need_whole_sight(tower: TextTower) -> None:
    """Raises ModelError for a tower with sinks, to be called by what looks at attention in a way of its own."""
    if any(block.sunk for block in tower.blocks):
        raise ModelError(
            "heads of this model are kept from looking about ('sink'), and a model so changed is asked questions, not "
            "traced; trace the model as it is, or with heads switched off"
        )
