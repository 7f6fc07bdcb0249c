"""What the tracing and heads pages compute: one pair on any image at once, whole sets as runs that are found again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts import datasets, fields, jobs, keeper, memo, widgets
from dashboard.parts.pairs import alignment
from nast_core.interpret.summaries import AVERAGES, SUMMARIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from nast_core.interpret.effects import PatchedPair
    from nast_core.interpret.plan import Method, PatchPlan
    from nast_core.interpret.profiles import Segment
    from nast_core.interpret.summaries import Average, Summary
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair
    from nast_core.work.kinds import TraceRecipe

SOON = 60.0  # seconds: what takes less is computed on the page, what takes more is a run of its own
SLOW_PAIR = 0.5  # seconds of a first pair that are not what a first call pays for what later ones find ready
COMPONENTS = {
    "block": "Block output",
    "attention": "Attention output",
    "mlp": "MLP output",
}
METHODS: dict[Method, str] = {"exact": "Exact", "attribution": "Estimate"}


class On(NamedTuple):
    """Which images of the dataset each pair is scored on."""

    finding: bool = True  # those that have the pair's finding; False: those that lack it
    several: int = 1  # the mean of so many


ON_ONE = On()


def choose_images(which: Any, many: Any) -> On:
    """Which images of the dataset, and how many, in two places of the page."""
    finding = fields.one_of(
        which,
        "Images",
        {"with": "with the finding", "without": "without"},
        key="trace-images",
        help="Where an image lacks the finding, the denial is what is true, and d below 0 is right.",
    )
    several = many.number_input(
        "Images a pair",
        1,
        100,
        1,
        key="trace-several",
        bind="query-params",
        help="Each pair of the set is averaged over so many images of the dataset, as far as it has them.",
    )
    return On(finding == "with", int(several))


def plan(**choices: object) -> PatchPlan:
    from nast_core.interpret.plan import PatchPlan

    return PatchPlan.model_validate(choices)


@memo.shared("Tracing the pair")
def _patched(_model: DualEncoder, fingerprint: str, pair: AlignedPair, plan: PatchPlan, run: str | None) -> PatchedPair:
    """The pair's patched runs: those that the set's run kept, or made now."""
    from nast_core.interpret.effects import PatchedPair, patched_pairs
    from nast_core.interpret.patched_runs import read_vectors
    from nast_core.runs.store import RunStore
    from nast_core.work.trace import VECTORS

    folder = RunStore().root / (run or "")
    if run and (folder / VECTORS).exists():
        negated = _read(str(folder / "trace.nc"), run).negated.values
        rows = np.flatnonzero(negated == pair.pair.negated)
        kept = read_vectors(folder / VECTORS, int(rows[0])) if len(rows) else None
        if kept:
            return PatchedPair(pair, plan, kept.vectors[:, :, : pair.length], kept.affirmative, kept.negated)
    return patched_pairs(_model.text, [pair], plan)[0]


@dataclass(frozen=True)
class OnImages:
    """One pair's effect on one image, or averaged over several."""

    effect: np.ndarray | None  # [layer, head, position]; None where d is too small on every image
    affirmative: float  # mean score, logits
    negated: float
    d: np.ndarray  # per image

    @property
    def gap(self) -> float:
        return self.affirmative - self.negated


def pair_on_images(
    model: DualEncoder, pair: AlignedPair, plan: PatchPlan, method: str, vectors: np.ndarray, run: str | None
) -> OnImages:
    """The pair's patched runs scored on ``vectors`` [image, dim]: once they are made, another image costs a product."""
    import torch

    from nast_core.interpret.effects import MIN_GAP, ImageScores

    images = torch.from_numpy(vectors)
    one = _patched(model, model.fingerprint, pair, plan, run)
    scores = ImageScores(model, images[None], MIN_GAP)
    seen = scores.add(0, one.affirmative, one.negated)
    gap = scores.means[0]
    if seen is None:
        effect = None
    elif method == "exact":
        effect = one.effect(seen).numpy()
    else:
        from nast_core.interpret.gradients import attribution_trace

        with st.spinner("Estimating"):
            estimate = attribution_trace(model, [pair], images[None], plan=plan)
        effect = estimate.cte.values[0][:, None] if "cte" in estimate else estimate.cte_head.values[0][..., None]
    return OnImages(effect, gap.affirmative, gap.negated, scores.d[0])


