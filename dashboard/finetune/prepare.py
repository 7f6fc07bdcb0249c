"""What the fine-tune page prepares: training files, traces to steer by, layer weights, recipes and their curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts import datasets, jobs, keeper, memo, widgets
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.claims.manner import Manner
    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset
    from nast_core.finetune.arms import Arm
    from nast_core.finetune.presets import Method
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Row
    from nast_core.work.estimating import Tried
    from nast_core.work.kinds import TraceRecipe

FIGURES = {
    "gap_points_seen": "gap, points, cues trained on",
    "gap_points_unseen": "gap, points, other cues",
    "acc_negated_seen": "accuracy, negated, cues trained on",
    "acc_negated_unseen": "accuracy, negated, other cues",
    "acc_affirmative": "accuracy, affirmative",
    "auroc_negated_seen": "AUROC of denials, cues trained on",
    "denial_unseen": "AUROC of denials, all other cues",  # never shown without the one behind it
    "false_denial": "false denial: AUROC of new frames",
    "pseudo_negation": "AUROC of pseudo-negations",
    "claim_ranking": "claim ranking",
    "retrieval_5": "retrieval, recall at 5",
    "alignment": "cosine to the frozen encoder",
    "cosine_teacher": "cosine to the teacher",
}
RESULT_COLUMNS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("before", "after", "change")}
LEARNT_FROM: tuple[Split, ...] = ("train", "validation")
METHODS: dict[Method, str] = {"lora": "LoRA", "full": "full text tower"}


class Files(NamedTuple):
    """What is learnt from, as fields of the recipe: files, or a dataset."""

    data: Path | None = None
    items: Path | None = None
    images: Path | None = None
    dataset: str = datasets.DRAWN


@memo.shared("Writing the training statements")
def drawn_files(folder: str, studies: int, seed: int, manner: Manner | None = None) -> Files:
    """Statements of drawn patients, and questions on others."""
    from nast_core.dataset.training_files import drawn_files

    return Files(*drawn_files(Path(folder), studies, seed, manner))


@memo.copied()
def statements(_dataset: Dataset, fingerprint: str) -> dict[str, tuple[int, int]]:
    """(statements, studies) of each split that is learnt from or chosen by. DatasetError where there are none."""
    said = [example for example in _dataset.training() if example.image is not None]
    return {
        split: (len(own), len({example.study_id for example in own}))
        for split in LEARNT_FROM
        for own in [[example for example in said if example.split == split]]
    }


def default(name: str) -> Any:
    """The recipe's own: what the page offers is what 'nast finetune' does unasked."""
    from nast_core.finetune.recipe import FinetuneRecipe

    return FinetuneRecipe.model_fields[name].default


def recipe_class() -> type[FinetuneRecipe]:
    from nast_core.finetune.recipe import FinetuneRecipe

    return FinetuneRecipe


def teachers() -> list[str]:
    """Repairs that give a text a vector, and so can be learnt."""
    from nast_core.repair.methods import METHODS as REPAIRS

    return [name for name, method in REPAIRS.items() if method.cosines is None]


def teacher_said(name: str) -> str:
    from nast_core.repair.methods import METHODS as REPAIRS

    return f"{name}: {REPAIRS[name].said}"


def start_of(name: str, method: Method) -> Any:
    """Where a setting starts that depends on what is trained."""
    from nast_core.finetune.presets import START

    return START[method][name]


def data_folder() -> str:
    from nast_core.runs.store import RunStore

    return str(RunStore().root / ".data")


class TraceChoice(NamedTuple):
    id: str
    label: str


def traces(model: DualEncoder) -> list[TraceChoice]:
    """Finished traces of this very model: first those on the chosen dataset, of them those that the paper steers by."""
    from nast_core.runs.store import RunStore
    from nast_core.work.kinds import TraceRecipe

    own = [
        (row, row.recipe)
        for row in RunStore().table().rows
        if isinstance(row.recipe, TraceRecipe)
        and row.status.state == "finished"
        and row.environment.get("model") == model.fingerprint
    ]
    here = datasets.spec()  # whichever page was opened last
    own.sort(key=lambda pair: (pair[1].dataset != here, not _as_in_the_paper(pair[1])))
    return [TraceChoice(row.run.id, f"{_what(r)} ({row.status.created:%Y-%m-%d %H:%M})") for row, r in own]


def _as_in_the_paper(r: TraceRecipe) -> bool:
    """Block outputs, one position and one layer at a time, every swap run (NAST sec. 3)."""
    return (r.component, r.positions, r.window, r.method) == ("block", "each", 1, "exact")


def _what(r: TraceRecipe) -> str:
    layers = "" if r.window == 1 else f", {r.window} layers together"
    on = "" if datasets.drawn(r.dataset) else f", on {Path(r.dataset).name}"
    return f"{r.component}, {r.positions} positions{layers}, {r.method}{on}"


