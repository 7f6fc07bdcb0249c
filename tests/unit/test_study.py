"""The study's pure parts: arms, statistics over seeds, the bar, and the tables they are told in."""

import json
import math

import pytest

from nast_core.demo.study.plan import QUICK, STEERINGS, Arm, Plan, Steering, arms_of
from nast_core.demo.study.results import bar, results
from nast_core.demo.study.tables import conclusion, markdown
from nast_core.statistics.seeds import over_seeds, paired, rate_of

SMALL = Plan(arms=arms_of(STEERINGS[:1]), seeds=3, rates=(1e-3, 2e-3))
FIGURES = {
    "acc_affirmative": 0.94, "acc_negated": 0.6, "gap_points": 34.0, "blind_negated": 0.25,
    "acc_affirmative_unseen": 0.94, "acc_negated_unseen": 0.2, "gap_points_unseen": 74.0, "blind_negated_unseen": 0.25,
    "claims_polarity": 0.6, "claims_location": 0.6, "claims_severity": 0.5,
    "negated_prompts": 0.3, "negated_prompts_seen": 0.2, "negated_prompts_unseen": 0.1,
    "zero_shot": 0.98, "retrieval_map": 0.5, "retrieval_5": 0.8,
}  # fmt: skip


def rates(**changed: float) -> dict[str, dict]:
    return {
        name: {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 9}
        for name, value in {**FIGURES, **changed}.items()
    }


def means(**changed: float) -> dict[str, dict]:
    return {name: {"mean": value} for name, value in {**FIGURES, **changed}.items()}


def write(path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_cell(folder, arm: str, seed: int, **test: float) -> None:
    cell = {
        "arm": arm, "seed": seed, "rate": 1e-3, "weights": [0.5, 1.5], "changes": [0.01, 0.03],
        "validation": {"alignment": 0.9}, "test": rates(**test), "seconds": {"training": 20.0, "measuring": 10.0},
    }  # fmt: skip
    write(folder / "cells" / f"{arm.replace(' ', '-')}-seed{seed}.json", cell)


def test_every_summary_has_a_nast_and_an_inverse_arm_beside_uniform_and_random():
    names = [arm.name for arm in Plan().arms]
    assert names[:4] == ["uniform", "random", "nast std", "inverse std"]
    assert names[-1] == "paper"
    assert names[4:-1] == [
        f"{kind} {how}"
        for how in ("max", "negator", "negator_out", "attention mean_abs")
        for kind in ("nast", "inverse")
    ]
    assert [arm.name for arm in QUICK.arms] == [names[0], *names[2:4]]
    assert QUICK.sizes == Plan().sizes  # so that its cells are the whole study's
    assert Arm("random", Steering("block", "std")).name == "random"


def test_all_arms_of_a_seed_come_before_the_next_seed_and_every_arm_has_the_same_trials():
    order = [(arm.name, seed) for arm, seed in SMALL.cells()]
    assert order[:5] == [("uniform", 0), ("random", 0), ("nast std", 0), ("inverse std", 0), ("uniform", 1)]
    trials = list(SMALL.trials())
    assert {arm.name: sum(other == arm for other, _ in trials) for arm, _ in trials} == dict.fromkeys(
        ["uniform", "random", "nast std", "inverse std"], 2
    )


def test_a_mean_over_seeds_has_a_t_interval():
    # 1, 2, 3: standard error 1 / sqrt 3, t(0.975, 2) = 4.302653
    found = over_seeds([1.0, 2.0, 3.0])
    assert (found["mean"], found["n"]) == (2.0, 3)
    assert (found["low"], found["high"]) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))
    assert rate_of(found).interval(".1f") == "2.0 (-0.5 to 4.5)"
    assert rate_of(over_seeds([5.0])).interval(".1f") == "5.0"


def test_arms_are_compared_seed_by_seed():
    found = paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])  # differences 1, 2, 3: t = 2 sqrt 3 with 2 degrees of freedom
    t = 2 * math.sqrt(3)
    assert found["mean"] == 2
    assert found["p"] == pytest.approx(1 - t / math.sqrt(t * t + 2))  # Student's with 2 degrees, in closed form
    assert math.isnan(paired([1.0], [0.0])["p"])
    assert math.isnan(paired([1.0, 2.0], [0.0, 1.0])["p"])


def test_the_bar_asks_for_reading_without_loss():
    good = {
        "gap_points": 4.0,
        "acc_negated": 0.85,
        "negated_prompts_seen": 0.9,
        "zero_shot": 0.975,
        "retrieval_map": 0.495,
    }
    assert all(bar(rates(), means(**good)).values())
    for part, worse in (
        ("gap", {"gap_points": 4.3}),
        ("negated", {"acc_negated": 0.79}),
        ("negated_prompts", {"negated_prompts_seen": 0.79}),
        ("zero_shot", {"zero_shot": 0.969}),
        ("retrieval", {"retrieval_map": 0.48}),
    ):
        found = bar(rates(), means(**{**good, **worse}))
        assert [name for name, met in found.items() if not met] == [part]


def test_a_partial_study_says_so_and_compares_the_seeds_that_both_arms_have(tmp_path):
    write(tmp_path / "base.json", {"arm": "frozen", "test": rates()})
    write(tmp_path / "weights.json", {"uniform": [1.0, 1.0], "nast std": [0.5, 1.5]})
    for seed, gap in enumerate([4.0, 6.0, 8.0]):
        write_cell(tmp_path, "uniform", seed, gap_points=gap)
    write_cell(tmp_path, "nast std", 0, gap_points=3.0)
    write_cell(tmp_path, "nast std", 1, gap_points=3.0)
    write_cell(tmp_path, "nast max", 0)  # of no arm of this plan
    found = results(tmp_path, SMALL)
    assert (found["done"], found["of"], found["minutes"]) == (5, 12, 2.5)
    assert found["arms"]["uniform"]["test"]["gap_points"]["mean"] == 6
    (row,) = found["tests"]["gap_points"]
    assert (row["first"], row["second"], row["mean"], row["n"]) == ("nast std", "uniform", -2.0, 2)
    said = markdown(found)
    assert "**Partial: 5 of 12 cells done so far" in said
    assert "| uniform | 0.001 | 3 | 94.0 (94.0 to 94.0) |" in said
    assert "| nast std | weight | 0.50 | 1.50 |\n| nast std | moved | 10.0 | 30.0 |" in said
    assert "| gap (points) | nast std | uniform | -2.00 (" in said


def test_the_conclusion_counts_what_is_sure_after_holm_and_a_smaller_gap_is_better():
    row = {"first": "nast std", "second": "uniform", "mean": -2.0, "low": -3.0, "high": -1.0, "n": 5, "p": 0.001}
    found = {
        "bar": {"uniform": {"gap": True, "negated": False, "negated_prompts": True, "zero_shot": True,
        "retrieval": True}},
        "tests": {"gap_points": [row | {"p_holm": 0.01}, row | {"mean": 1.0, "p_holm": 0.4}],
        "acc_negated": [row | {"p_holm": 0.01}]},
        "base": None, "arms": {},
    }  # fmt: skip
    bar_said, gap, negated = conclusion(found)
    assert bar_said.startswith("No arm meets the whole bar: gap at most 4.2 points, from above 20: 1 of 1 arms")
    assert "nast is better in 1 and worse in 0" in gap
    assert "run from -2.0 to +1.0" in gap
    assert "nast is better in 0 and worse in 1" in negated


def test_nothing_done_yet_is_a_report_too(tmp_path):
    assert "**Partial: 0 of 12 cells done so far" in markdown(results(tmp_path, SMALL))
