"""AUROC and its intervals: by hand, against scikit-learn, and against drawing patients one by one."""

import warnings
from math import isnan

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from nast_core.statistics import auroc as module
from nast_core.statistics.auroc import auroc, auroc_columns, auroc_resamples, interval, mean_of_defined
from nast_core.statistics.rates import Rate

NAN = float("nan")


def test_auroc_by_hand():
    assert auroc([1, 0, 1, 0], [4, 3, 2, 1]) == 0.75  # of four pairs, (2 against 3) is wrong
    assert auroc([1, 0], [5, 5]) == 0.5
    assert auroc([1, 0, 1], [2, 1, NAN]) == 1
    assert auroc([1, 0, NAN], [2, 1, 9]) == 1
    with warnings.catch_warnings(action="error"):  # scikit-learn, asked for the area of one class, warns or raises
        assert isnan(auroc([1, 1, NAN], [1, 2, 3]))
        assert isnan(auroc([], []))


def one_by_one(truth, score, patients, resamples, seed):
    """Patients drawn with replacement, their items laid side by side, and scikit-learn asked."""
    rng, names = np.random.default_rng(seed), sorted(set(patients))
    drawn = rng.integers(len(names), size=(resamples, len(names)), dtype=np.int32)
    found = []
    for row in drawn:
        items = [i for place in row for i, patient in enumerate(patients) if patient == names[place]]
        items = [i for i in items if not isnan(truth[i]) and not isnan(score[i])]
        there = {truth[i] for i in items}
        found.append(roc_auc_score(truth[items], score[items]) if len(there) == 2 else NAN)
    return found


def test_the_weighted_auroc_of_a_resample_is_that_of_its_items_laid_side_by_side():
    rng = np.random.default_rng(1)
    patients = [f"p{i}" for i in rng.integers(8, size=30)]
    truth = rng.integers(2, size=(30, 3)).astype(float)
    score = rng.integers(5, size=(30, 3)).astype(float)  # many ties
    truth[rng.random((30, 3)) < 0.2] = NAN
    score[3, 0] = NAN
    found = auroc_resamples(truth, score, patients, resamples=40, seed=7)
    for column in range(3):
        expected = one_by_one(truth[:, column], score[:, column], patients, 40, 7)
        assert found[:, column] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])  # whichever class is the smaller one
def test_the_aurocs_of_a_table_are_those_of_its_columns(share):
    rng = np.random.default_rng(2)
    truth = (rng.random((100, 4)) < share).astype(float)
    score = np.c_[rng.normal(size=(100, 2)), rng.integers(4, size=(100, 2))]
    truth[rng.random(truth.shape) < 0.2] = NAN
    assert auroc_columns(truth, score) == pytest.approx([auroc(truth[:, i], score[:, i]) for i in range(4)], abs=1e-12)
    assert np.isnan(auroc_columns(np.ones((3, 1)), np.ones((3, 1)))).all()


def test_a_resample_with_one_class_only_is_nan():
    found = auroc_resamples(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]]), ["a", "b"], resamples=200)[:, 0]
    assert np.isnan(found).mean() == pytest.approx(0.5, abs=0.1)  # the same patient drawn twice
    assert set(found[~np.isnan(found)]) == {1}


def test_the_draws_do_not_depend_on_how_many_fit_in_memory(monkeypatch):
    rng = np.random.default_rng(0)
    truth, score, patients = rng.integers(2, size=(50, 1)).astype(float), rng.random((50, 1)), list(map(str, range(50)))
    at_once = auroc_resamples(truth, score, patients, resamples=90)
    monkeypatch.setattr(module, "_AT_ONCE", 7)
    assert (auroc_resamples(truth, score, patients, resamples=90) == at_once).all()


def test_the_interval_has_about_the_width_that_theory_gives():
    """Hanley and McNeil 1982, for 150 true and 150 false items with a true AUROC near 0.76."""
    rng = np.random.default_rng(3)
    truth = np.repeat([1.0, 0.0], 150)
    score = rng.normal(size=300) + truth
    value = auroc(truth, score)
    found = interval(value, auroc_resamples(truth[:, None], score[:, None], list(map(str, range(300))))[:, 0], 300)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    error = ((value * (1 - value) + 149 * (q1 - value**2) + 149 * (q2 - value**2)) / 150**2) ** 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.12)
    assert found.low < value < found.high


def test_an_undefined_value_has_an_undefined_interval_and_counts_nothing():
    found = interval(NAN, np.full(5, NAN), 12)
    assert isnan(found.value)
    assert isnan(found.low)
    assert found.n == 0
    assert interval(0.5, np.array([0.5, NAN]), 3) == Rate(0.5, 0.5, 0.5, 3)


def test_means_pass_over_what_is_undefined():
    assert mean_of_defined(np.array([1.0, NAN, 3.0])) == 2
    assert mean_of_defined(np.array([[1.0, NAN], [NAN, NAN]]), 1) == pytest.approx([1, NAN], nan_ok=True)


def test_no_columns_give_no_resamples():
    assert auroc_resamples(np.empty((3, 0)), np.empty((3, 0)), ["a", "b", "c"], resamples=5).shape == (5, 0)
