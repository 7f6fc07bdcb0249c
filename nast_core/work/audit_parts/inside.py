"""Parts of an audit that look inside the text encoder: attention, causal tracing, the polarity probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.audit.document import Figure, Grid, Lines, Part
from nast_core.audit.names import TITLES
from nast_core.work.attention import AttentionRecipe
from nast_core.work.audit_parts.shared import Results, cells, common, figures_of
from nast_core.work.probe import ProbeRecipe
from nast_core.work.trace import TraceRecipe

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe


def ask_attention(recipe: AuditRecipe) -> list[Recipe]:
    return [AttentionRecipe(**common(recipe))]


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
                values=cells(mean.values),
                reads="How much more a head looks at the negator than at the word in its place; means over pairs.",
            ),
        ),
    )


def ask_trace(recipe: AuditRecipe) -> list[Recipe]:
    return [TraceRecipe(**common(recipe))]


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
                values=cells(shown.values),
                reads="Ratio of means over pairs; 0: the state carries nothing of the negation, 1: all of it.",
            ),
        ),
    )


def ask_probe(recipe: AuditRecipe) -> list[Recipe]:
    return [ProbeRecipe(**common(recipe))]


def probe_part(recipe: AuditRecipe, model: DualEncoder, results: Results) -> Part:
    (found,) = results
    rows = found.summary["layers"]
    measures = {"held_out_findings": "probe_findings", "held_out_cues": "probe_cues", "control": "probe_control"}
    last = rows[-1]
    return Part(
        title=TITLES["probe"],
        state="done",
        seed=recipe.seed,
        figures=figures_of({figure: last[measure] for measure, figure in measures.items()}),
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
