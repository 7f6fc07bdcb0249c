"""Patch lens: a state of one sentence, from any layer and position, written into any layer and position of another.

Source: Ghandeharioun et al. 2024 (arXiv:2401.06102), for one token's state; the score is an image's here, as in causal
tracing, which is its diagonal: the same layer and position of a pair that aligns. Texts need not align.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import PairError
from nast_core.files.gate import shown
from nast_core.interpret.effects import effect
from nast_core.models.tower import TextTower, Tokens


class Cell(NamedTuple):
    """Layer 0 is the embedding output, l the output of block l; positions count from 0."""

    layer: int
    position: int


class PatchedText(NamedTuple):
    """Unit vectors: of the text that was written into, before and after, and of the one that the state came from."""

    clean: Float[Tensor, " dim"]
    patched: Float[Tensor, " dim"]
    source: Float[Tensor, " dim"]

    def effect(self, image: Float[Tensor, " dim"]) -> float:
        """CTE on an image: 0, nothing changed; 1, the text now scores as the one the state came from."""
        return float(effect(self.patched, self.clean, self.source, image))


@torch.inference_mode()
def patch(tower: TextTower, source: str, target: str, taken: Cell, written: Cell) -> PatchedText:
    """``target`` with the state of ``source`` at ``taken`` in the place of its own at ``written``.

    Raises PairError for a layer or position that a text does not have.
    """
    theirs, own = tower.tokenize([source]), tower.tokenize([target])
    for tokens, cell in ((theirs, taken), (own, written)):
        _check(tower, tokens, cell)
    given, states = tower.states(theirs), list(tower.states(own))
    kept = states[: written.layer + 1]
    kept[-1] = kept[-1].clone()
    kept[-1][:, written.position] = given[taken.layer][:, taken.position]
    ends = [tower.finish(states, own), tower.finish(kept, own), tower.finish(list(given), theirs)]
    vectors = torch.cat(ends)
    unit = F.normalize(vectors if vectors.dtype == torch.float64 else vectors.float(), dim=-1).cpu()
    return PatchedText(*unit)


def _check(tower: TextTower, tokens: Tokens, cell: Cell) -> None:
    length = tokens.ids.shape[1]
    if not (0 <= cell.layer <= tower.n_layers and 0 <= cell.position < length):
        raise PairError(
            f"{shown(tokens.texts[0])!r} has layers 0 to {tower.n_layers} and positions 0 to {length - 1}; there is no "
            f"layer {cell.layer}, position {cell.position}"
        )
