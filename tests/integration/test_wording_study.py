"""A tiny study of wording from end to end: stopped after one cell, gone on with, and a cell again gives the same."""

import json

import numpy as np
import pytest

from nast_core.claims.cue_sets import untaught
from nast_core.claims.examples import read_claims
from nast_core.claims.extract import extract
from nast_core.demo.pieces import StudyError
from nast_core.demo.wording import run
from nast_core.demo.wording.plan import Cell, Plan
from nast_core.demo.wording.run import bench, compute, study
from nast_core.demo.wording.world import check_texts
from nast_core.finetune.data import texts_of

pytestmark = pytest.mark.long

CELLS = (
    Cell(name="eight", parts="ab"),
    Cell(name="mixed-1", parts="a", cues="mixed 1"),
    Cell(name="repaired", parts="g", repair="rewrite"),
    Cell(name="distilled-then-claims", parts="g", cues="all", teacher="rewrite", then_claims=True),
    Cell(name="all-pseudo-4", parts="h", cues="all", unmoved=4, hard=0.3, contrasts="reworded"),
)
TINY = Plan(
    model="demo",
    cells=CELLS,
    seeds=1,
    steps=2,
    statement_steps=1,
    validations=2,
    batch_size=4,
    rates=(1e-3,),
    demo_rates=(1e-3,),
    distil_rates=(1e-3,),
    distil_steps=4,
    distil_texts=8,
    tuning_steps=1,
    train_studies=30,
    validation_studies=40,
    validation_items=4,
    test_items=6,
    unseen_items=4,
    test_studies=40,
)


class Stopped(Exception):
    """As a closed terminal would."""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Stopped after its first cell, and gone on with."""
    out = tmp_path_factory.mktemp("wording")
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if line.startswith("1 of 5"):
            raise Stopped

    with pytest.raises(Stopped):
        study(out, TINY, say=stop)
    assert [path.name for path in (out / "cells").iterdir()] == ["eight-seed0.json"]
    assert "**1 of 5 cells measured so far.**" in (out / "wording.md").read_text("utf-8")
    first = (out / "cells" / "eight-seed0.json").read_bytes()
    outcome = study(out, TINY, docs=out / "docs", say=lines.append)
    assert (out / "cells" / "eight-seed0.json").read_bytes() == first  # not done again
    return out, outcome


def test_the_whole_tiny_study_is_measured_and_told(done):
    out, outcome = done
    assert (outcome["done"], outcome["of"]) == (5, 5)
    page = (out / "docs" / "wording.md").read_text("utf-8")
    assert "**5 of 5 cells measured.**" in page
    for name in ("number", "price", "breadth"):
        assert f"](wording-{name}.svg)" in page
        assert (out / "docs" / f"wording-{name}.svg").read_text("utf-8").startswith("<svg ")
    for cell in CELLS:
        assert f"| {cell.name} | 1 |" in page
    figures = json.loads((out / "docs" / "wording.json").read_text("utf-8"))
    assert figures["cells"]["mixed-1"]["test"]["taught"]["n"] == 1
    assert figures["cells"]["all-pseudo-4"]["test"]["never"]["n"] == 0  # all of the grammar but the held-out is taught


def test_a_cell_again_gives_the_same_figures(done):
    out, _ = done
    run.bench.cache_clear()
    kept = json.loads((out / "cells" / "mixed-1-seed0.json").read_text("utf-8"))
    again = compute(out, TINY, run.Piece("demo", CELLS[1], 1e-3, 0))
    del kept["seconds"], again["seconds"]
    assert json.loads(json.dumps(again)) == kept
    assert [row["step"] for row in kept["curve"]] == [2]


def test_no_training_text_of_a_cell_holds_a_cue_that_is_held_out_or_never_taught(done):
    out, _ = done
    world, seen = bench(out, TINY, "demo").world, 0
    for cell in CELLS:
        manner = cell.manner(0)
        examples = read_claims(world.statements(manner))
        train = [text for one in examples if one.split == "train" for text in texts_of(one)]
        seen += len(train)
        assert untaught(train, manner) == {}
        assert any(extract(text).claims for text in train)
    assert seen > 500
    with pytest.raises(
        StudyError, match=r"a training text holds 'free of', which is not taught here: 'Free of edema\.'"
    ):
        check_texts(["No edema.", "Free of edema."], CELLS[0].manner(0))


def test_test_phantoms_are_opened_after_every_choice_and_are_in_nothing_that_is_learnt_from(done):
    out, _ = done
    world = bench(out, TINY, "demo").world
    measured = {item.patient_id for part in world.test_items for item in part} | {*world.test_claims.images.patient_id}
    assert all(int(name.removeprefix("phantom-")) >= 2_090_000 for name in measured)
    learnt = {one.patient_id for path in (world.folder / "statements").iterdir() for one in read_claims(path)}
    assert not measured & learnt
    newest = max(path.stat().st_mtime_ns for path in (out / "trials").iterdir())
    assert all(path.stat().st_mtime_ns > newest for path in [*(out / "bases").iterdir(), *(out / "cells").iterdir()])
    assert not any("test" in json.loads(path.read_text("utf-8")) for path in (out / "trials").iterdir())


def test_a_folder_of_another_study_is_refused(done):
    from dataclasses import replace

    with pytest.raises(StudyError, match="holds a study of another model, recipe or size"):
        study(done[0], replace(TINY, steps=3), say=lambda line: None)


def test_figures_are_those_of_the_figures_for_wording(done):
    base = done[1]["bases"]["demo"]
    assert 0 <= base["held_out"] < 0.1  # the demo CLIP has no language: what it was never taught is read as presence
    assert base["false_denial"] > 0.9
    assert np.isfinite([value for value in base.values() if value is not None]).all()
