"""Causal tracing effects, CTE: from patched vectors and an image to numbers (method.md section 3)."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import PairError
from nast_core.interpret.dataset import pair_coordinates, provenance
from nast_core.interpret.tracing import MEMORY_BUDGET, patched_vectors
from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import ROLES, AlignedPair

MIN_GAP = 1e-3  # logits; below it S(a) and S(n) are equal to the noise of float32 and the ratio means nothing
Average = Literal["ratio_mean", "mean_ratio"]
Summary = Literal["std", "max", "mean_abs", "negator", "negator_out"]
SUMMARIES: dict[Summary, str] = {
    "std": "standard deviation over positions from the negator on (QMG)",
    "max": "largest effect over positions from the negator on",
    "mean_abs": "mean absolute effect over positions from the negator on",
    "negator": "effect at the negator",
    "negator_out": "1 - effect at the negator: how much has left it",
}


def trace(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Float[Tensor, "pair dim"],
    *,
    min_gap: float = MIN_GAP,
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int], None] | None = None,
) -> xr.Dataset:
    """Exact CTE of every pair's states on its own image.

        cte[pair, l, p] = ( S(a, i) - S(a | h[l, p] <- h_n[l, p], i) ) / d,    d = S(a, i) - S(n, i)

    Args:
        images: unit vectors, one a pair, as ``encode_images`` gives them.
        min_gap: least \\|d\\|, in logits, for which the ratio is defined; NaN below it.
    Returns:
        Dataset: ``cte`` [pair, layer 0..L, position], no unit, NaN where undefined or past a text's end; ``d``,
        ``s_affirmative``, ``s_negated`` [pair], logits; ``role`` [pair, position].
    Raises:
        PairError: no pair, or not one image a pair.
    """
    if not pairs or len(images) != len(pairs):
        raise PairError(f"tracing needs one image a pair; got {len(pairs)} pairs and {len(images)} images")
    vectors = patched_vectors(model.text, pairs, memory_budget=memory_budget, progress=progress)
    ends = text_vectors(model, pairs)
    length = max(p.length for p in pairs)
    cte = np.full((len(pairs), model.text.n_layers + 1, length), np.nan)
    role = np.full((len(pairs), length), "padding", dtype=object)
    scores = np.array([(end @ image).numpy() for end, image in zip(ends, images.to(ends.dtype), strict=True)], float)
    scores = scores * (model.logit_scale or 1.0) + model.logit_bias
    gap = scores[:, 0] - scores[:, 1]
    for row, (pair, patched, image) in enumerate(zip(pairs, vectors, images, strict=True)):
        role[row, : pair.length] = pair.roles
        if abs(gap[row]) >= min_gap:
            score = (patched @ image.to(patched.dtype)).double().numpy() * (model.logit_scale or 1.0) + model.logit_bias
            at = list(pair.positions)
            cte[row][:, at] = ((scores[row, 0] - score) / gap[row])[:, at]
    return xr.Dataset(
        {
            "cte": (("pair", "layer", "position"), cte, {"units": "share of d"}),
            "d": ("pair", gap, {"units": "logits"}),
            "s_affirmative": ("pair", scores[:, 0], {"units": "logits"}),
            "s_negated": ("pair", scores[:, 1], {"units": "logits"}),
            "role": (("pair", "position"), role),
        },
        coords={
            **pair_coordinates(pairs),
            "layer": np.arange(model.text.n_layers + 1),
            "position": np.arange(length),
        },
        attrs={**provenance(model, "trace"), "min_gap": min_gap, "method": "exact", "component": "block"},
    )


@torch.inference_mode()
def text_vectors(model: DualEncoder, pairs: Sequence[AlignedPair]) -> Float[Tensor, "pair form dim"]:
    """Unit vectors of each pair's affirmative and negated text."""
    both = model.encode_texts([t for p in pairs for t in (p.pair.affirmative, p.pair.negated)])
    return both.unflatten(0, (-1, 2))


def undefined(traced: xr.Dataset) -> int:
    """Pairs whose CTE is undefined because the two texts score alike."""
    return int((abs(traced.d) < traced.attrs["min_gap"]).sum())


def by_role(traced: xr.Dataset, average: Average = "ratio_mean") -> xr.DataArray:
    """CTE [role, layer], pooled over pairs and over the positions of a role; NaN where a role never occurs.

    ``ratio_mean``: summed change of score / summed d over the same cells; ``mean_ratio``: mean of CTE.
    """
    return xr.concat([_average(traced, traced.role == role, average) for role in ROLES[:-1]], "role").assign_coords(
        role=list(ROLES[:-1])
    )


def _average(traced: xr.Dataset, where: xr.DataArray, average: str, over: Sequence[str] = ("pair", "position")):
    cte = traced.cte.where(where)
    if average == "mean_ratio":
        return cte.mean(over)
    d = traced.d.where(cte.notnull())
    return (cte * traced.d).sum(over) / d.sum(over).where(cte.notnull().any(over))


def layer_summary(traced: xr.Dataset, summary: Summary = "std") -> xr.DataArray:
    """One number a pair and layer, [pair, layer]: see SUMMARIES."""
    if summary in ("negator", "negator_out"):
        at = traced.cte.where(traced.role == "negator")
        value = at.max("position")  # the span's strongest token: shared words of a cue carry nothing
        return 1 - value if summary == "negator_out" else value
    onward = traced.cte.where(~traced.role.isin(["before", "padding"]))
    match summary:
        case "std":
            return onward.std("position")
        case "max":
            return onward.max("position")
        case "mean_abs":
            return abs(onward).mean("position")
    raise ValueError(f"unknown layer summary {summary!r}; choose one of {', '.join(SUMMARIES)}")
