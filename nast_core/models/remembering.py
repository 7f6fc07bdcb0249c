"""Vectors of texts, remembered for as long as a piece of work lasts: no text is encoded twice by the same weights."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from nast_core.models.encoder import DualEncoder
    from nast_core.models.precision import Part
    from nast_core.models.tower import TextTower


@dataclass
class Remembered:
    """What one text tower gave in one precision. A copy of the model with another tower, or precision, has no use for
    it."""

    tower: "TextTower"
    in_bf16: "frozenset[Part]"
    vectors: dict[str, Float[Tensor, " dim"]] = field(default_factory=dict)

    def of(self, model: "DualEncoder") -> bool:
        return self.tower is model.text and self.in_bf16 == model.in_bf16

    def all_of(self, texts: Sequence[str], encode: Callable[[list[str]], Tensor]) -> Float[Tensor, "text dim"]:
        """Those of ``texts``; ``encode`` is asked for the new ones, each once."""
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if new:
            self.vectors |= dict(zip(new, encode(new).unbind(), strict=True))
        return torch.stack([self.vectors[text] for text in texts])


def remembering(model: "DualEncoder") -> "DualEncoder":
    """The same model, over the same weights, which encodes each text once for as long as it is held. Weights must not
    change meanwhile."""
    if model.remembered is not None and model.remembered.of(model):
        return model
    other = copy(model)
    other.remembered = Remembered(other.text, other.in_bf16)
    return other


def forgetting(model: "DualEncoder") -> "DualEncoder":
    """The same model, which encodes every text anew: what is timed."""
    other = copy(model)
    other.remembered = None
    return other
