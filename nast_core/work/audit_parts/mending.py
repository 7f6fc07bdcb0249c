"""Parts of an audit on what can be done: repairs without training, and fine-tunes that are on disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nast_core.audit.document import Figure, Part, Rates, Row
from nast_core.audit.names import OF_FINETUNES, OF_REPAIRS, TITLES, named
from nast_core.repair.methods import METHODS
from nast_core.work.audit_parts.shared import Results, sampled
from nast_core.work.repair import RepairRecipe

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe


def ask_repairs(recipe: AuditRecipe) -> list[Recipe]:
    return [RepairRecipe(**sampled(recipe), method=method) for method in recipe.methods]


def repairs_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    from nast_core.repair.evaluate import UNREPAIRED

    figures: dict[str, Figure] = {}
    facts = {}
    for result in results:
        models = result.summary["models"]
        method = _named(result.repair)
        for who, name in ((UNREPAIRED, "as_it_is"), (result.repair, method)):
            given = {f"repair.{name}.{one}": models[who].get(one) for one in OF_REPAIRS}
            figures |= {key: Figure.of(value) for key, value in given.items() if isinstance(value, Mapping)}
        gains = {row["form"]: {**row, "value": row["change"]} for row in result.summary["tests"]}
        figures |= {f"repair.{method}.gained_{form}": Figure.of(row) for form, row in gains.items()}
        facts[method] = f"{result.repair}; {models[result.repair]['touched']:.0%} of texts read otherwise"
    bars = {
        title: _of_repairs(figures, name)
        for name, title in (
            ("gap_points", "Gap after each repair"),
            ("denials_unseen", "Denials by unseen cues"),
            ("zero_shot", "Zero-shot"),
        )
    }
    return Part(
        title=TITLES["repairs"],
        state="done",
        seed=recipe.seed,
        figures=figures,
        facts=facts,
        charts=tuple(chart for chart in (_repair_chart(title, rows) for title, rows in bars.items()) if chart),
    )


def _named(repair: str) -> str:
    """A repair as figures name it: its method, with the numbers that are not its strength."""
    method, _, arguments = repair.removesuffix(")").partition("(")
    strength = METHODS[method].strength
    own = [one for one in arguments.split(",") if one and one.partition("=")[0] != strength]
    return "_".join([method, *(one.replace("=", "_").replace(".", "_") for one in own)])


def _of_repairs(figures: Mapping[str, Figure], name: str) -> dict[str, Figure]:
    return {key: figure for key, figure in figures.items() if key.endswith(f".{name}")}


def _repair_chart(title: str, figures: Mapping[str, Figure]) -> Rates | None:
    if not figures:
        return None
    unit = named(next(iter(figures))).unit
    rows = tuple(Row(name=key.split(".")[1].replace("_", " "), figure=figure) for key, figure in figures.items())
    reads = {"points": "Percentage points that negation costs; lower is better.", "AUROC": "1 is right, 0.5 chance."}[
        unit
    ]
    return Rates(title=title, unit=unit, rows=rows, reference=0.0 if unit == "points" else 0.5, reads=reads)


def finetunes_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    """What fine-tunes on disk have reached, as their records say: figures of their own validation studies."""
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.opening import finished_finetune
    from nast_core.recipe import run_of

    figures: dict[str, Figure] = {}
    facts: dict[str, str] = {}
    for spec in recipe.finetunes:
        run = finished_finetune(run_of(spec) or spec)
        assert isinstance(run.recipe, FinetuneRecipe)
        tuned = run.result
        name, count = run.id, int(tuned.summary["validation_studies"])
        given = {one: tuned.figures.get(one) for one in OF_FINETUNES}
        figures |= {
            f"finetune.{name}.{one}": Figure(value=value, n=count) for one, value in given.items() if value is not None
        }
        before = tuned.figures.get("acc_negated_before")
        facts[name] = (
            f"arm {run.recipe.arm}, seed {run.recipe.seed}; negated before: {before:.1%}"
            if before is not None
            else run.recipe.arm
        )
    facts = facts or {"found": "no fine-tune of this model is on disk"}
    return Part(title=TITLES["finetunes"], state="done", figures=figures, facts=facts)


def finetunes_of(fingerprint: str) -> list[str]:
    """``run:ID`` of every finished fine-tune on disk whose base has this fingerprint, the oldest first."""
    from nast_core.errors import NastError
    from nast_core.finetune.record import ADAPTER, read_record
    from nast_core.recipe import run_name
    from nast_core.runs.store import RunStore

    found = []
    for row in RunStore().table().rows:
        if row.recipe.kind != "finetune" or row.status.state != "finished":
            continue
        try:
            record = read_record(row.run.folder / ADAPTER)
        except NastError:
            continue
        if record.base_fingerprint == fingerprint:
            found.append(run_name(row.run.id))
    return found[::-1]
