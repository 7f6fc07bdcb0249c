"""The true claim among four, by hand, and the paper's rows beside one's own."""

import numpy as np
import pytest

from nast_core.claims.choices import beside_the_paper, claim_accuracy
from nast_core.finetune.shares import shares_told, top_share

ALL = np.ones(5, bool)


def test_a_choice_is_right_where_the_true_claim_scores_above_three_false_ones():
    holds = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [-1, -1, -1]])  # what is unknown is in no choice
    scores = np.array([[0.5, 0.1, 0.5], [0.4, 0.4, 0.5], [0.3, 0.0, 0.3], [0.2, 0.0, 0.2], [9.0, 9.0, 9.0]])
    assert claim_accuracy(scores, holds, ALL).tolist() == [1.0, 0.0, 0.0]  # the third: a tie


def test_an_image_with_fewer_than_three_false_statements_of_the_form_has_no_choice():
    holds = np.array([[1], [0], [0], [0], [0]])
    scores = np.zeros((5, 1))
    assert np.isnan(claim_accuracy(scores, holds, np.array([1, 1, 1, 0, 0], bool))).all()
    assert np.isnan(claim_accuracy(scores, 0 * holds, ALL)).all()


def test_scores_that_know_nothing_are_right_in_a_quarter_of_the_choices_and_equal_seeds_choose_alike():
    rng = np.random.default_rng(0)
    holds, scores = rng.integers(0, 2, (40, 2000)), rng.random((40, 2000))
    shares = claim_accuracy(scores, holds, np.ones(40, bool))
    assert shares.mean() == pytest.approx(0.25, abs=0.02)
    assert (shares == claim_accuracy(scores, holds, np.ones(40, bool))).all()


def test_ones_own_figures_stand_above_the_quoted_ones_which_say_so():
    own = {"mine": {"recall_1": 0.5, "recall_5": 0.75, "affirmative": 0.9, "negated": 0.7}}
    first, *quoted = beside_the_paper(own)
    assert list(first.values()) == pytest.approx(["mine", 50, 75, 80, 20])
    assert list(quoted[-1].values()) == ["NAST (quoted, second-hand)", 49.5, 65.7, 55.6, 4.2]
    assert all("second-hand" in row["model"] for row in quoted)
    assert all(list(row) == list(first) for row in quoted)
    assert beside_the_paper({}) == []


def test_the_share_of_the_update_is_that_of_the_layers_that_moved_most():
    shares = [0.1, 0.3, 0.2, 0.05, 0.25, 0.1]
    assert top_share(shares, 3) == pytest.approx(0.75)
    told = shares_told(shares)
    assert told.startswith("75.0 % of the update lies in the three of 6 layers that moved most, 95.0 % in five")
    assert "(alike in every layer: 50.0 and 83.3 %)" in told
    assert "second hand" in told
    assert shares_told([float("nan")] * 6) == shares_told([0.0] * 6) == ""