def recipe(plan: PatchPlan, method: Method, on: On = ON_ONE) -> TraceRecipe:
    from nast_core.work.kinds import TraceRecipe

    images = {"dataset": datasets.spec(), "with_finding": on.finding, "per_pair": on.several}
    return TraceRecipe.model_validate({"model": keeper.spec(), "method": method} | images | plan.model_dump())


def traced_set(model: DualEncoder, plan: PatchPlan, method: Method, on: On = ON_ONE) -> xr.Dataset | None:
    """The whole set of pairs: an earlier run's result, or computed now with progress; None where it takes long, and the
    page looks at one pair and offers the rest."""
    from nast_core.work.identity import find_run

    wanted = recipe(plan, method, on)
    with widgets.advice():
        run = find_run(wanted, model_fingerprint=model.fingerprint)
    if run is not None:
        with widgets.advice():
            return _read(str(run.folder / "trace.nc"), run.id)
    if _seconds(model, plan, method) > SOON:
        return None
    with widgets.advice():
        run = jobs.run_now(wanted, model, f"Tracing {len(alignment(model, present=on.finding).aligned)} pairs")
    return _read(str(run.folder / "trace.nc"), run.id)


def offer(model: DualEncoder, plan: PatchPlan, method: Method, on: On = ON_ONE) -> None:
    """The run of the whole set: how it stands, or a button that says how long it takes."""
    from nast_core.runs.pace import duration

    label = (
        f"Trace {len(alignment(model, present=on.finding).aligned)} pairs: {duration(_seconds(model, plan, method))}"
    )
    jobs.offer(recipe(plan, method, on), model.fingerprint, label, key="tracing-run")


def trace_of(model: DualEncoder, pair: AlignedPair, plan: PatchPlan, method: Method, vector: np.ndarray) -> xr.Dataset:
    """The trace of one pair on one image's vector [dim]."""
    return _trace_of(model, model.fingerprint, pair, plan, method, vector)


@memo.copied("Tracing one pair")
def _trace_of(
    _model: DualEncoder, fingerprint: str, pair: AlignedPair, plan: PatchPlan, method: Method, vector: np.ndarray
) -> xr.Dataset:
    import torch

    from nast_core.interpret.effects import effects_of
    from nast_core.interpret.gradients import attribution_trace

    images = torch.from_numpy(vector)[None]
    if method == "attribution":
        return attribution_trace(_model, [pair], images, plan=plan)
    return effects_of(_model, _patched(_model, fingerprint, pair, plan, None), images)


@memo.copied()
def _read(path: str, run_id: str) -> xr.Dataset:
    from nast_core.files.netcdf import read_dataset

    return read_dataset(Path(path), absent="trace again").assign_attrs(run=run_id)


def shortest(pairs: Sequence[AlignedPair]) -> AlignedPair:
    """The pair that is traced soonest, for a first look: work grows with the square of the tokens."""
    return min(pairs, key=lambda pair: pair.length)


def _seconds(model: DualEncoder, plan: PatchPlan, method: Method) -> float:
    """What tracing the whole set takes, about; of an estimate, the pairs traced exactly beside it weigh most."""
    squares = [pair.length**2 for pair in alignment(model).aligned]
    share = 1.0
    if method == "attribution":
        from nast_core.interpret.gradients import SAMPLE

        share = min(SAMPLE / len(squares), 1.0)
    return share * sum(squares) * _seconds_a_square(model, model.fingerprint, plan)


@memo.copied("Tracing one pair")
def _seconds_a_square(_model: DualEncoder, fingerprint: str, plan: PatchPlan) -> float:
    pair = shortest(alignment(_model).aligned)
    began = time.perf_counter()
    _patched(_model, fingerprint, pair, plan, None)  # which the page then shows
    spent = time.perf_counter() - began
    if spent > SLOW_PAIR:
        return spent / pair.length**2
    return _again(_model, plan, [pair] if spent > SLOW_PAIR / 2 else alignment(_model).aligned[:4])


