"""Statistics over seeds: means with t-intervals, paired tests between arms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from nast_core.statistics.rates import Rate

Estimate = dict[str, Any]  # mean, low, high, n


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean with its 95 % t-interval; one value has none (NaN)."""
    numbers = np.asarray(values, float)
    mean = float(numbers.mean()) if len(numbers) else float("nan")
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * stats.sem(numbers)) if len(numbers) > 1 else float("nan")
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(numbers)}


def rate_of(estimate: Estimate) -> Rate:
    """An estimate as a rate, which prints itself."""
    return Rate(estimate["mean"], estimate["low"], estimate["high"], estimate["n"])


def paired(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Mean of first - second over seeds that both have, with its 95 % t-interval and the paired t-test's two-sided p.

    NaN p for fewer than two seeds, and where every difference is the same.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    varied = len(gaps) > 1 and not np.allclose(gaps, gaps[0], rtol=1e-9, atol=1e-12)  # else t is rounding over rounding
    return over_seeds(gaps) | {"p": float(stats.ttest_1samp(gaps, 0).pvalue) if varied else float("nan")}
