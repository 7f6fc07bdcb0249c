"""Benchmark, claims and alignment as the work of a run: images and texts are encoded in shares, and scored together."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from nast_core.benchmark import run as benchmark_run
from nast_core.benchmark.alignment import Alignment, compare_alignment, measure_alignment
from nast_core.benchmark.claim_ranking import statement_texts
from nast_core.benchmark.items import read_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.scoring import distinct_texts
from nast_core.claims import run as claims_run
from nast_core.claims.claim import KINDS
from nast_core.claims.evidence import Evidence, evidence, without
from nast_core.claims.files import read_claims
from nast_core.data.sources import encode_named, in_doubt
from nast_core.data.vectors import default_cache, encode_distinct
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.files.parquet import write_parquet
from nast_core.files.writing import whole_folder, write_json
from nast_core.interpret.dataset import provenance
from nast_core.models import DualEncoder, load_model
from nast_core.runs.kinds import AlignmentRecipe, BenchmarkRecipe, ClaimsRecipe
from nast_core.runs.processes import is_main, load, sharded, ticks
from nast_core.runs.recipe import Reporter

Vectors = dict[str, Tensor]
Figures = dict[str, float]


def benchmark(recipe: BenchmarkRecipe, folder: Path, report: Reporter) -> Figures:
    """summary.json and items.parquet. Figures: the two accuracies, and the gap in percentage points."""
    model = load(recipe)
    items = read_items(recipe.items) if recipe.items else phantom_items(recipe.n, seed=recipe.seed, split=recipe.split)
    doubts: dict[str, str] = {}
    vectors, failed = _images(model, (item.image for item in items), recipe.images, report, doubts)
    texts = _texts(model, distinct_texts(items), report)
    if not is_main():
        return {}
    result = benchmark_run.assess(model, items, vectors, texts, failed, doubts, seed=recipe.seed)
    benchmark_run.write_results(result, folder)
    return {name: result.summary[name]["value"] for name in ("acc_affirmative", "acc_negated", "gap_points")}


def claims(recipe: ClaimsRecipe, folder: Path, report: Reporter) -> Figures:
    """summary.json and tables. Figures: claim ranking by kind, and the mean negated-prompt AUROC."""
    model = load(recipe)
    asked = evidence(read_claims(recipe.claims), recipe.split)
    doubts: dict[str, str] = {}
    vectors, failed = _images(model, asked.images.image, recipe.images, report, doubts)
    texts = _texts(model, statement_texts(asked.examples), report)
    if not is_main():
        return {}
    result = claims_run.score_claims(model, asked, vectors, texts, failed, doubts, seed=recipe.seed)
    claims_run.write_results(result, folder)
    ranking = result.summary["ranking"]
    ranked = {f"{kind}_accuracy": ranking[kind]["all"]["accuracy"]["value"] for kind in KINDS}
    denied = result.summary["negated_prompt_auroc"]
    return ranked | {"negated_prompt_auroc": next(iter(denied.values()))["macro"]["value"] if denied else float("nan")}


def alignment(recipe: AlignmentRecipe, folder: Path, report: Reporter) -> Figures:
    """summary.json and retrieval.parquet. Figures: macro zero-shot AUROC, affirmative mAP, and what changed since base."""
    model = load(recipe)
    asked = evidence(read_claims(recipe.claims), recipe.split)
    doubts: dict[str, str] = {}
    after, failed = _aligned(model, asked, recipe, report, doubts)
    summary = after.summary(seed=recipe.seed)
    figures = {
        "zero_shot_auroc": summary["zero_shot_auroc"]["macro"]["value"],
        "affirmative_map": summary["affirmative_retrieval"]["mAP"]["value"],
    }
    if recipe.base is not None:
        base = load_model(recipe.base, device=recipe.device, dtype=recipe.precision)
        before, _ = _aligned(base, asked, recipe, report, {})
        summary = compare_alignment(before, after, seed=recipe.seed) | {"base": provenance(base, "alignment")}
        moved = summary["difference"]
        figures["zero_shot_auroc_change"] = moved["zero_shot_auroc"]["macro"]["value"]
        figures["affirmative_map_change"] = moved["affirmative_retrieval"]["mAP"]["value"]
        figures["text_cosine"] = summary["text_cosine"]["value"]
    if is_main():
        summary |= {"unreadable": failed, "doubtful": doubts, "provenance": provenance(model, "alignment")}
        with whole_folder(folder, ["retrieval.parquet", "summary.json"]) as temporary:
            write_parquet(temporary / "retrieval.parquet", after.retrieval, index=False)
            write_json(temporary / "summary.json", summary)
    return figures


def _aligned(
    model: DualEncoder, asked: Evidence, recipe: AlignmentRecipe, report: Reporter, doubts: dict[str, str]
) -> tuple[Alignment, dict[str, str]]:
    vectors, failed = _images(model, asked.images.image, recipe.images, report, doubts)
    texts = _texts(model, statement_texts(asked.examples), report)
    return measure_alignment(model, without(asked, set(failed)), vectors, texts=texts, seed=recipe.seed), failed


def _images(
    model: DualEncoder,
    names: Iterable[str],
    folder: Path | None,
    report: Reporter,
    doubts: dict[str, str] | None = None,
) -> tuple[Vectors, dict[str, str]]:
    """Vectors by image name and reasons by name of those that cannot be read, each image encoded by one process.

    ``doubts``: as encode_named fills it. Raises BenchmarkError where none can be read.
    """

    def compute(mine: Sequence[str]) -> list[tuple[Vectors, dict[str, str], dict[str, str]]]:
        tick, told = ticks(report, len(mine), "images"), dict[str, str]()
        return [(*encode_named(model, mine, folder, cache=default_cache(), progress=tick, doubts=told), told)]

    vectors: Vectors = {}
    failed: dict[str, str] = {}
    for found, unreadable, doubtful in sharded(list(dict.fromkeys(names)), compute):
        vectors |= found
        failed |= unreadable
        if doubts is not None:
            doubts |= doubtful
    if doubts and is_main():
        print(in_doubt(doubts), flush=True)
    if not vectors:
        name, reason = next(iter(failed.items()))
        raise BenchmarkError(
            f"nothing could be scored: {len(failed)} images cannot be read; first {shown(name)!r}: {reason}"
        )
    return vectors, failed


def _texts(model: DualEncoder, texts: Sequence[str], report: Reporter) -> Vectors:
    """Vectors by text, each text encoded by one process."""

    def compute(mine: Sequence[str]) -> list[Vectors]:
        return [encode_distinct(model, mine, cache=default_cache(), progress=ticks(report, len(mine), "texts"))]

    vectors: Vectors = {}
    for found in sharded(texts, compute):
        vectors |= found
    return vectors