def _again(model: DualEncoder, plan: PatchPlan, pairs: Sequence[AlignedPair]) -> float:
    """The same of ``pairs`` at once, for which all is ready now."""
    from nast_core.interpret.effects import patched_pairs

    began = time.perf_counter()
    patched_pairs(model.text, pairs, plan)
    return (time.perf_counter() - began) / sum(pair.length**2 for pair in pairs)


def estimate_badge(traced: xr.Dataset) -> None:
    """Wherever a figure is an estimate, says so, and how close it came to exact tracing."""
    if "agreement_pairs" not in traced.attrs:  # of one pair: nothing was traced beside it
        st.badge("Estimate to first order", icon=":material/functions:", color="orange")
        return
    close = {name.removeprefix("agreement_"): v for name, v in traced.attrs.items() if name.startswith("agreement_")}
    agreement = (
        f"correlation with exact on {close['pairs']} pairs: Pearson {close['pearson']:.2f}, Spearman"
        f" {close['spearman']:.2f}"
    )
    st.badge(f"Estimate to first order; {agreement}", icon=":material/functions:", color="orange")


SEGMENTS: tuple[Segment, ...] = ("all", "affirmative higher", "negated higher")


def segment_label(segment: Segment, finding: bool) -> str:
    """``finding``: whether the images have the pairs' findings; without them, the denial is what is true."""
    if segment == "all":
        return "all pairs"
    form = segment.removesuffix(" higher")
    right = (form == "affirmative") == finding
    return f"{form} text higher ({'right' if right else 'wrong'}: the finding is {'there' if finding else 'not there'})"


def choose_average(place: Any, key: str, **options: Any) -> Average:
    """How pairs are averaged; ``options`` are the field's own."""
    return place.selectbox("Average", list(AVERAGES), format_func=lambda a: AVERAGES[a], key=key, **options)


def choose_summary(place: Any, names: Sequence[str], key: str, **options: Any) -> Summary:
    """One of the layer summaries ``names``, those that have a meaning for the trace."""
    return place.selectbox("Layer summary", names, format_func=lambda s: SUMMARIES[s].label, key=key, **options)


@dataclass(frozen=True)
class Tables:
    """What the page draws of a whole set."""

    counted: str
    pairs: int  # defined, of the segment
    by_role: xr.DataArray | None
    profile: pd.DataFrame | None  # layer, value, low, high, n; None where no pair is defined


def tables(traced: xr.Dataset, segment: Segment, average: Average, summary: Summary) -> Tables:
    from nast_core.interpret import profiles

    counts = profiles.counts(traced)
    counted = (
        f"{counts.pairs} pairs: {counts.affirmative_higher} score the affirmative text higher, "
        f"{counts.negated_higher} the negated one; {counts.undefined} undefined (|d| below "
        f"{traced.attrs['min_gap']:g} logits)."
    )
    part = profiles.segment(traced, segment)
    used = part.sizes["pair"] - (counts.undefined if segment == "all" else 0)
    if not used:
        return Tables(counted, 0, None, None)
    effect = memo.digest(part.cte.values.tobytes(), part.d.values.tobytes())
    return Tables(counted, used, _by_role(part, effect, average), _profile(part, effect, average, summary))


@memo.copied()
def _by_role(_part: xr.Dataset, effect: str, average: Average) -> xr.DataArray:
    from nast_core.interpret.profiles import by_role

    return by_role(_part, average).dropna("role", how="all")


@memo.copied()
def _profile(_part: xr.Dataset, effect: str, average: Average, summary: Summary) -> pd.DataFrame:
    from nast_core.interpret.profiles import layer_profile
    from nast_core.interpret.summaries import layer_summary

    return layer_profile(layer_summary(_part, summary), _part.d, average)


def pair_ticks(model: DualEncoder, pair: AlignedPair, effect: np.ndarray) -> tuple:
    from nast_core.interpret.selftest import identity_checks

    return identity_checks(effect[None, :, 0], [pair], model.text)


def set_ticks(model: DualEncoder, traced: xr.Dataset, chosen: tuple[AlignedPair, ...]) -> tuple:
    from nast_core.interpret.selftest import trace_checks

    by_text = {pair.pair.negated: pair for pair in chosen}
    return trace_checks(traced, [by_text[text] for text in traced.negated.values], model.text)
