"""The arms of fine-tuning: which text layers learn how fast (method.md section 4).

To add an arm, write it here, name and row; its colour is the screen's (dashboard/parts/theme.py).
"""

from __future__ import annotations  # numpy is named, not imported: recipes read this table before a page is painted

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    Layers = Float[np.ndarray, " layer"]

Arm = Literal["uniform", "nast", "inverse", "random", "frozen", "paper"]
Rule = Literal["mean_one", "min_max"]
_ORDER = 3  # of the random arm's stream among those of one seed


@dataclass(frozen=True)
class ArmKind:
    """``weights`` makes the arm's layer weights from the seed and those that its rule makes of an effect: ``nast``'s
    own, of mean 1, or the paper's, from 0 to 1 (weights.py has both)."""

    text: str  # as pages say it, behind the name
    weights: Callable[[Layers, int], Layers]
    traced: bool = False  # its layer weights come from a trace
    trains: bool = True
    rule: Rule = "mean_one"


def _inverse(weights: Layers, seed: int) -> Layers:
    """The same weights turned upside down: small where the effect is large, as widely spread."""
    inverse = weights.max() + weights.min() - weights
    return inverse / inverse.mean()


def _shuffled(weights: Layers, seed: int) -> Layers:
    import numpy as np

    return np.random.default_rng([seed, _ORDER]).permutation(weights)


ARMS: dict[str, ArmKind] = {
    "uniform": ArmKind("every layer alike", lambda weights, seed: weights * 0 + 1),
    "nast": ArmKind("in proportion to the effect", lambda weights, seed: weights, traced=True),
    "inverse": ArmKind("least where the effect is large", _inverse, traced=True),
    "random": ArmKind("the same weights, shuffled", _shuffled, traced=True),
    "frozen": ArmKind("no training, for comparison", lambda weights, seed: weights * 0, trains=False),
    "paper": ArmKind("the paper's rule: from 0 to 1", lambda weights, seed: weights, traced=True, rule="min_max"),
}
TRACED_ARMS: tuple[str, ...] = tuple(name for name, arm in ARMS.items() if arm.traced)


def arm_weights(arm: str, weights: Layers, *, seed: int = 0) -> Layers:
    """The layer weights of an arm, made from those of its rule; their mean is 1, or they are all 0, or from 0 to 1."""
    return ARMS[arm].weights(weights, seed)
