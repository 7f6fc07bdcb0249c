"""Parts of an audit that ask the model: itself, questions, denials and claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nast_core.audit.document import Figure, Part, Rates, Row
from nast_core.audit.names import FIGURES, TITLES, WORDING, cue_figure
from nast_core.work.audit_parts.shared import Results, bars, figures_of, sampled
from nast_core.work.benchmark import BenchmarkRecipe
from nast_core.work.claims import ClaimsRecipe

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe


def model_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    """The self-test's ticks and the load report."""
    from nast_core.interpret.selftest import self_test
    from nast_core.models.description import anatomy, lacking

    checks = self_test(model)
    facts = anatomy(model) | {f"no {what}": why for what, why in lacking(model).items()}
    facts |= {f"warning {number}": said for number, said in enumerate(model.report.warnings, 1)}
    facts |= {f"failed: {one.name}": f"{one.figure} ({one.meaning})" for one in checks if not one.passed}
    passed = sum(one.passed for one in checks) / len(checks)
    return Part(
        title=TITLES["model"],
        state="done",
        figures={"checks": Figure(value=passed, n=len(checks))},
        facts=facts,
    )


def ask_benchmark(recipe: AuditRecipe) -> list[Recipe]:
    return [BenchmarkRecipe(**sampled(recipe))]


def benchmark_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (result,) = results
    summary = result.summary
    figures = figures_of(
        {name: summary[name] for name in ("acc_affirmative", "acc_negated", "gap_points")}
        | {name: summary[name] for name in ("blind_affirmative", "blind_negated")}
        | {
            f"{name}_{part}": summary["cues"][part][name]
            for part in ("seen", "unseen")
            for name in ("acc_negated", "gap_points")
        }
        | {"affirmation_bias": summary["affirmation_bias"]["negated"]}
    )
    table = result.tables["items"]
    shares = {name: figure for name, figure in figures.items() if FIGURES[name].unit == "share"}
    return Part(
        title=TITLES["benchmark"],
        state="done",
        seed=recipe.seed,
        figures=figures,
        facts={
            "questions": f"{summary['items']:,}",
            "patients": str(table.patient_id.nunique()),
            "unscored": str(summary["unscored"]),
            "ties": str(summary["ties"]),
        },
        charts=(
            bars(
                "Questions answered rightly",
                shares,
                "Four options, so 0.25 is chance: the line. Whiskers are 95 % intervals over patients.",
                0.25,
            ),
        ),
    )


def ask_claims(recipe: AuditRecipe) -> list[Recipe]:
    return [ClaimsRecipe(**sampled(recipe))]


def denials_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (result,) = results
    summary = result.summary
    prompts = zip(("denials", "denials_seen", "denials_unseen"), summary["negated_prompt_auroc"].values(), strict=False)
    figures = figures_of({name: by_condition["macro"] for name, by_condition in prompts})
    wording = summary["wording"]
    figures |= figures_of({name: wording["groups"].get(group) for group, name in WORDING.items()})
    own = {cue: one for cue, one in wording["wordings"].items() if WORDING.get(one["group"], "").startswith("denials")}
    cues = {cue: Figure.of(one) for cue, one in own.items()}
    rows = tuple(Row(name=cue, figure=figure, series=own[cue]["group"]) for cue, figure in cues.items())
    return Part(
        title=TITLES["denials"],
        state="done",
        seed=recipe.seed,
        figures=figures | {cue_figure(cue): figure for cue, figure in cues.items()},
        facts=_seen(result) | _unasked(model, wording["wordings"]),
        charts=(
            bars(
                "Denials and affirmations",
                figures,
                "1: read rightly. 0.5, the line: the cue is ignored. 0: read as its opposite.",
                0.5,
            ),
            Rates(
                title="Denials cue by cue",
                unit="AUROC",
                rows=rows,
                reference=0.5,
                reads="How well each cue's denials rank the images that lack a finding. Under 0.5: read as presence.",
            ),
        ),
    )


def _seen(result: Any) -> dict[str, str]:
    """Images; patients, where statements name them."""
    patients = result.tables["pairs"].patient_id.nunique()
    return {"images": f"{result.summary['images']:,}"} | ({"patients": str(patients)} if patients else {})


def _unasked(model: DualEncoder, asked: Mapping[str, Any]) -> dict[str, str]:
    missing = sorted((model.card.taught or frozenset()) - asked.keys() - {"not", "rather than"})
    return {"cues not asked": ", ".join(missing)} if missing else {}


def claims_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    from nast_core.claims.claim import KINDS

    (result,) = results
    summary = result.summary
    known = summary["alignment"]
    figures = figures_of(
        {
            f"claims_{kind}": summary["ranking"][kind]["all"]["accuracy"]
            for kind in KINDS
            if summary["ranking"][kind]["all"]["accuracy"]["n"]
        }
        | {"zero_shot": known["zero_shot_auroc"].get("macro")}
        | {f"retrieval_{name}": known["affirmative_retrieval"].get(name) for name in ("R@1", "R@5", "R@10", "mAP")}
    )
    return Part(
        title=TITLES["claims"],
        state="done",
        seed=recipe.seed,
        figures=figures,
        facts=_seen(result) | {"statements": f"{summary['gallery']['statements']:,}"},
        charts=(
            bars(
                "Claims, zero-shot and retrieval",
                figures,
                "Claims and zero-shot: 0.5, the line, is chance. Retrieval is among the gallery's images.",
                0.5,
            ),
        ),
    )
