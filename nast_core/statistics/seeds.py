"""Statistics over seeds: means with t-intervals, paired tests between arms, Holm's correction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

Estimate = dict[str, Any]  # mean, low, high, n


def over_seeds(values: Sequence[float]) -> Estimate:
    """Mean with its 95 % t-interval; one value has none (NaN)."""
    numbers = np.asarray(values, float)
    mean = float(numbers.mean()) if len(numbers) else float("nan")
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * stats.sem(numbers)) if len(numbers) > 1 else float("nan")
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(numbers)}


def paired(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Mean of first - second over seeds that both have, with its 95 % t-interval and the paired t-test's two-sided p.

    NaN p for fewer than two seeds, and where every difference is the same.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    varied = len(gaps) > 1 and not np.allclose(gaps, gaps[0], rtol=1e-9, atol=1e-12)  # else t is rounding over rounding
    return over_seeds(gaps) | {"p": float(stats.ttest_1samp(gaps, 0).pvalue) if varied else float("nan")}


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given; NaN stays NaN and counts for none.

    Source: Holm 1979. Adjusted p of rank k = max over ranks j <= k of (m - j + 1) p_(j), at most 1.
    """
    places = [i for i, p in enumerate(p_values) if not np.isnan(p)]
    adjusted, least = [float("nan")] * len(p_values), 0.0
    for rank, i in enumerate(sorted(places, key=lambda i: p_values[i])):
        least = max(least, min(1.0, (len(places) - rank) * p_values[i]))
        adjusted[i] = least
    return adjusted