def trace_of(model: DualEncoder, run: str) -> xr.Dataset:
    """The trace of a run; where it is of another model, its reason in one sentence, and the page ends."""
    from nast_core.finetune.weights import read_trace
    from nast_core.runs.store import RunStore

    with widgets.advice():
        return read_trace(RunStore().root / run / "trace.nc", model)


def weights(traced: xr.Dataset, choices: dict[str, Any], arms: Sequence[Arm]) -> pd.DataFrame:
    """Columns layer, effect (over its mean) and one for each of the arms that is traced: what each layer's step is
    multiplied by, with seed 0."""
    from nast_core.finetune.arms import TRACED_ARMS
    from nast_core.finetune.weights import layer_effect, traced_weights

    with widgets.advice():
        effect = layer_effect(traced, choices["summary"], choices["average"])
        shape = {name: choices[name] for name in ("floor", "temperature", "exponent")}
        followed = [arm for arm in arms if arm in TRACED_ARMS]
        by_arm = {arm: traced_weights(arm, effect, seed=0, **shape) for arm in followed}
    table = pd.DataFrame({"layer": np.arange(1, len(effect) + 1), "effect": effect / effect.mean()})
    return table.assign(**by_arm)


def time_of(runs: Sequence[FinetuneRecipe], model: DualEncoder) -> str:
    """What the runs take in all, one after another, in words; what stands against them ends the page."""
    from nast_core.finetune.estimate import seconds_of
    from nast_core.runs.pace import duration
    from nast_core.work.estimating import what_is_tried

    seconds = 0.0
    for number, recipe in enumerate(runs):
        asked = what_is_tried(recipe)
        with widgets.advice():
            files = stamp(*filter(None, (recipe.data, recipe.items))) + datasets.load(recipe.dataset).fingerprint
            tried = _tried(asked, asked.model_dump_json(), model.fingerprint, files)
        costs = (
            tried.costs if number == 0 else replace(tried.costs, images=0.0)
        )  # the first leaves their vectors to the others
        seconds += seconds_of(recipe, costs, tried.amounts)
    return duration(seconds, at_most=any(recipe.may_end_early for recipe in runs))


@memo.copied("Timing a few steps")
def _tried(_recipe: FinetuneRecipe, asked: str, fingerprint: str, files: str) -> Tried:
    from nast_core.work.estimating import try_out

    return try_out(_recipe)


def recipes(arms: list[Arm], seeds: int, common: dict[str, Any], trace: str | None) -> list[FinetuneRecipe]:
    """One an arm and seed, alike in everything else; an arm with a preset of its name has that preset's choices. An
    impossible choice is one sentence, and the page ends."""
    from nast_core.finetune.arms import TRACED_ARMS
    from nast_core.finetune.presets import PRESETS
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.recipe import run_name

    path = {"trace": run_name(trace)} if trace else {}
    own: dict[str, dict[str, Any]] = {
        name: {"preset": name, **{field: value for field, value in fields.items() if field != "summary"}}
        for name, fields in PRESETS.items()
    }  # the summary is the one that the page draws
    return [
        jobs.made(
            FinetuneRecipe,
            {
                "model": keeper.spec(),
                "arm": arm,
                "seed": seed,
                **(path if arm in TRACED_ARMS else {}),
                **common,
                **own.get(arm, {}),
            },
        )
        for seed in range(seeds)
        for arm in arms
    ]


def curves(table: Sequence[Row]) -> pd.DataFrame:
    """Validation figures by run and step: columns run, arm, learnt (the arm, or the teacher), seed, step,
    figure, value."""
    rows = []
    for run, asked, _, _ in table:
        recipe = cast("FinetuneRecipe", asked)
        for line in run.metrics():
            rows += [
                {
                    "run": run.id,
                    "arm": recipe.arm,
                    "learnt": recipe.learnt,
                    "seed": recipe.seed,
                    "step": line["step"],
                    "figure": name,
                    "value": value,
                }
                for name in FIGURES
                if (value := line.get(f"validation_{name}")) is not None
            ]
    return pd.DataFrame(rows, columns=["run", "arm", "learnt", "seed", "step", "figure", "value"])


def results(table: Sequence[Row]) -> pd.DataFrame:
    """A row a finished run and figure: before, after and change, on the validation studies."""
    rows = []
    for run, asked, status, _ in table:
        recipe = cast("FinetuneRecipe", asked)
        for name, label in FIGURES.items():
            before, after = status.figures.get(f"{name}_before"), status.figures.get(name)
            if before is not None and after is not None:
                rows.append(
                    {
                        "arm": recipe.learnt,
                        "seed": recipe.seed,
                        "figure": label,
                        "before": before,
                        "after": after,
                        "change": after - before,
                        "run": run.id,
                    }
                )
    return pd.DataFrame(rows, columns=["arm", "seed", "figure", "before", "after", "change", "run"])
