"""Kind ``benchmark``: how many points negation costs a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from nast_core.data.studies import HeldOut
from nast_core.recipe import MOST, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.encoding import EncodingRecipe, encoded_images, encoded_texts
from nast_core.work.precision import in_precision
from nast_core.work.results import measured
from nast_core.work.shares import is_main, load

if TYPE_CHECKING:
    from nast_core.models import DualEncoder


class BenchmarkRecipe(EncodingRecipe):
    """Paired multiple-choice questions: summary.json and items.parquet."""

    files: ClassVar = ("items",)
    scored: ClassVar = "item could be scored"

    kind: Literal["benchmark"] = "benchmark"
    items: Path | None = None  # without: at most n of the dataset's split
    n: int = Field(default=2000, ge=1, le=MOST)
    split: HeldOut = "test"


def benchmark(
    recipe: BenchmarkRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None
) -> dict[str, float]:
    """summary.json and items.parquet. Figures: the two accuracies, and the gap in percentage points."""
    from nast_core.benchmark.items import read_items
    from nast_core.benchmark.run import assess, write_results
    from nast_core.claims.wording_of_items import known_of, texts_asked, wording_of_items
    from nast_core.dataset.opened import open_dataset
    from nast_core.vocabulary.beside import vocabulary_of

    encoder = in_precision(recipe, model or load(recipe), folder, report)
    dataset = open_dataset(recipe.dataset)
    items = read_items(recipe.items) if recipe.items else dataset.items(recipe.split, recipe.n, recipe.seed)
    vocabulary = vocabulary_of(recipe.items) if recipe.items else dataset.vocabulary
    images = encoded_images(recipe, encoder, (item.image for item in items), report)
    known = known_of(items, vocabulary)
    texts = encoded_texts(recipe, encoder, texts_asked(items, known, vocabulary), report)
    if not is_main():
        return {}
    result = assess(encoder, items, images.vectors, texts, images.failed, images.doubts, seed=recipe.seed)
    wording = wording_of_items(encoder, known, images.vectors, texts, vocabulary, seed=recipe.seed)
    result.summary["wording"] = wording.summary()
    write_results(result, folder)
    return {name: result.summary[name]["value"] for name in ("acc_affirmative", "acc_negated", "gap_points")}


BENCHMARK = Kind(
    BenchmarkRecipe, "Benchmark", "accuracy affirmative and negated, the gap, and a row an item", benchmark, measured
)
