"""The study of repairs: what passes its controls, what its report says, and that it goes on where it was."""

import json
import math

import pytest

from nast_core.demo.study import repairs
from nast_core.demo.study.repairs import over_draws, study
from nast_core.demo.study.repairs_report import BARS, conclusion, controls, markdown
from nast_core.repair.evaluate import UNREPAIRED
from nast_core.runs.reporter import Silent
from nast_core.runs.store import RunStore
from nast_core.statistics.rates import Rate

GOOD = {"gap_points": 2.0, "acc_negated": 0.93, "acc_affirmative": 0.95, "denials_unseen": 0.97,
        "blind_affirmative": 0.26, "blind_negated": 0.24}  # fmt: skip


def reading(counts=(0.95, 0.90), **figures: float) -> dict:
    """Of two draws alike; ``counts``: negated accuracy at one and at three negations."""
    values = {name: over_draws([Rate(value, value, value, 9)] * 2) for name, value in (GOOD | figures).items()}
    return {"repair": "region(t=0.6)", "figures": values, "by_negations": {"1": counts[0], "3": counts[1]}}


def test_a_gain_that_passes_every_control_counts_as_reading():
    assert controls(reading()) == dict.fromkeys(BARS, True)


@pytest.mark.parametrize(
    ("bar", "spoiled"),
    [
        ("gap", reading(gap_points=4.3)),
        ("negated", reading(acc_negated=0.899)),
        ("denials", reading(denials_unseen=0.94)),
        ("blind", reading(blind_negated=0.29)),
        ("count", reading(counts=(0.95, 0.84))),
        ("affirmative", reading() | {"affirmative_kept": False}),
    ],
)
def test_each_control_is_failed_by_what_it_is_there_for_and_by_nothing_else(bar, spoiled):
    assert [name for name, held in controls(spoiled).items() if not held] == [bar]
    base = reading(acc_negated=0.4)
    said = list(conclusion("demo", {UNREPAIRED: base, "region": spoiled}))
    assert said[1] == "No repair passes every control."
    assert said[2].endswith(f"but fails: {BARS[bar]}.")


def test_the_report_says_what_passes_and_what_is_not_there():
    base = reading(acc_negated=0.4)
    models = {
        "demo": {"readings": {UNREPAIRED: base, "region": reading()}, "lacking": {"sink": "it pools a mean"}},
        "demo-language": {"absent": "there is no demo-language"},
    }
    text = markdown({"seeds": 2, "n": 10, "revision": "abc", "models": models})
    assert "- Every control is passed by region(t=0.6): the gain is reading" in text
    assert "sink: not measured: it pools a mean." in text
    assert "Not measured: there is no demo-language." in text


def test_several_draws_have_the_mean_of_their_values_and_ends():
    found = over_draws([Rate(0.5, 0.3, 0.6, 25), Rate(0.7, 0.6, 0.8, 25)])
    assert (found["mean"], found["low"], found["high"]) == pytest.approx((0.6, 0.45, 0.7))
    assert found["values"] == [0.5, 0.7]
    assert math.isnan(over_draws([Rate(3.0, math.nan, math.nan, 1)] * 2)["low"])


@pytest.mark.long
def test_a_study_goes_on_where_it_was_and_measures_nothing_twice(tmp_path, monkeypatch):
    tried, said = {"demo": ("rewrite", "region(0.7)"), "no-such-demo": ("rewrite",)}, []
    monkeypatch.setattr("nast_core.work.repair.CHOOSING", 20)

    def go(seeds: int) -> dict:
        return study(tmp_path, seeds=seeds, n=20, docs=None, report=Silent(), say=said.append, tried=tried)

    assert repairs.TRIED.keys() == {"demo", "demo-tuned", "demo-language"}
    go(1)
    first = {run.id for run in RunStore(tmp_path / "runs").runs()}
    done = go(2)
    assert first < {run.id for run in RunStore(tmp_path / "runs").runs()}
    assert len(RunStore(tmp_path / "runs").runs()) == 4
    found = done["models"]["demo"]["readings"]
    assert len(found["rewrite"]["figures"]["acc_negated"]["values"]) == 2
    assert found["rewrite"]["affirmative_kept"]
    assert "absent" in done["models"]["no-such-demo"]
    assert json.loads((tmp_path / "repairs.json").read_text())["models"].keys() == tried.keys()
    assert said[-1].startswith("demo, region(t=0.7), draw 1: negated ")
