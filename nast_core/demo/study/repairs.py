"""The study of repairs: every method on the demo models, strengths from validation, test phantoms once, several draws
of items. A cell of it is a run of kind ``repair``, so that a study that was stopped goes on where it was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nast_core.demo.study.repairs_report import markdown
from nast_core.errors import NastError
from nast_core.files.places import DEMO, DEMO_LANGUAGE, DEMO_TUNED
from nast_core.files.revision import code_revision
from nast_core.files.writing import whole_folder, write_json, write_text
from nast_core.models.encoder import DualEncoder
from nast_core.opening import load_model
from nast_core.recipe import Reporter
from nast_core.repair.evaluate import UNREPAIRED
from nast_core.repair.methods import TRIED as EVERY
from nast_core.runs.store import RunStore
from nast_core.statistics.rates import Rate
from nast_core.work.in_process import run_in_process
from nast_core.work.repair import Repairing, RepairRecipe, result

Say = Callable[[str], None]
AGAINST = ("rewrite", "region")  # what is tried on top of a training: the two that choose no anchor
TRIED: Mapping[str, Sequence[str]] = {DEMO: EVERY, DEMO_TUNED: AGAINST, DEMO_LANGUAGE: EVERY}


class Cell(NamedTuple):
    """One method on one model and one draw of items."""

    model: str
    method: str
    seed: int


def study(
    out: Path, *, seeds: int, n: int, docs: Path | None, report: Reporter, say: Say, tried: Mapping = TRIED
) -> dict[str, Any]:
    """Does what is not done yet, and returns the results; repairs.json and repairs.md stand in ``out``, and in ``docs``
    where it is given, after every cell. ``n``: questions, and studies, of a draw."""
    store, results = RunStore(out / "runs"), dict[str, Any]()
    outcome = {"seeds": seeds, "n": n, "revision": code_revision(12), "models": results}
    for spec, methods in tried.items():
        for so_far in _of_model(spec, methods, seeds, n, store, report, say):
            results[spec] = so_far
            for folder in filter(None, (out, docs)):
                with whole_folder(folder, ["repairs.md", "repairs.json"]) as temporary:
                    write_text(temporary / "repairs.md", markdown(outcome))
                    write_json(temporary / "repairs.json", outcome)
    return outcome


def _of_model(
    spec: str, methods: Sequence[str], seeds: int, n: int, store: RunStore, report: Reporter, say: Say
) -> Iterator[dict[str, Any]]:
    """After every cell, all so far. ``readings``: name of the method, or UNREPAIRED, -> its figures; ``lacking``:
    method -> why it cannot. Draw by draw, so that what was stopped early is there of every method."""
    try:
        model = load_model(spec)
    except NastError as error:
        yield {"absent": str(error)}
        return
    cells: dict[str, list[Repairing]] = {}
    lacking: dict[str, str] = {}
    for cell in (Cell(spec, method, seed) for seed in range(seeds) for method in methods):
        before = cells.get(cell.method, [])
        if cell.method in lacking:
            continue
        try:
            found = _cell(cell, _strength(before[0]) if before else None, n, model, store, report)
        except NastError as error:
            lacking[cell.method] = str(error)
        else:
            cells[cell.method] = [*before, found]
            say(f"{spec}, {found.repair}, draw {cell.seed}: {_said(found)}")
        yield {"readings": _readings(cells), "lacking": lacking}


def _cell(
    cell: Cell, strength: float | None, n: int, model: DualEncoder, store: RunStore, report: Reporter
) -> Repairing:
    """The first draw's chooses the strength on validation; the others, of test phantoms too, take it over."""
    recipe = RepairRecipe(model=cell.model, method=cell.method, strength=strength, n=n, seed=cell.seed)
    return result(run_in_process(recipe, report, model=model, store=store))


def _strength(found: Repairing) -> float | None:
    curve = found.curve
    return None if curve is None else float(curve.strength[curve.merit.argmax()])


def _said(found: Repairing) -> str:
    figures = found.summary["models"][found.repair]
    return f"negated {100 * figures['acc_negated']['value']:.1f} %, denials {figures['denials_unseen']['value']:.3f}"


def _readings(cells: Mapping[str, Sequence[Repairing]]) -> dict[str, Any]:
    if not cells:
        return {}
    base = [found.summary["models"][UNREPAIRED] for found in next(iter(cells.values()))]
    plain = [found.summary["by_negations"][UNREPAIRED] for found in next(iter(cells.values()))]
    readings: dict[str, dict[str, Any]] = {UNREPAIRED: {"figures": _over(base), "by_negations": _counts(plain)}}
    for method, draws in cells.items():
        summaries = [found.summary for found in draws]
        own = [one["models"][found.repair] for one, found in zip(summaries, draws, strict=True)]
        counts = [one["by_negations"][found.repair] for one, found in zip(summaries, draws, strict=True)]
        curve = summaries[0]["curve"]
        readings[method] = {
            "repair": draws[0].repair,
            "figures": _over(own),
            "by_negations": _counts(counts),
            "ceiling": curve["ceiling"] if curve else None,
            "crossing": curve["crossing"] if curve else None,
            "affirmative_kept": [a["acc_affirmative"] for a in own] == [a["acc_affirmative"] for a in base[: len(own)]],
            "p_holm": max(row["p_holm"] for one in summaries for row in one["tests"] if row["form"] == "negated"),
        }
    return readings


def _over(draws: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figure -> mean, low, high, n over the draws, and their values."""
    names = [name for name in draws[0] if name != "model" and all(name in one for one in draws)]
    return {name: over_draws([_rate(one[name]) for one in draws]) for name in names}


def over_draws(rates: Sequence[Rate]) -> dict[str, Any]:
    """The means of the value and of its ends, and the values: draws ask other questions of the same phantoms, so the
    interval over patients is no narrower for several of them. ``n``: of one draw."""
    value, low, high = (float(np.mean([rate[place] for rate in rates])) for place in range(3))
    return {"values": [rate.value for rate in rates], "mean": value, "low": low, "high": high, "n": rates[0].n}


def _rate(figure: Any) -> Rate:
    """A figure without an interval has NaN for its ends; one that is undefined is None in a summary."""
    return Rate.of(figure if isinstance(figure, dict) else {"value": figure, "low": None, "high": None, "n": 1})


def _counts(draws: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Number of negations in the true statement -> negated accuracy, mean over draws."""
    names = [name for name in draws[0] if all(name in one for one in draws)]
    return {name: over_draws([_rate(one[name]["acc_negated"]) for one in draws])["mean"] for name in sorted(names)}
