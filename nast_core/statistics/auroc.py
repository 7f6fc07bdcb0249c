"""AUROC with intervals over patients: a weighted AUROC for every resample at once."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score

from nast_core.statistics.rates import RESAMPLES, Rate

_AT_ONCE = 400  # resamples: few enough that their weights stay in the cache


def auroc(truth: ArrayLike, score: ArrayLike) -> float:
    """Probability that a true item scores above a false one, ties half. NaN where one of the two classes is missing.

    Both [item]. ``truth``: 1, 0, or NaN for items that are not known and left out.
    """
    truth, score = np.asarray(truth, float), np.asarray(score, float)
    known = ~np.isnan(truth) & ~np.isnan(score)
    if len(np.unique(truth[known])) < 2:
        return float("nan")
    return float(roc_auc_score(truth[known], score[known]))


def auroc_columns(
    truth: Float[np.ndarray, "item column"], score: Float[np.ndarray, "item column"]
) -> Float[np.ndarray, " column"]:
    """``auroc`` of every column, to rounding, in a hundredth of the time where there are hundreds of them."""
    each, once = np.arange(len(truth)), np.ones((len(truth), 1), np.float32)
    areas = [_Sorted(truth[:, i], score[:, i], each).weighted(once)[0] for i in range(truth.shape[1])]
    return np.array(areas, float)


def auroc_resamples(
    truth: Float[np.ndarray, "item column"],
    score: Float[np.ndarray, "item column"],
    patients: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Float[np.ndarray, "resample column"]:
    """AUROC of every column in resamples of the patients; one draw serves all columns, so they can be compared.

    NaN where a resample has items of one class only. Equal to drawing the patients' items and sorting them anew, but
    sorted once: a patient drawn k times weighs k.
    """
    if not truth.size:
        return np.empty((resamples, truth.shape[1]))
    _, group = np.unique(np.asarray(patients), return_inverse=True)
    count = int(group.max()) + 1
    columns = [_Sorted(truth[:, i], score[:, i], group) for i in range(truth.shape[1])]
    rng, areas = np.random.default_rng(seed), []
    for start in range(0, resamples, _AT_ONCE):
        people = rng.integers(count, size=(min(_AT_ONCE, resamples - start), count), dtype=np.int32)
        weight = np.stack([np.bincount(row, minlength=count) for row in people], axis=1).astype(np.float32)
        areas.append(np.stack([column.weighted(weight) for column in columns], axis=1))
    return np.concatenate(areas)


class _Sorted:
    """One column's known items in order of score, ready to be weighed."""

    def __init__(self, truth: np.ndarray, score: np.ndarray, group: np.ndarray):
        known = ~np.isnan(truth) & ~np.isnan(score)
        order = np.argsort(score[known], kind="stable")
        self.group = group[known][order]
        self.true: Bool[np.ndarray, " item"] = truth[known][order] == 1
        in_order = score[known][order]
        self.starts = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]])  # where each run of ties begins

    def weighted(self, weight: Float[np.ndarray, "patient resample"]) -> Float[np.ndarray, " resample"]:
        if not len(self.group):
            return np.full(weight.shape[1], np.nan)
        own = weight[self.group]
        positive, negative = own * self.true[:, None], own * ~self.true[:, None]
        if len(self.starts) < len(self.group):
            positive, negative = (np.add.reduceat(each, self.starts, axis=0) for each in (positive, negative))
        below = np.cumsum(negative, axis=0)  # whole numbers well under 2 ** 24: exact in float32
        pairs = positive.sum(0, dtype=np.float64) * below[-1]
        below -= 0.5 * negative  # ties count half
        below *= positive
        with np.errstate(invalid="ignore", divide="ignore"):
            return below.sum(0, dtype=np.float64) / pairs


def interval(value: float, resampled: Float[np.ndarray, " resample"], n: int) -> Rate:
    """A value with the 95 % percentile interval of its resamples; NaN throughout where the value is undefined."""
    if np.isnan(value) or np.isnan(resampled).all():
        return Rate(value, float("nan"), float("nan"), n if not np.isnan(value) else 0)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Rate(float(value), float(low), float(high), n)


def mean_of_defined(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean without NaN cells; NaN, without a warning, where nothing is defined."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0).sum(axis) / known.sum(axis)
