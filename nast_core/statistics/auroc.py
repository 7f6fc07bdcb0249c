"""AUROC with intervals over patients: a weighted AUROC for every resample at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score

from nast_core.statistics.rates import RESAMPLES, Rate

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_AT_ONCE = 400  # resamples: few enough that their weights stay in the cache
_BLOCK = 32  # steps of one matrix product


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
    """``auroc`` of every column, to rounding, in a fraction of the time where there are hundreds of them."""
    each, once = np.arange(len(truth)), np.ones((len(truth), 1), np.float32)
    areas = [_Sorted(truth[:, i], score[:, i], each, len(truth)).weighted(once)[0] for i in range(truth.shape[1])]
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
    columns = [_Sorted(truth[:, i], score[:, i], group, count) for i in range(truth.shape[1])]
    rng, areas = np.random.default_rng(seed), []
    for start in range(0, resamples, _AT_ONCE):
        people = rng.integers(count, size=(min(_AT_ONCE, resamples - start), count), dtype=np.int32)
        weight = np.stack([np.bincount(row, minlength=count) for row in people], axis=1).astype(np.float32)
        areas.append(np.stack([column.weighted(weight) for column in columns], axis=1))
    return np.concatenate(areas)


class _Sorted:
    """One column's known items, put in order once, ready to be weighed.

    All that counts is how much of one class lies below each score of the other. The class with fewer scores gives the
    steps: so many sums there are to a resample. They are whole numbers and halves, well under 2 ** 24: exact.
    """

    def __init__(self, truth: np.ndarray, score: np.ndarray, group: np.ndarray, count: int):
        known = ~np.isnan(truth) & ~np.isnan(score)
        true, score, group = truth[known] == 1, score[known], group[known]
        steps = [np.unique(score[of_class]) for of_class in (true, ~true)]
        self.turned = len(steps[1]) < len(steps[0])
        own, at = true != self.turned, steps[self.turned]
        tied = ~own & np.isin(score, at)
        rows = np.searchsorted(at, score)  # the first step that is not below
        self.own, self.between, self.tied = (
            _counts(rows[part], group[part], (len(at) + 1, count)) if part.any() else None
            for part in (own, ~own & ~tied, tied)
        )

    def weighted(self, weight: Float[np.ndarray, "patient resample"]) -> Float[np.ndarray, " resample"]:
        if self.own is None or (self.between is None and self.tied is None):
            return np.full(weight.shape[1], np.nan)
        own: np.ndarray = self.own @ weight
        below = np.zeros_like(own) if self.between is None else _running(self.between @ weight)
        others = below[-1]
        if self.tied is not None:
            tied = self.tied @ weight
            up_to = _running(tied)
            below, others = below + up_to - 0.5 * tied, others + up_to[-1]  # ties count half
        pairs = own.sum(0).astype(np.float64) * others
        right = (below * own).sum(0, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (pairs - right if self.turned else right) / pairs


def _running(table: Float[np.ndarray, "step resample"]) -> Float[np.ndarray, "step resample"]:
    """Its running sums over steps: numpy's cumsum, by matrix products of a few steps each, which take a fifth."""
    steps, resamples = table.shape
    blocks = np.zeros((-(-steps // _BLOCK), _BLOCK, resamples), np.float32)
    blocks.reshape(-1, resamples)[:steps] = table
    sums = np.tri(_BLOCK, dtype=np.float32) @ blocks
    sums[1:] += np.cumsum(sums[:-1, -1], axis=0)[:, None]
    return sums.reshape(-1, resamples)[:steps]


def _counts(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> "csr_matrix":
    """How often each pair of row and column occurs."""
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


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
