"""What the layers of the demo models know, what their denials would mean on the way, and who makes the score: five
sentences with their figures, in docs/layers.json and, beside the study of arms, in docs/results.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nast_core.claims.way_groups import HELD_OUT, TAUGHT
from nast_core.demo.study.tables import markdown
from nast_core.errors import DataError, NastError
from nast_core.files.documents import read_json
from nast_core.files.places import DEMO, DEMO_LANGUAGE
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_json, write_text
from nast_core.opening import load_model
from nast_core.recipe import Recipe, Reporter
from nast_core.runs.store import RunStore
from nast_core.statistics.rates import Rate
from nast_core.work.claims import ClaimsRecipe
from nast_core.work.contributions import ContributionsRecipe
from nast_core.work.in_process import run_in_process
from nast_core.work.lens import LensRecipe
from nast_core.work.probe import ProbeRecipe

FILE = "layers.json"
STUDIES = 500  # test phantoms that the AUROCs beside the probe are of
Summary = Mapping[str, Any]


def layers(out: Path, docs: Path | None, report: Reporter) -> dict[str, Any]:
    """layers.json in ``out``, and in ``docs`` where it is given, whose results.md gets its sentences; runs are kept in
    ``out`` and found again."""
    store = RunStore(out / "runs")
    found = {spec: _summaries(spec, store, report) for spec in (DEMO, DEMO_LANGUAGE)}
    outcome = {"revision": code_revision(12), "sentences": sentences(found), "models": found}
    for folder in filter(None, (out, docs)):
        write_json(folder / FILE, outcome)
        if (folder / "results.json").exists():
            write_text(folder / "results.md", markdown(read_json(folder / "results.json"), section(folder)))
    return outcome


def _summaries(spec: str, store: RunStore, report: Reporter) -> dict[str, Any]:
    """probe, lens, contributions and wording of one model; of what it cannot, why."""
    try:
        model = load_model(spec)
    except NastError as error:
        return {"absent": str(error)}
    asked: dict[str, Recipe] = {
        "probe": ProbeRecipe(model=spec),
        "lens": LensRecipe(model=spec),
        "contributions": ContributionsRecipe(model=spec),
        "claims": ClaimsRecipe(model=spec, n=STUDIES, split="test"),
    }
    summaries: dict[str, Any] = {}
    for name, recipe in asked.items():
        try:
            summaries[name] = run_in_process(recipe, report, model=model, store=store).result.summary
        except NastError as error:
            summaries[name] = {"lacking": str(error)}
    summaries["wording"] = summaries.pop("claims")["wording"]["groups"]
    return summaries


def sentences(found: Mapping[str, Summary]) -> list[str]:
    """Each from the figures alone; none of a model that is not there, or of what it cannot."""
    said = []
    for spec, summaries in found.items():
        if "absent" in summaries:
            continue
        said.append(f"`{spec}`: {known(summaries['probe'], summaries['wording'])}")
        for name, words in (("lens", meant), ("contributions", made)):
            if "lacking" not in summaries[name]:
                said.append(f"`{spec}`: {words(summaries[name])}")
    return said


def known(probe: Summary, wording: Summary) -> str:
    rows = probe["layers"]
    last = rows[-1]
    cues = max(rows, key=lambda row: row["held_out_cues"]["value"])
    taught, held_out = (_interval(wording[group]) for group in (TAUGHT, HELD_OUT))
    return (
        f"{probe['sentence'].rstrip('.')}: probes at the pooled position read {_at(rows[0], 'held_out_findings')}, "
        f"{_at(rows[1], 'held_out_findings')} and {_at(last, 'held_out_findings')} of texts about findings that they "
        f"never saw ({probe['pairs']} pairs), and of cues that they never saw at most {_at(cues, 'held_out_cues')}; at "
        f"the output denials have an AUROC of {taught} by taught cues and of {held_out} by held-out ones."
    )


def meant(lens: Summary) -> str:
    """How far the negation has moved a text towards its affirmative equivalent, before the last layer and in it."""
    rows = [{"layer": row["layer"], **row["jacobian"]} for row in lens["layers"]]
    *before, last = rows
    most = max(before, key=lambda row: abs(row["moved"]["value"]))
    return (
        f"stopped after layer {most['layer']}, a denial has a cosine of {_interval(most['equivalent'])} to the "
        f"affirmative sentence that means the same and of {_interval(most['affirmative'])} to X, of which the negation "
        f"itself, denial less statement, makes {_moved(most)}, the most before the last layer; there the cosines are "
        f"{_interval(last['equivalent'])} and {_interval(last['affirmative'])}, and it makes {_moved(last)} (Jacobian "
        f"lens, {lens['pairs']} pairs)."
    )


def _moved(row: Summary) -> str:
    return _interval(row["moved"], "+.3f")


def made(contributions: Summary) -> str:
    mlp = max(contributions["mlps"], key=lambda row: abs(row["value"]))
    head = max(contributions["heads"], key=lambda row: abs(row["value"]))
    return (
        f"of the {_interval(contributions['difference'])} logits by which a denial differs from its statement, MLPs "
        f"make {_interval(contributions['all_mlps'])} (that of layer {mlp['layer']} alone {_interval(mlp)}) and heads "
        f"{_interval(contributions['all_heads'])}, none of them more than head {head['head']} of layer {head['layer']} "
        f"with {_interval(head)} (direct contributions, {contributions['pairs']} pairs)."
    )


def section(folder: Path) -> list[str]:
    """Lines for results.md, from the layers.json beside it; none where there is none."""
    try:
        outcome = read_json(folder / FILE)
    except DataError:
        return []
    return [
        "## What the layers know",
        "",
        *(f"- {one}" for one in outcome["sentences"]),
        "",
        _MADE.format(**outcome),
        "",
    ]


_MADE = "Made by `nast demo layers` at {revision}; every figure is in layers.json beside this file."


def _at(row: Summary, measure: str) -> str:
    return f"{_interval(row[measure])} (layer {row['layer']})"


def _interval(figure: Mapping[str, float], spec: str = ".2f") -> str:
    return Rate.of(figure).interval(spec)
