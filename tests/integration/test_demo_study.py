"""A tiny study from end to end: stopped after one cell, gone on with, and equal to one that was not."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from nast_core.demo.study.plan import STEERINGS, Arm, Plan
from nast_core.demo.study.run import StudyError, _bench, study

pytestmark = pytest.mark.long

TINY = Plan(
    arms=(Arm("uniform"), Arm("nast", STEERINGS[0])),
    seeds=2,
    steps=2,
    statement_steps=1,
    batch_size=4,
    rates=(1e-3,),
    tuning_steps=1,
    train_studies=60,
    validation_studies=40,
    validation_items=4,
    test_items=6,
    unseen_items=4,
    test_studies=60,
)


class Stopped(Exception):
    """As a closed terminal would."""


def cells(folder) -> dict[str, dict]:
    found = {path.name: json.loads(path.read_text()) for path in sorted((folder / "cells").glob("*.json"))}
    for cell in found.values():
        del cell["seconds"]
    return found


def weights_by_hand(path) -> list[float]:
    """By method.md, sections 3 and 4: the spread of each pair's effect over tokens from the negator on, averaged with
    weights |d|; then the floor of 0.1."""
    with xr.open_dataset(path, engine="h5netcdf") as traced:
        effect, d, role = traced.cte.values, traced.d.values, traced.role.values
    spreads, gaps = [], []
    for pair in range(len(d)):
        onward = [name not in ("before", "padding") for name in role[pair]]
        layers = effect[pair, 1:][:, onward]
        if np.isfinite(layers).all():
            spreads.append(np.sqrt(((layers - layers.mean(1, keepdims=True)) ** 2).mean(1)))
            gaps.append(abs(d[pair]))
    assert len(gaps) > 1
    mean = sum(gap * spread for gap, spread in zip(gaps, spreads, strict=True)) / sum(gaps)
    return list(0.1 + 0.9 * mean / (sum(mean) / len(mean)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def model(folders):
    return str(folders["Hugging Face CLIP"])


def test_a_study_stopped_after_a_cell_goes_on_to_the_results_of_an_uninterrupted_one(folder, model):
    def stop_at_a_cell(line: str) -> None:
        if "seed 0" in line:
            raise Stopped

    with pytest.raises(Stopped):
        study(folder, TINY, model=model, say=stop_at_a_cell)
    assert list(cells(folder)) == ["uniform-seed0.json"]
    assert "Partial: 1 of 4 cells" in (folder / "results.md").read_text("utf-8")
    _bench.cache_clear()  # as in a new process
    said: list[str] = []
    found = study(folder, TINY, model=model, docs=folder / "docs", say=said.append)
    assert [line.partition(":")[0] for line in said[1:]] == ["2 of 4", "3 of 4", "4 of 4"]
    assert (found["done"], found["of"]) == (4, 4)
    assert "**All 4 cells done.**" in (folder / "docs" / "results.md").read_text("utf-8")
    first = cells(folder)
    for path in (folder / "cells").glob("*.json"):
        path.unlink()
    _bench.cache_clear()
    study(folder, TINY, model=model, say=lambda line: None)
    assert cells(folder) == first


def test_cells_differ_by_arm_and_the_weights_are_those_of_the_trace(folder):
    found = cells(folder)
    assert found["uniform-seed0.json"]["weights"] == [1.0] * 3
    steered = found["nast-std-seed0.json"]
    assert steered["weights"] == pytest.approx(weights_by_hand(folder / "trace-block.nc"))
    assert steered["weights"] == found["nast-std-seed1.json"]["weights"]
    assert steered["changes"] != found["uniform-seed0.json"]["changes"]


def test_a_folder_with_another_study_is_refused(folder, model):
    with pytest.raises(StudyError, match="holds a study of another model, recipe or size"):
        study(folder, replace(TINY, steps=3), model=model)
