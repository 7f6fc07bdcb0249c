"""Texts encoded with something done inside the tower: for methods that work on states. Weights are the tower's own."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

from jaxtyping import Float
from torch import Tensor

from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import Block, TextTower, Tokens

Around = Callable[[Block, int, Tokens], Block]
"""From a block, its layer (from 1) and a batch of texts to the block that these texts go through."""


class _Changed:
    """A tower whose blocks are made anew for each batch; all else is the tower's."""

    def __init__(self, tower: TextTower, around: Around):
        self._tower, self._around = tower, around

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tower, name)

    def encode(self, tokens: Tokens) -> Float[Tensor, "text dim"]:
        tower = copy.copy(self._tower)
        tower.blocks = [self._around(block, layer, tokens) for layer, block in enumerate(tower.blocks, start=1)]
        return tower.encode(tokens)


def encoded_through(base: DualEncoder, texts: Sequence[str], around: Around) -> Float[Tensor, "text dim"]:
    """Unit vectors of texts whose blocks are ``around``'s; batches, order and precision are the base's own."""
    changed = copy.copy(base)
    changed.text = cast(TextTower, _Changed(base.text, around))
    return changed.encode_texts(texts)


def no_single_state(base: DualEncoder) -> str:
    """Why a method on the pooled state cannot repair a model; empty where it can."""
    if base.text.pools_one_position:
        return ""
    return f"its embedding is the {base.text.pooling}, so no single state holds it"
