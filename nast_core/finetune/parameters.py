"""Which parameters belong to which text layer, in every family, and what one step may change of them.

Only text layers learn. Token and position embeddings, the final norm and the projection belong to no layer, have no
weight w[l], and stay frozen in both methods: then LoRA and full fine-tuning, and all arms, train the same places, and
words that training texts lack keep their embedding. Source of that choice: ours.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from peft.tuners.lora.layer import LoraLayer
from torch import Tensor, nn

from nast_core.errors import ModelError
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.models.tower import Block, TextTower

_BETAS = (0.9, 0.98)  # CLIP's own: torch's 0.999 remembers a thousand steps, more than most fine-tunings have
# CLIP's own: with torch's 1e-8 a gradient that is rounding alone, as of the keys' bias, is a step of full size
_EPS = 1e-6


def layer_module(block: Block) -> nn.Module:
    """The library's module that a block stands for: every family's Block holds one, and may name parts of it beside."""
    held = [part for part in vars(block).values() if isinstance(part, nn.Module)]
    (module,) = (one for one in held if not any(one in other.modules() for other in held if other is not one))
    return module


def layer_parameters(tower: TextTower) -> list[dict[str, nn.Parameter]]:
    """Per layer 1..L, what is trainable in it, by its name inside the layer."""
    return [
        {name: p for name, p in layer_module(block).named_parameters() if p.requires_grad} for block in tower.blocks
    ]


def unfreeze_layers(tower: TextTower) -> None:
    """Full fine-tuning: every parameter of every text layer learns. Raises ModelError where layers share weights."""
    seen: set[int] = set()
    for block in tower.blocks:
        for parameter in layer_module(block).requires_grad_(True).parameters():
            if id(parameter) in seen:
                raise ModelError("the text layers share weights, so they cannot be trained each at its own rate")
            seen.add(id(parameter))


def make_optimizer(
    layers: Sequence[Mapping[str, nn.Parameter]], weights: Float[np.ndarray, " layer"], recipe: FinetuneRecipe
) -> torch.optim.Optimizer:
    """A parameter group a layer, at learning_rate x w[l], or at one rate where the gradient is scaled instead.

    Adam divides a gradient by its own size, so that scaling it changes next to nothing; a group's rate is what scales
    its update (method.md section 4).
    """
    groups = [
        {
            "params": list(layer.values()),
            "lr": recipe.learning_rate * (float(weight) if recipe.scale == "learning_rate" else 1.0),
        }
        for layer, weight in zip(layers, weights, strict=True)
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(groups, weight_decay=recipe.weight_decay, betas=_BETAS, eps=_EPS)


def scale_gradients(layers: Sequence[Mapping[str, nn.Parameter]], weights: Float[np.ndarray, " layer"]) -> None:
    """The literal reading: each layer's gradient times w[l], in place."""
    for layer, weight in zip(layers, weights, strict=True):
        for parameter in layer.values():
            if parameter.grad is not None:
                parameter.grad.mul_(float(weight))


class Moves(NamedTuple):
    """How far each layer moved, over all its matrices: norm of its change, and that over the norm of its weights
    before."""

    norms: Float[np.ndarray, " layer"]
    relative: Float[np.ndarray, " layer"]

    @property
    def shares(self) -> Float[np.ndarray, " layer"]:
        """Each layer's part of the update, ||dW[l]|| / sum ||dW||; 0 where nothing moved."""
        total = self.norms.sum()
        return self.norms / total if total else self.norms


@torch.no_grad()
def layer_moves(tower: TextTower, start: Mapping[str, Tensor]) -> Moves:
    """``start``: what was trained as it was before, by "layer.name"; adapters are told apart by themselves, since they
    begin at no change.
    """
    squares = np.array(
        [_change(layer_module(block), number, start) for number, block in enumerate(tower.blocks, start=1)]
    )
    norms, sizes = np.sqrt(squares).T
    return Moves(norms, norms / sizes)


def _change(module: nn.Module, number: int, start: Mapping[str, Tensor]) -> tuple[float, float]:
    """Sums of squares of a layer's change, and of its weights before."""
    adapters = [part for part in module.modules() if isinstance(part, LoraLayer)]
    own = {name: p for name, p in module.named_parameters() if "lora_" not in name}
    if adapters:
        differences = [part.get_delta_weight(name) for part in adapters for name in part.lora_A]
        sizes: list[Tensor] = list(own.values())
    else:
        sizes = [start[f"{number}.{name}"] for name in own]
        differences = [p - before for p, before in zip(own.values(), sizes, strict=True)]
    return _squares(differences), _squares(sizes)


def _squares(tensors: Sequence[Tensor]) -> float:
    return sum(float(tensor.double().square().sum()) for tensor in tensors)
