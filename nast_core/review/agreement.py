"""How far reviewers agree: Cohen's kappa of two, Krippendorff's alpha of two or more, with intervals over patients.

Sources: Cohen 1960; Krippendorff 2011, "Computing Krippendorff's alpha-reliability", nominal data with missing values.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.metrics import cohen_kappa_score

from nast_core.review.judgements import VERDICTS, Case, Verdict
from nast_core.statistics.rates import RESAMPLES, Rate, rate

Table = Float[np.ndarray, "*resample verdict verdict"]
_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}


class Agreement(NamedTuple):
    """NaN where a statistic is undefined: no item judged by two, or one verdict throughout."""

    alpha: Rate  # of all reviewers; n: items judged by at least two
    pairs: dict[tuple[str, str], "PairAgreement"]


class PairAgreement(NamedTuple):
    kappa: Rate  # n: items that both have judged
    same: Rate  # share of them that got one verdict from both
    table: Table  # counts; rows: the first reviewer's verdict, columns: the second's


def agreement(verdicts: Mapping[str, Mapping[str, Verdict]], items: Sequence[Case], *, seed: int = 0) -> Agreement:
    """``verdicts``: reviewer -> item id -> verdict. 95 % percentile intervals, patients (of mappings: conditions) drawn
    with replacement."""
    tables = np.stack([coincidences([v[i.item_id] for v in verdicts.values() if i.item_id in v]) for i in items])
    patients = [item.patient_id for item in items]
    pairs = {
        (first, second): _pair(verdicts[first], verdicts[second], items, seed)
        for first, second in combinations(sorted(verdicts), 2)
    }
    n = int((tables.sum((1, 2)) > 0).sum())
    alpha = float(alpha_of(tables.sum(0)))
    return Agreement(Rate(alpha, *_interval(alpha_of, tables, patients, seed), n), pairs)


def coincidences(verdicts: Sequence[str], values: Sequence[str] = VERDICTS) -> Table:
    """One item's share of the coincidence matrix: its ordered pairs of verdicts, over the number of verdicts less one.

    All 0 where fewer than two have judged it: nothing can be compared.
    """
    if len(verdicts) < 2:
        return np.zeros((len(values),) * 2)
    counts = np.array([verdicts.count(value) for value in values], float)
    return (np.outer(counts, counts) - np.diag(counts)) / (len(verdicts) - 1)


def alpha_of(coincidences: Table) -> Float[np.ndarray, "*resample"]:
    """Krippendorff's alpha: 1 - observed over expected disagreement, nominal. NaN where all verdicts are one."""
    totals = coincidences.sum(-1)
    n = totals.sum(-1)
    observed = n - np.trace(coincidences, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = (n**2 - (totals**2).sum(-1)) / (n - 1)
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def kappa_of(table: Table) -> Float[np.ndarray, "*resample"]:
    """Cohen's kappa of counted pairs of verdicts, unweighted. NaN where both gave one and the same throughout."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = table / table.sum((-2, -1), keepdims=True)
        by_chance = (shares.sum(-1) * shares.sum(-2)).sum(-1)
        return np.where(by_chance < 1, (np.trace(shares, axis1=-2, axis2=-1) - by_chance) / (1 - by_chance), np.nan)


def _pair(
    first: Mapping[str, Verdict], second: Mapping[str, Verdict], items: Sequence[Case], seed: int
) -> PairAgreement:
    both = [item for item in items if item.item_id in first and item.item_id in second]
    patients = [item.patient_id for item in both]
    pairs = [(first[item.item_id], second[item.item_id]) for item in both]
    tables = np.zeros((len(both), len(VERDICTS), len(VERDICTS)))
    for place, (one, other) in enumerate(pairs):
        tables[place, _CODES[one], _CODES[other]] = 1
    varied = len({verdict for pair in pairs for verdict in pair}) > 1
    kappa = float(cohen_kappa_score(*zip(*pairs, strict=True))) if varied else math.nan
    same = rate(np.array([one == other for one, other in pairs], float), patients, seed=seed)
    return PairAgreement(Rate(kappa, *_interval(kappa_of, tables, patients, seed), len(both)), same, tables.sum(0))


def _interval(
    statistic: Callable[[Table], np.ndarray],
    tables: Float[np.ndarray, "item verdict verdict"],
    patients: Sequence[str],
    seed: int,
) -> tuple[float, float]:
    """Both statistics are functions of a table that is a sum over items, so a resample is a weighted sum of
    patients'."""
    names, group = np.unique(np.asarray(patients), return_inverse=True)
    if not len(names):
        return math.nan, math.nan
    sums = np.zeros((len(names), *tables.shape[1:]))
    np.add.at(sums, group, tables)
    weights = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    values = statistic(np.tensordot(weights.astype(float), sums, axes=1))
    if np.isnan(values).all():
        return math.nan, math.nan
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
