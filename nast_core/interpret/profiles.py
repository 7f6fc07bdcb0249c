"""Traces in few numbers: by token role, by layer, for the pairs a model ranks one way or the other."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from nast_core.benchmark.statistics import patient_bootstrap
from nast_core.negation.pairs import ROLES

Average = Literal["ratio_mean", "mean_ratio"]
Segment = Literal["all", "affirmative higher", "negated higher"]
Summary = Literal["std", "max", "mean_abs", "negator", "negator_out"]
SUMMARIES: dict[Summary, str] = {
    "std": "standard deviation over positions from the negator on (QMG)",
    "max": "largest effect over positions from the negator on",
    "mean_abs": "mean absolute effect over positions from the negator on",
    "negator": "effect at the negator",
    "negator_out": "1 - effect at the negator: how much has left it",
}
SEGMENTS: dict[Segment, str] = {
    "all": "every pair",
    "affirmative higher": "d > 0: right where the image shows the finding",
    "negated higher": "d < 0: wrong where the image shows the finding",
}


class Counts(NamedTuple):
    """Pairs of a trace: none is dropped in silence."""

    pairs: int
    undefined: int  # |d| < min_gap on every image: CTE is NaN
    affirmative_higher: int
    negated_higher: int


def counts(traced: xr.Dataset) -> Counts:
    defined = _defined(traced)
    d = traced.d.values[defined]
    return Counts(traced.sizes["pair"], int((~defined).sum()), int((d > 0).sum()), int((d < 0).sum()))


def undefined(traced: xr.Dataset) -> int:
    """Pairs whose CTE is undefined because the two texts score alike."""
    return counts(traced).undefined


def _defined(traced: xr.Dataset) -> np.ndarray:
    effect = traced["cte_head" if "cte_head" in traced else "cte"]
    return effect.notnull().any([dim for dim in effect.dims if dim != "pair"]).values


def segment(traced: xr.Dataset, which: Segment) -> xr.Dataset:
    """The defined pairs of one side, as QMG filters them; undefined pairs stay in ``all`` only."""
    if which == "all":
        return traced
    d = traced.d.values
    return traced.isel(pair=_defined(traced) & (d > 0 if which == "affirmative higher" else d < 0))


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
    """One number a pair and layer, [pair, layer]: see SUMMARIES. A plan that writes a set at once has one already."""
    if "position" not in traced.cte.dims:
        return traced.cte
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


def layer_profile(
    values: xr.DataArray, d: xr.DataArray, average: Average = "mean_ratio", *, seed: int = 0
) -> pd.DataFrame:
    """The mean over pairs of values [pair, layer], with a 95 % percentile bootstrap interval over pairs.

    ``mean_ratio`` weighs pairs alike; ``ratio_mean`` by \\|d\\|, as summed numerators over summed denominators would.
    Returns columns layer, value, low, high, n (defined pairs).
    """
    table = values.transpose("pair", "layer").values
    known = ~np.isnan(table)
    weight = np.ones(len(table)) if average == "mean_ratio" else np.abs(d.values)
    sums = np.concatenate([np.where(known, table, 0) * weight[:, None], known * weight[:, None]], 1)
    one_each = [str(i) for i in range(len(table))]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.divide(*np.split(sums.sum(0), 2))
        low, high = np.full((2, len(mean)), np.nan)
        if known.any():
            drawn = np.divide(*np.split(patient_bootstrap(sums, one_each, seed=seed), 2, axis=1))
            low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    return pd.DataFrame({"layer": values.layer.values, "value": mean, "low": low, "high": high, "n": known.sum(0)})


def head_means(traced: xr.Dataset, average: Average = "ratio_mean") -> xr.DataArray:
    """CTE of heads, [layer, head], averaged over pairs (and positions summed where they were patched apart)."""
    cte = traced.cte_head.sum("position", min_count=1) if "position" in traced.cte_head.dims else traced.cte_head
    if average == "mean_ratio":
        return cte.mean("pair")
    d = traced.d.where(cte.notnull())
    return (cte * traced.d).sum("pair") / d.sum("pair").where(cte.notnull().any("pair"))
