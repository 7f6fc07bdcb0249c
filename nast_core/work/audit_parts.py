"""The parts of an audit: each asks recipes that commands and pages ask too, and takes its figures from their results.

PARTS is the table of them, in order of cost. To add one, write a function that gives its recipes, one that makes a
Part of their results, name both here, and its figures in ``audit/names.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nast_core.audit.document import Figure, Grid, Lines, Part, Rates, Row
from nast_core.audit.names import FIGURES, OF_FINETUNES, OF_REPAIRS, TITLES, WORDING, cue_figure, named
from nast_core.repair.methods import METHODS
from nast_core.work.attention import AttentionRecipe
from nast_core.work.benchmark import BenchmarkRecipe
from nast_core.work.claims import ClaimsRecipe
from nast_core.work.probe import ProbeRecipe
from nast_core.work.repair import RepairRecipe
from nast_core.work.trace import TraceRecipe

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe

Results = Sequence[Any]  # of the part's recipes, those that could be done, in their order


class PartOf(NamedTuple):
    """One part: what it asks for, and what it makes of the answers."""

    recipes: Callable[[AuditRecipe], list[Recipe]]
    part: Callable[[AuditRecipe, DualEncoder, Results], Part]


def _common(recipe: AuditRecipe) -> dict[str, Any]:
    names = ("model", "dataset", "seed", "device", "precision")
    return {name: getattr(recipe, name) for name in names}


def _sampled(recipe: AuditRecipe) -> dict[str, Any]:
    return _common(recipe) | {"n": recipe.count, "split": recipe.split, "workers": recipe.workers}


def _figures(given: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Figure]:
    return {name: Figure.of(value) for name, value in given.items() if value is not None}


def _bars(title: str, figures: Mapping[str, Figure], reads: str, reference: float | None = None) -> Rates:
    rows = tuple(Row(name=named(name).title, figure=figure) for name, figure in figures.items())
    units = {named(name).unit for name in figures}
    return Rates(title=title, unit=units.pop() if len(units) == 1 else "", rows=rows, reference=reference, reads=reads)


# the model as loaded


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


# questions


def _benchmark(recipe: AuditRecipe) -> list[Recipe]:
    return [BenchmarkRecipe(**_sampled(recipe))]


def benchmark_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (result,) = results
    summary = result.summary
    figures = _figures(
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
            _bars(
                "Questions answered rightly",
                shares,
                "Four options, so 0.25 is chance: the line. Whiskers are 95 % intervals over patients.",
                0.25,
            ),
        ),
    )


# denials and claims: two parts of one run


def _claims(recipe: AuditRecipe) -> list[Recipe]:
    return [ClaimsRecipe(**_sampled(recipe))]


def denials_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (result,) = results
    summary = result.summary
    prompts = zip(("denials", "denials_seen", "denials_unseen"), summary["negated_prompt_auroc"].values(), strict=False)
    figures = _figures({name: by_condition["macro"] for name, by_condition in prompts})
    wording = summary["wording"]
    figures |= _figures({name: wording["groups"].get(group) for group, name in WORDING.items()})
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
            _bars(
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
    figures = _figures(
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
            _bars(
                "Claims, zero-shot and retrieval",
                figures,
                "Claims and zero-shot: 0.5, the line, is chance. Retrieval is among the gallery's images.",
                0.5,
            ),
        ),
    )


# inside the text encoder


def _attention(recipe: AuditRecipe) -> list[Recipe]:
    return [AttentionRecipe(**_common(recipe))]


def attention_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    from nast_core.statistics.rates import rate

    (found,) = results
    mean = found.nsa.mean("pair")
    top = mean.argmax(("layer", "head"))
    layer, head = (mean[dim].values[int(top[dim])] for dim in ("layer", "head"))
    own = found.nsa.sel(layer=layer, head=head).values
    return Part(
        title=TITLES["attention"],
        state="done",
        seed=0,
        figures={"nsa": Figure.of(rate(own, [str(i) for i in range(len(own))]))},
        facts={"head": f"head {head} of layer {layer}", "pairs": str(len(own))},
        charts=(
            Grid(
                title="Negator-selective attention",
                unit="share of attention",
                across=tuple(f"head {h}" for h in mean["head"].values),
                down=tuple(f"layer {one}" for one in mean["layer"].values),
                values=_cells(mean.values),
                reads="How much more a head looks at the negator than at the word in its place; means over pairs.",
            ),
        ),
    )


def _trace(recipe: AuditRecipe) -> list[Recipe]:
    return [TraceRecipe(**_common(recipe))]


def trace_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    from nast_core.interpret.profiles import by_role, counts, layer_profile
    from nast_core.interpret.summaries import layer_summary

    (traced,) = results
    profile = layer_profile(layer_summary(traced, "negator"), traced.d, "ratio_mean")
    layers = tuple(int(layer) for layer in profile.layer)
    series = tuple(Figure.of(row) for row in profile.to_dict("records"))
    roles, held = by_role(traced), counts(traced)
    shown = roles.transpose("role", "layer")
    return Part(
        title=TITLES["trace"],
        state="done",
        seed=0,
        figures={f"cte.{layer}": figure for layer, figure in zip(layers, series, strict=True) if layer},
        facts={
            "pairs": str(held.pairs),
            "undefined": str(held.undefined),
            "method": traced.attrs.get("method", "exact"),
        },
        charts=(
            Lines(
                title="Causal tracing effect at the negator's own position",
                unit="CTE",
                layers=layers,
                series={"negator": series},
                reference=0.5,
                reads="1: this state alone turns “X” into “no X”. Where it falls, the negation has moved on.",
            ),
            Grid(
                title="Causal tracing effect by token",
                unit="CTE",
                across=tuple(f"layer {layer}" for layer in layers),
                down=tuple(map(str, shown.role.values)),
                values=_cells(shown.values),
                reads="Ratio of means over pairs; 0: the state carries nothing of the negation, 1: all of it.",
            ),
        ),
    )


def _cells(values: Any) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(None if cell != cell else round(float(cell), 6) for cell in row) for row in values)


def _probe(recipe: AuditRecipe) -> list[Recipe]:
    return [ProbeRecipe(**_common(recipe))]


def probe_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (found,) = results
    rows = found.summary["layers"]
    measures = {"held_out_findings": "probe_findings", "held_out_cues": "probe_cues", "control": "probe_control"}
    last = rows[-1]
    return Part(
        title=TITLES["probe"],
        state="done",
        seed=recipe.seed,
        figures=_figures({figure: last[measure] for measure, figure in measures.items()}),
        facts={"pairs": str(found.summary["pairs"]), "found": found.summary["sentence"]},
        charts=(
            Lines(
                title="Polarity probe by layer",
                unit="share",
                layers=tuple(row["layer"] for row in rows),
                series={
                    said: tuple(Figure.of(row[measure]) for row in rows)
                    for measure, said in zip(measures, ("new findings", "new cues", "control"), strict=True)
                },
                reference=0.5,
                reads="Share of texts whose polarity a probe at the pooled position reads rightly; chance is 0.5.",
            ),
        ),
    )


# what can be done about it


def _repairs(recipe: AuditRecipe) -> list[Recipe]:
    return [RepairRecipe(**_sampled(recipe), method=method) for method in recipe.methods]


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


PARTS: dict[str, PartOf] = {
    "model": PartOf(lambda recipe: [], model_part),
    "benchmark": PartOf(_benchmark, benchmark_part),
    "denials": PartOf(_claims, denials_part),
    "claims": PartOf(_claims, claims_part),
    "attention": PartOf(_attention, attention_part),
    "trace": PartOf(_trace, trace_part),
    "probe": PartOf(_probe, probe_part),
    "repairs": PartOf(_repairs, repairs_part),
    "finetunes": PartOf(lambda recipe: [], finetunes_part),
}
