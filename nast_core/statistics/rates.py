"""Rates with intervals, and paired tests. Items of one patient are not independent: patients are resampled."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

RESAMPLES = 2000
_CELLS_AT_ONCE = 2_000_000


class Rate(NamedTuple):
    """A value with its 95 % interval. NaN where nothing was counted, never 0.

    It prints itself, with any format of a number: f"{rate:.2f}" is "0.62 (0.55 to 0.69), n = 1,214".
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, figure: Mapping[str, Any]) -> "Rate":
        """From {value, low, high, n}, as summaries keep it: None there is a number that is undefined."""
        value, low, high = (float("nan") if (part := figure[name]) is None else part for name in cls._fields[:3])
        return cls(value, low, high, figure["n"])

    def times(self, scale: float) -> "Rate":
        """100: a share as a percentage."""
        return Rate(self.value * scale, self.low * scale, self.high * scale, self.n)

    def interval(self, spec: str = ".3f", unit: str = "") -> str:
        """Without n: "0.620 (0.550 to 0.690)"; ``unit`` is said once. The value alone where it has no interval."""
        if math.isnan(self.value):
            return "undefined"
        return f"{self.value:{spec}}{unit}" + ("" if math.isnan(self.low) else f" ({self.ends(spec)})")

    def ends(self, spec: str = ".3f") -> str:
        """Of the interval: "0.550 to 0.690"."""
        return f"{self.low:{spec}} to {self.high:{spec}}"

    def __format__(self, spec: str) -> str:
        return f"{self.interval(spec or '.3f')}, n = {self.n:,}"

    def __str__(self) -> str:
        return format(self)


def patient_bootstrap(
    values: Float[np.ndarray, "item column"], patients: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Float[np.ndarray, "resample column"]:
    """Means of every column over items, patients drawn with replacement; one draw serves all columns.

    NaN cells are left out of their column's mean.
    """
    _, group = np.unique(np.asarray(patients), return_inverse=True)
    count = int(group.max()) + 1
    known = ~np.isnan(values)
    sums, sizes = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, group, np.where(known, values, 0))
    np.add.at(sizes, group, known)
    rng, means = np.random.default_rng(seed), []
    step = max(1, _CELLS_AT_ONCE // count)
    for start in range(0, resamples, step):
        people = rng.integers(count, size=(min(step, resamples - start), count), dtype=np.int32)
        weight = np.stack([np.bincount(row, minlength=count) for row in people]).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append((weight @ sums) / (weight @ sizes))
    return np.concatenate(means)


def rates(values: Float[np.ndarray, "item column"], patients: Sequence[str], **options) -> list[Rate]:
    """Mean of every column (NaN = not scored) with a 95 % percentile interval over patients.

    One draw of patients serves all columns: many groups cost little more than one, and can be compared.
    """
    nothing = Rate(float("nan"), float("nan"), float("nan"), 0)
    counts = (~np.isnan(values)).sum(0)
    by_column = [nothing] * values.shape[1]
    if (some := np.flatnonzero(counts)).size:
        means = patient_bootstrap(values[:, some], patients, **options)
        low, high = np.nanpercentile(means, [2.5, 97.5], axis=0)
        for place, column in enumerate(some):
            mean = float(np.nanmean(values[:, column]))
            by_column[column] = Rate(mean, float(low[place]), float(high[place]), int(counts[column]))
    return by_column


def rate(values: ArrayLike, patients: Sequence[str], **options) -> Rate:
    """``rates`` of one column: numbers [item] in an array, a list or a table's column."""
    return rates(np.asarray(values, float)[:, None], patients, **options)[0]


def difference(
    first: np.ndarray, second: np.ndarray, patients: Sequence[str], *, scale: float = 1.0, **options
) -> Rate:
    """Mean of first - second on the same items, times ``scale``; the same patients are drawn for both."""
    gap = (np.asarray(first, float) - np.asarray(second, float)) * scale
    return rate(gap, patients, **options)


def apart(first: Rate, second: Rate) -> Rate:
    """second - first of two rates of which the intervals alone are known, taken for independent: each end is as far
    off as the two ends that make it, squared and added. Source: Zou and Donner 2008 (doi:10.1002/sim.3095).

    n is the smaller one. NaN where either has no interval.
    """
    change = second.value - first.value
    down = math.hypot(second.value - second.low, first.high - first.value)
    up = math.hypot(second.high - second.value, first.value - first.low)
    return Rate(change, change - down, change + up, min(first.n, second.n))


class McNemar(NamedTuple):
    """Exact paired test of two forms on the same items."""

    only_first: int  # items right in the first form alone
    only_second: int
    p_value: float  # two-sided binomial; 1 where the forms never disagree


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """``first`` and ``second``: 1 right, 0 wrong, NaN not scored; an item not scored in both is left out."""
    from scipy.special import bdtr  # the binomial's distribution function; scipy.stats takes a second and a half

    first, second = np.asarray(first, float), np.asarray(second, float)
    b, c = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    return McNemar(b, c, min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0)


def holm(p_values: Sequence[float]) -> Float[np.ndarray, " test"]:
    """p-values corrected for testing all of them at once [Holm 1979]; NaN, of a test not made, is no test and stays.

    The k-th smallest of m is multiplied by m - k + 1, never falls below a smaller one's, and is at most 1.
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p)[: (~np.isnan(p)).sum()]  # NaN sorts last
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return corrected
