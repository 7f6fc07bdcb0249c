"""Rates, intervals over patients, and the paired test, by hand and by plain loops."""

from math import comb, isnan

import numpy as np
import pytest

from nast_core.statistics import rates as statistics
from nast_core.statistics.rates import Rate, difference, holm, mcnemar, patient_bootstrap, rate, rates

NAN = float("nan")


def plain_bootstrap(values, patients, resamples, seed):
    """One resample after another, item by item."""
    rng, names = np.random.default_rng(seed), sorted(set(patients))
    drawn = rng.integers(len(names), size=(resamples, len(names)), dtype=np.int32)
    means = []
    for row in drawn:
        total = known = 0.0
        for place in row:
            for value, patient in zip(values, patients, strict=True):
                if patient == names[place] and not isnan(value):
                    total, known = total + value, known + 1
        means.append(total / known if known else NAN)
    return means


def test_patient_bootstrap_equals_a_plain_loop_with_the_same_draws():
    rng = np.random.default_rng(5)
    patients = [f"p{i}" for i in rng.integers(7, size=25)]
    values = rng.random((25, 2))
    values[rng.random((25, 2)) < 0.2] = NAN
    found = patient_bootstrap(values, patients, resamples=60, seed=3)
    assert found.shape == (60, 2)
    for column in range(2):
        expected = plain_bootstrap(values[:, column], patients, 60, 3)
        assert found[:, column] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_a_resample_in_which_nothing_was_scored_is_nan_and_left_out_of_the_interval():
    values, patients = [NAN, 1.0], ["a", "b"]
    means = patient_bootstrap(np.array(values)[:, None], patients, resamples=400)[:, 0]
    assert np.isnan(means).mean() == pytest.approx(0.25, abs=0.1)  # a drawn twice
    assert rate(values, patients) == Rate(1, 1, 1, 1)


