"""Traces in few numbers: by token role, by layer, for the pairs a model ranks one way or the other."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from nast_core.interpret.summaries import Average, whole_heads
from nast_core.negation.pairs import ROLES
from nast_core.statistics.rates import patient_bootstrap

Segment = Literal["all", "affirmative higher", "negated higher"]
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


def weights_of_pairs(d: xr.DataArray, average: Average) -> xr.DataArray:
    """[pair]: 1, or \\|d\\|. Not signed d: that of the two sides would cancel (method.md section 3)."""
    return xr.ones_like(d) if average == "mean_ratio" else abs(d)


def average_over(
    effect: xr.DataArray, d: xr.DataArray, average: Average, over: Sequence[str] = ("pair",)
) -> xr.DataArray:
    """The mean of an effect over the cells where it is defined; NaN where none is. Every average of effects is this
    one.

    ``mean_ratio``: cells alike; ``ratio_mean``: by their pair's \\|d\\|, sum \\|d\\| CTE / sum \\|d\\|.
    """
    weight = weights_of_pairs(d, average).where(effect.notnull())
    return (effect * weight).sum(over) / weight.sum(over).where(effect.notnull().any(over))


def by_role(traced: xr.Dataset, average: Average = "ratio_mean") -> xr.DataArray:
    """CTE [role, layer], averaged over pairs and over the positions of a role; NaN where a role never occurs."""
    of = [
        average_over(traced.cte.where(traced.role == role), traced.d, average, ("pair", "position"))
        for role in ROLES[:-1]
    ]
    return xr.concat(of, "role").assign_coords(role=list(ROLES[:-1]))


def layer_profile(
    values: xr.DataArray, d: xr.DataArray, average: Average = "mean_ratio", *, seed: int = 0
) -> pd.DataFrame:
    """The mean over pairs of values [pair, layer], with a 95 % percentile bootstrap interval over pairs.

    Returns columns layer, value, low, high, n (defined pairs).
    """
    table = values.transpose("pair", "layer").values
    known = ~np.isnan(table)
    weight = weights_of_pairs(d, average).values
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
    return average_over(whole_heads(traced), traced.d, average)
