"""Kind ``probe``: at which layer the text encoder knows that a finding is denied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from nast_core.interpret.plan import SHUFFLINGS
from nast_core.recipe import OfDataset, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.pairs import save, spoken_pairs
from nast_core.work.results import dataset, summary
from nast_core.work.shares import is_main, load, ticks

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run

FILE = "probe.nc"


class ProbeRecipe(OfDataset):
    """Accuracy by layer of probes for negation, on cues and findings that they did not learn from: summary.json, and
    probe.nc with every pair."""

    files: ClassVar = ("pairs",)

    kind: Literal["probe"] = "probe"
    pairs: Path | None = None  # without: the dataset's and every denial of the grammar, of conditions the model knows
    # cues that no probe learns from; without: absent, free of, not seen and negative for, or the rarer half
    hold_out: tuple[str, ...] = Field(default=(), max_length=100)
    shufflings: int = Field(default=SHUFFLINGS, ge=1, le=1000)  # of the labels, for the control


def probe(recipe: ProbeRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """summary.json and probe.nc. Figures: pairs, and the accuracies at the last layer's pooled position."""
    from nast_core.files.writing import write_json
    from nast_core.interpret.probe import probe, probe_pairs
    from nast_core.interpret.probe_summary import summarise

    encoder = model or load(recipe)
    pairs, vocabulary = spoken_pairs(recipe.pairs, encoder, recipe.dataset)
    found = probe_pairs(pairs, encoder.text)
    for _, reason in found.refused:
        report.say(f"not used: {reason}")
    report.say(f"{len(found.usable)} pairs can be learnt from, {len(found.refused)} cannot")
    texts = {text for one in found.usable for text in (one.pair.affirmative, one.pair.negated)}
    result = probe(
        encoder,
        found.usable,
        vocabulary,
        held_out=recipe.hold_out,
        shufflings=recipe.shufflings,
        seed=recipe.seed,
        progress=ticks(report, len(texts), "texts"),
    )
    said = summarise(result)
    save(result, recipe, folder / FILE)
    if is_main():
        write_json(folder / "summary.json", said)
    last = said["layers"][-1]
    return {
        "pairs": len(found.usable),
        **{name: last[name]["value"] for name in ("held_out_findings", "held_out_cues", "control")},
    }


class Probed(NamedTuple):
    """What a finished run found."""

    summary: dict[str, Any]
    pairs: xr.Dataset


def result(run: Run) -> Probed:
    return Probed(summary(run), dataset(run.folder / FILE))


PROBE = Kind(ProbeRecipe, "Polarity probe", "by layer, whether the text encoder knows that it is denied", probe, result)
