"""What both kinds of attribution share: the score as a function with gradients, and integrated gradients along a line.

The score of a text t and an image i is S(t, i) = logit_scale x cosine (+ bias). An attribution shares out the change of
S between a baseline, which says or shows nothing, and the text or image itself. Everything is done for the affirmative
and the negated text of a pair, axis ``form``; what the negation changes is the difference of the two, since every
method here is linear in the score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import NastError
from nast_core.interpret.captum_methods import IntegratedGradients
from nast_core.models.encoder import DualEncoder

N_STEPS = 32  # Gauss-Legendre nodes to begin with: most text towers are within a thousandth of the change by then
MAX_STEPS = 512
MAX_DELTA = 0.01  # largest convergence delta aimed at, as a share of the change of score
MIN_COSINE = 1e-5  # a change of cosine below it is float32's rounding, and no share of it means anything

Score = Callable[[Tensor], Float[Tensor, " row"]]


class AttributionError(NastError):
    """A model, or a method on it, that cannot give attributions."""


@dataclass(frozen=True)
class Line:
    """A straight line from a baseline to an input, each [1, ...], and the score along it."""

    score: Score
    baseline: Tensor
    end: Tensor


@dataclass(frozen=True)
class Integral:
    """Integrated gradients of one line."""

    attribution: Tensor  # as the input, without its first axis; float64, on the CPU
    start: float  # score of the baseline
    end: float
    delta: float  # sum of the attributions - (end - start): what the numeric integral is off by
    delta_share: float  # |delta| as a share of the change of score; NaN where the score does not change
    n_steps: int


def share(model: DualEncoder, delta: float, change: float) -> float:
    """|delta / change|; NaN for a change that is only rounding."""
    return abs(delta / change) if abs(change) >= MIN_COSINE * (model.logit_scale or 1.0) else float("nan")


def integrate(
    model: DualEncoder,
    lines: Sequence[Line],
    *,
    batch: int,
    n_steps: int = N_STEPS,
    max_steps: int = MAX_STEPS,
    advice: str = "",
) -> list[Integral]:
    """Integrated gradients of the lines of one pair, with as many steps as completeness needs.

    Steps double from ``n_steps`` until every line's \\|delta\\|, and that of the first less the last, is at most
    MAX_DELTA of the change of score, or ``max_steps`` is reached; the delta is returned either way.

    Args:
        batch: points on a line that run at once.
        advice: half a sentence for the error: what else the user may do.
    Raises:
        AttributionError: gradients do not reach the input.
    Source: Sundararajan et al. 2017 (arXiv:1703.01365), by captum. Raising the steps is ours.
    """
    with torch.inference_mode(False), torch.enable_grad():
        changes = [_ends(line, advice) for line in lines]
        while True:
            integrals = [
                _integral(model, line, *ends, n_steps, batch) for line, ends in zip(lines, changes, strict=True)
            ]
            if n_steps >= max_steps or _complete(model, integrals):
                return integrals
            n_steps = min(2 * n_steps, max_steps)


def _ends(line: Line, advice: str) -> tuple[float, float]:
    end = line.score(line.end.clone().requires_grad_())
    if not end.requires_grad:
        raise AttributionError(
            f"gradients do not reach the input of this model, and integrated gradients need them{advice}"
        )
    with torch.no_grad():
        return float(line.score(line.baseline)), float(end)


def _integral(model: DualEncoder, line: Line, start: float, end: float, n_steps: int, batch: int) -> Integral:
    gradients = IntegratedGradients(line.score).attribute(
        line.end, baselines=line.baseline, n_steps=n_steps, internal_batch_size=batch
    )
    values = gradients[0].detach().cpu().double()
    delta = float(values.sum()) - (end - start)
    return Integral(values, start, end, delta, share(model, delta, end - start), n_steps)


def _complete(model: DualEncoder, integrals: Sequence[Integral]) -> bool:
    first, last = integrals[0], integrals[-1]
    between = share(model, first.delta - last.delta, first.end - first.start - (last.end - last.start))
    # NaN compares false: a change that is only rounding asks for no more steps
    return not any(value > MAX_DELTA for value in (between, *(one.delta_share for one in integrals)))


def score_variables(ends: Float[np.ndarray, "pair form"]) -> dict[str, tuple]:
    """S of both texts and d, under the names that every result uses."""
    logits = {"units": "logits"}
    return {
        "s_affirmative": ("pair", ends[:, 0], logits),
        "s_negated": ("pair", ends[:, 1], logits),
        "d": ("pair", ends[:, 0] - ends[:, 1], logits),
    }


def completeness(integrals: Sequence[Sequence[Integral]]) -> dict[str, tuple]:
    """What says whether the integrals of each pair's two texts add up."""

    def each(name: str, units: str) -> tuple:
        return (
            ("pair", "form"),
            np.array([[getattr(one, name) for one in forms] for forms in integrals]),
            {"units": units},
        )

    return {
        "s_baseline": each("start", "logits"),
        "delta": each("delta", "logits"),
        "delta_share": each("delta_share", "share of S - s_baseline"),
        "n_steps": each("n_steps", "nodes"),
    }


def scores(
    model: DualEncoder, vectors: Float[Tensor, "row dim"], others: Float[Tensor, "other dim"]
) -> Float[Tensor, "row other"]:
    """S of joint-space vectors with gradients, not yet normalised, against unit vectors of the other kind."""
    return F.normalize(vectors, dim=-1) @ others.T * (model.logit_scale or 1.0) + model.logit_bias


def fixed(model: DualEncoder, vectors: Float[Tensor, "row dim"]) -> Float[Tensor, "row dim"]:
    """Unit vectors as ``encode_texts`` and ``encode_images`` give them, made fit to take part in a gradient."""
    with torch.inference_mode(False):
        return vectors.clone().to(model.text.device, model.dtype)


def check_precision(model: DualEncoder) -> None:
    """Raises AttributionError for a model in half precision."""
    if model.dtype not in (torch.float32, torch.float64):
        name = str(model.dtype).removeprefix("torch.")
        raise AttributionError(
            f"{model.card.name} was loaded in {name}, whose rounding is as large as the differences of score that "
            "attributions add up; load it in float32"
        )
