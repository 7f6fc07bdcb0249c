"""From the study's files to its results: what stands in results.json, partial or whole."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nast_core.demo.study.plan import Arm, Plan
from nast_core.files.documents import read_json
from nast_core.files.revision import code_revision
from nast_core.statistics.rates import holm
from nast_core.statistics.seeds import over_seeds, paired

COMPARED = ("gap_points", "acc_negated", "acc_negated_unseen", "negated_prompts_unseen")
"""Figures that arms are tested on, each a family of its own for Holm."""
JUDGED = "auroc_negated_seen"  # of the validation figures: what a trial of a rate is judged by
MOST_GAP, LEAST_GAIN, LEAST_AUROC, MOST_LOSS = 4.2, 20.0, 0.8, 1.0  # the bar; points but for the AUROC


def results(out: Path, plan: Plan) -> dict[str, Any]:
    """Everything that is done so far: each arm over its seeds, tests between arms, trials, the bar."""
    base = _read(out / "base.json")
    cells = [cell for path in sorted((out / "cells").glob("*.json")) if (cell := _read(path))]
    trials = [trial for path in sorted((out / "trials").glob("*.json")) if (trial := _read(path))]
    planned = {(arm.name, seed) for arm, seed in plan.cells()}
    cells = [cell for cell in cells if (cell["arm"], cell["seed"]) in planned]
    arms = {arm.name: summary for arm in plan.arms if (summary := _arm(arm, cells))}
    spent = [sum(cell["seconds"].values()) for cell in cells] + [trial["seconds"] for trial in trials]
    return {
        "done": len(cells),
        "of": len(planned),
        "plan": {**plan.sizes, "seeds": plan.seeds, "arms": [arm.name for arm in plan.arms]},
        "machine": f"{platform.machine()}, one thread a cell, torch {torch.__version__}",
        "revision": code_revision(10),
        "minutes": sum(spent) / 60,
        "base": base and base["test"],
        "weights": _read(out / "weights.json") or {},
        "arms": arms,
        "bar": {name: bar(base["test"], arm["test"]) for name, arm in arms.items()} if base else {},
        "tests": {figure: _tests(plan, cells, figure) for figure in COMPARED},
        "trials": {
            arm.name: {f"{t['rate']:g}": t["validation"][JUDGED] for t in trials if t["arm"] == arm.name}
            for arm in plan.arms
        },
    }


def _read(path: Path) -> dict[str, Any] | None:
    return read_json(path, absent="go on with the same command") if path.exists() else None


def _arm(arm: Arm, cells: list[dict[str, Any]]) -> dict[str, Any] | None:
    own = [cell for cell in cells if cell["arm"] == arm.name]
    if not own:
        return None
    changes = np.array([cell["changes"] for cell in own])
    return {
        "rate": own[0]["rate"],
        "seeds": [cell["seed"] for cell in own],
        "changes": changes.mean(0).tolist(),
        "test": {name: over_seeds([cell["test"][name]["value"] for cell in own]) for name in own[0]["test"]},
        "validation": {name: over_seeds([cell["validation"][name] for cell in own]) for name in own[0]["validation"]},
    }


def bar(base: dict[str, Any], test: dict[str, Any]) -> dict[str, bool]:
    """Which of the bar's parts an arm's means reach, on items with seen cues."""

    def gain(name: str) -> float:
        return 100 * (test[name]["mean"] - base[name]["value"])

    return {
        "gap": base["gap_points"]["value"] > LEAST_GAIN and test["gap_points"]["mean"] <= MOST_GAP,
        "negated": gain("acc_negated") >= LEAST_GAIN,
        "negated_prompts": test["negated_prompts_seen"]["mean"] >= LEAST_AUROC,
        "zero_shot": gain("zero_shot") >= -MOST_LOSS,
        "retrieval": gain("retrieval_map") >= -MOST_LOSS,
    }


def _tests(plan: Plan, cells: list[dict[str, Any]], figure: str) -> list[dict[str, Any]]:
    """Each nast arm against uniform, random and its own inverse, paired over the seeds that both have."""
    values = {(cell["arm"], cell["seed"]): cell["test"][figure]["value"] for cell in cells}
    scale = 1 if figure == "gap_points" else 100
    rows = []
    for arm in plan.arms:
        if arm.kind != "nast":
            continue
        for other in ("uniform", "random", arm._replace(kind="inverse").name):
            seeds = [s for s in range(plan.seeds) if {(arm.name, s), (other, s)} <= values.keys()]
            first, second = ([scale * values[name, s] for s in seeds] for name in (arm.name, other))
            if seeds:
                rows.append({"first": arm.name, "second": other, **paired(first, second)})
    adjusted = holm([row["p"] for row in rows]).tolist()
    return [row | {"p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
