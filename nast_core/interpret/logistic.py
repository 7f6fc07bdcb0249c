"""Many logistic regressions on the same rows at once: other labels, other rows left out, one table.

Each minimises what scikit-learn's LogisticRegression(C) does: |w|^2 / 2 + C * sum log(1 + exp(-y (w x + b))), the
intercept b free. Newton's curvature is bounded by a quarter of x^T x, whatever the labels (Böhning 1992): so one
factorisation serves every problem and step, and Nesterov's momentum makes up for the bound. Same minimum, hence the
same answers, at a matrix product a step.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

C = 0.1  # of states of length 1: with weaker restraint a probe learns the findings it is shown, too (measured)
_STEPS = 500
_SETTLED = 1e-4  # of a step's length in the metric of the bound: logits move by less in their third decimal


class Fitted(NamedTuple):
    weight: Float[Tensor, "feature problem"]
    bias: Float[Tensor, " problem"]

    def logits(self, x: Float[Tensor, "row feature"]) -> Float[Tensor, "row problem"]:
        return x @ self.weight + self.bias


def standardised(
    x: Float[Tensor, "row feature"], of: Float[Tensor, "some feature"] | None = None
) -> Float[Tensor, "row feature"]:
    """Every feature with mean 0 and the same variance over the rows ``of``, or over its own, such that a row's length
    is 1 on average. One that is constant but for rounding is 0."""
    of = x if of is None else of
    mean, spread = of.mean(0), of.std(0, correction=0)
    varies = spread > 1e-5 * of.abs().amax().clamp(min=1e-30)
    return torch.where(varies, (x - mean) / torch.where(varies, spread, 1), 0) / x.shape[1] ** 0.5


def fit(
    x: Float[Tensor, "row feature"],
    sign: Float[Tensor, "row problem"],
    used: Float[Tensor, "row problem"],
    *,
    c: float = C,
) -> Fitted:
    """``sign``: 1 or -1, each row's class in each problem; ``used``: 1 for rows that a problem learns from, else 0."""
    rows = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    free = torch.ones(rows.shape[1], 1, dtype=x.dtype, device=x.device)
    free[-1] = 0  # the intercept is not held down
    bound = torch.linalg.cholesky(c / 4 * rows.T @ rows + torch.diag(free[:, 0]))
    at = before = torch.zeros(rows.shape[1], sign.shape[1], dtype=x.dtype, device=x.device)
    ahead, pace = at, torch.ones(1, sign.shape[1], dtype=x.dtype, device=x.device)
    pull = sign * used
    for _ in range(_STEPS):
        slope = free * ahead - c * rows.T @ (pull * torch.sigmoid(-sign * (rows @ ahead)))
        step = torch.cholesky_solve(slope, bound)
        at, before = ahead - step, at
        if float((slope * step).sum(0).amax()) <= _SETTLED**2:
            break
        uphill = (slope * (at - before)).sum(0, keepdim=True) > 0  # momentum overshot: that problem starts it anew
        pace = torch.where(uphill, 1, pace)
        faster = (1 + (1 + 4 * pace**2).sqrt()) / 2
        ahead, pace = at + torch.where(uphill, 0, (pace - 1) / faster) * (at - before), faster
    return Fitted(at[:-1], at[-1])