def test_the_draws_do_not_depend_on_how_many_fit_in_memory(monkeypatch):
    values, patients = np.random.default_rng(0).random((30, 1)), [str(i // 2) for i in range(30)]
    at_once = patient_bootstrap(values, patients, resamples=50)
    monkeypatch.setattr(statistics, "_CELLS_AT_ONCE", 4 * 15)
    assert (patient_bootstrap(values, patients, resamples=50) == at_once).all()


def test_the_interval_of_single_item_patients_is_the_binomial_one():
    values, patients = [0.0] * 140 + [1.0] * 60, [str(i) for i in range(200)]
    found = rate(values, patients, resamples=8000)
    half = 1.96 * (0.3 * 0.7 / 200) ** 0.5  # normal approximation
    assert found.value == pytest.approx(0.3)
    assert found.n == 200
    assert (found.low, found.high) == pytest.approx((0.3 - half, 0.3 + half), abs=0.006)


def test_two_patients_one_right_one_wrong_span_the_whole_range():
    # means of a resample: 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4
    assert rate([0.0, 1.0], ["a", "b"]) == Rate(0.5, 0.0, 1.0, 2)
    means = patient_bootstrap(np.array([[0.0], [1.0]]), ["a", "b"], resamples=8000)[:, 0]
    assert [np.mean(means == mean) for mean in (0, 0.5, 1)] == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_more_items_of_the_same_patients_do_not_narrow_the_interval():
    values, patients = np.random.default_rng(1).random(40), [str(i) for i in range(40)]
    once, five_times = rate(values, patients), rate(np.tile(values, 5), patients * 5)
    assert five_times.n == 200
    assert five_times[:3] == pytest.approx(once[:3])
    as_if_independent = rate(np.tile(values, 5), [str(i) for i in range(200)])
    assert as_if_independent.high - as_if_independent.low < 0.6 * (once.high - once.low)


def test_a_patient_with_more_items_weighs_more():
    found = rate([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"])
    assert found.value == 0.75
    # resamples: aa -> 1, ab -> 3/4, bb -> 0
    means = patient_bootstrap(np.array([[1.0], [1], [1], [0]]), ["a", "a", "a", "b"], resamples=500)
    assert set(means[:, 0]) == {0.0, 0.75, 1.0}


def test_the_order_of_items_does_not_matter_and_the_seed_does():
    rng = np.random.default_rng(2)
    values, patients = rng.random(50), rng.integers(20, size=50).astype(str)
    mixed = rng.permutation(50)
    assert rate(values[mixed], patients[mixed], seed=4) == pytest.approx(rate(values, patients, seed=4))
    assert rate(values, patients, seed=4) != rate(values, patients, seed=5)


@pytest.mark.parametrize("values", [[], [NAN], [NAN, NAN]])
def test_a_rate_of_no_items_is_nan_and_not_zero(values):
    found = rate(values, ["p"] * len(values))
    assert found.n == 0
    assert all(isnan(x) for x in (found.value, found.low, found.high))


def test_rates_of_many_columns_are_those_of_each_alone():
    rng = np.random.default_rng(6)
    values, patients = rng.random((40, 3)), rng.integers(9, size=40).astype(str)
    values[::3, 1] = values[:, 2] = NAN
    found = rates(values, patients, seed=2)
    assert found[:2] == [pytest.approx(rate(values[:, column], patients, seed=2)) for column in (0, 1)]
    assert found[2].n == 0
    assert isnan(found[2].value)


def test_holm_by_hand():
    # in order 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04, and the last may not fall below 0.06
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]).size == 0


def test_a_test_that_was_not_made_does_not_make_the_others_stricter():
    assert holm([NAN, 0.02, 0.03]) == pytest.approx([NAN, 0.04, 0.04], nan_ok=True)


def test_unscored_items_are_left_out_of_value_and_count():
    found = rate([1.0, NAN, 0.0, 1.0, NAN], list("abcde"))
    assert found.value == pytest.approx(2 / 3)
    assert found.n == 3


def test_a_constant_rate_has_an_interval_of_no_width():
    assert rate([0.25] * 9, list("aabbccdde")) == pytest.approx(Rate(0.25, 0.25, 0.25, 9))


def test_a_difference_is_paired_so_that_a_constant_gap_has_no_width():
    first = np.random.default_rng(3).random(60)
    patients = [str(i // 3) for i in range(60)]
    assert difference(first, first - 0.25, patients, scale=100) == pytest.approx(Rate(25, 25, 25, 60))
    assert rate(first, patients).high - rate(first, patients).low > 0.05  # unpaired it would be wide


def test_a_difference_by_hand_counts_only_items_scored_in_both():
    found = difference([1.0, 1.0, NAN, 0.0], [0.0, 1.0, 1.0, NAN], list("abcd"), scale=100)
    assert found.value == pytest.approx(50)  # (100 + 0) / 2
    assert found.n == 2


def binomial_sum(b: int, c: int) -> float:
    """Probability, doubled, of a split at least as uneven as b to c when either is equally likely."""
    n = b + c
    return min(1.0, 2 * sum(comb(n, k) for k in range(min(b, c) + 1)) / 2**n)


@pytest.mark.parametrize(("b", "c"), [(1, 7), (7, 1), (0, 5), (4, 4), (12, 30), (0, 1)])
def test_mcnemar_equals_a_binomial_sum_by_hand(b, c):
    first = [1] * b + [0] * c + [1] * 6 + [0] * 3
    second = [0] * b + [1] * c + [1] * 6 + [0] * 3
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p_value == pytest.approx(binomial_sum(b, c))
    if (b, c) == (1, 7):
        assert found.p_value == pytest.approx(2 * (1 + 8) / 256)


def test_mcnemar_is_one_where_the_forms_never_disagree_and_where_there_is_no_item():
    assert mcnemar([1, 0, 1], [1, 0, 1]).p_value == 1
    assert mcnemar([], []) == (0, 0, 1)


def test_mcnemar_leaves_out_items_that_were_not_scored():
    assert mcnemar([1, NAN, 1, 0], [0, 0, NAN, 1])[:2] == (1, 1)


def test_a_rate_prints_itself_in_any_format_and_says_what_is_undefined():
    rate = Rate(0.62, 0.55, 0.69, 1214)
    assert str(rate) == "0.620 (0.550 to 0.690), n = 1,214"
    assert f"{rate:.2f}" == "0.62 (0.55 to 0.69), n = 1,214"
    assert f"{rate:.1%}" == "62.0% (55.0% to 69.0%), n = 1,214"
    assert rate.times(100).interval(".1f", " %") == "62.0 % (55.0 to 69.0)"
    assert Rate(-3.0, -5.5, -0.5, 9).interval("+.1f", " points") == "-3.0 points (-5.5 to -0.5)"
    assert Rate(-3.0, -5.5, -0.5, 9).ends("+.1f") == "-5.5 to -0.5"
    assert Rate(2.0, NAN, NAN, 1).interval(".1f", " %") == "2.0 %"  # one seed has no interval
    assert f"{Rate.of({'value': None, 'low': None, 'high': None, 'n': 0})}" == "undefined, n = 0"
    assert Rate.of(rate._asdict()) == rate
