"""From the study's files to its results: what stands in wording.json, partial or whole."""

import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nast_core.demo.wording.plan import COMPARED, PARTS, REFERENCE, Cell, Plan
from nast_core.files.documents import read_json
from nast_core.files.revision import code_revision
from nast_core.statistics.rates import holm
from nast_core.statistics.seeds import over_seeds, paired

JUDGED = "denial_taught"  # of the validation figures: what a trial of a rate is judged by
TESTED = ("held_out", "never", "false_denial")  # figures that cells are tested on, each a family of its own for Holm
LEAST_HELD_OUT, LEAST_FALSE, MOST_APART, MOST_LOSS = 0.85, 0.95, 5.0, 1.0  # the bar; the last two in points
_CURVE = {"unseen": "denial_unseen", "false": "false_denial"}


def results(out: Path, plan: Plan) -> dict[str, Any]:
    """Everything that is done so far: each cell over its seeds, tests between cells, trials, the bar."""
    bases = {base["model"]: base["test"] for base in _all(out / "bases")}
    planned = {(cell.name, seed) for cell, seed in plan.pieces()}
    found = [one for one in _all(out / "cells") if (one["cell"], one["seed"]) in planned]
    trials = _all(out / "trials")
    cells = {cell.name: own for cell in plan.cells if (own := _cell(cell, plan, found))}
    base = bases.get(plan.model)
    spent = [sum(one["seconds"].values()) for one in found] + [one["seconds"] for one in trials]
    return {
        "done": len(found),
        "of": len(planned),
        "plan": {**plan.sizes, "seeds": plan.seeds, "cells": [cell.name for cell in plan.cells]},
        "parts": {part: PARTS[part] for part in PARTS if any(part in cell.parts for cell in plan.cells)},
        "machine": f"{platform.machine()}, one thread a cell, torch {torch.__version__}",
        "revision": code_revision(10),
        "minutes": sum(spent) / 60,
        "longest": max((sum(one["seconds"].values()) for one in found), default=0.0) / 60,
        "bases": bases,
        "cells": cells,
        "bar": {name: bar(base, own["test"]) for name, own in cells.items() if base and own["model"] == plan.model},
        "tests": {figure: _tests(found, plan, figure) for figure in TESTED},
        "level": _at_one_level(plan, found),
        "trials": {
            cell.schedule: {
                f"{one['rate']:g}": one["validation"][JUDGED] for one in trials if one["schedule"] == cell.schedule
            }
            for cell, _ in plan.trials()
        },
    }


def _all(folder: Path) -> list[dict[str, Any]]:
    return [read_json(path, absent="go on with the same command") for path in sorted(folder.glob("*.json"))]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _cell(cell: Cell, plan: Plan, found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    own = [one for one in found if one["cell"] == cell.name]
    if not own:
        return None
    return {
        "parts": cell.parts,
        "model": cell.on or plan.model,
        "rate": own[0]["rate"],
        "options": cell.options,
        "seeds": [one["seed"] for one in own],
        "cues": len(own[0]["taught"]),
        "test": {name: over_seeds(_known([one["test"][name] for one in own])) for name in own[0]["test"]},
        "validation": {
            name: over_seeds([one["validation"][name] for one in own if name in one["validation"]])
            for name in own[0]["validation"]
        },
    }


def bar(base: dict[str, float | None], test: dict[str, Any]) -> dict[str, bool]:
    """Which parts of the bar a cell's means reach; what was not asked is not reached."""

    def loss(name: str) -> float:
        return 100 * ((base[name] or 0.0) - test[name]["mean"])

    apart = 100 * abs(test["acc_negated"]["mean"] - test["acc_negated_unseen"]["mean"])
    return {
        "held_out": bool(test["held_out"]["mean"] >= LEAST_HELD_OUT),
        "negated": bool(apart <= MOST_APART),
        "false_denial": bool(test["false_denial"]["mean"] >= LEAST_FALSE),
        "zero_shot": bool(loss("zero_shot") <= MOST_LOSS),
        "retrieval": bool(loss("retrieval_map") <= MOST_LOSS),
    }


def _tests(found: Sequence[dict[str, Any]], plan: Plan, figure: str) -> list[dict[str, Any]]:
    """The pairs of COMPARED, over the seeds that both have; Holm over all pairs of a figure."""
    values = {(one["cell"], one["seed"]): one["test"][figure] for one in found}
    rows = []
    for part, first, second in COMPARED:
        both = [
            seed
            for seed in range(plan.seeds)
            if values.get((first, seed)) is not None and values.get((second, seed)) is not None
        ]
        if both:
            one, two = ([values[name, seed] for seed in both] for name in (first, second))
            rows.append({"part": part, "first": first, "second": second, **paired(one, two)})
    adjusted = holm([row["p"] for row in rows]).tolist()
    return [row | {"p_holm": p} for row, p in zip(rows, adjusted, strict=True)]


def _at_one_level(plan: Plan, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of part d, each schedule's unseen and false denial on validation where the taught cues are read alike: at the
    highest AUROC that every training of every schedule reaches."""
    names = [cell.name for cell in plan.cells if "d" in cell.parts and not cell.on]
    curves = {(one["cell"], one["seed"]): one["curve"] for one in found if one["cell"] in names and one["curve"]}
    if len({name for name, _ in curves}) < 2:
        return {}
    level = min(max(row[JUDGED] for row in curve) for curve in curves.values())
    rows = {}
    for name in names:
        own = [where for (cell, _), curve in curves.items() if cell == name and (where := crossing(curve, level))]
        if own:
            rows[name] = {figure: over_seeds([one[figure] for one in own]) for figure in _CURVE}
    return {"auroc": level, "cells": rows}


def crossing(curve: Sequence[dict[str, float]], level: float) -> dict[str, float] | None:
    """The other figures where the taught cues first reach ``level``, in a line between two validations; None where they
    never do."""
    for before, after in zip([None, *curve[:-1]], curve, strict=True):
        if after[JUDGED] >= level:
            low = before or after
            rise = after[JUDGED] - low[JUDGED]
            share = (level - low[JUDGED]) / rise if rise > 0 else 1.0
            return {name: float(low[of] + share * (after[of] - low[of])) for name, of in _CURVE.items()}
    return None


def winner(cells: dict[str, Any], model: str) -> str | None:
    """Of the cells on the plan's model, the one whose validation reads most unseen denials among those that keep false
    denial at the bar; where none keeps it, the one that keeps it best. None before there is any."""
    own = {name: cell["validation"] for name, cell in cells.items() if cell["model"] == model}
    own = {name: figures for name, figures in own.items() if {"denial_held_out", "false_denial"} <= figures.keys()}
    if not own:
        return None
    keep = {name: one for name, one in own.items() if one["false_denial"]["mean"] >= LEAST_FALSE}
    if keep:
        return max(keep, key=lambda name: keep[name]["denial_held_out"]["mean"])
    return max(own, key=lambda name: own[name]["false_denial"]["mean"])


def finite(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


__all__ = ["JUDGED", "REFERENCE", "TESTED", "bar", "crossing", "finite", "results", "winner"]
