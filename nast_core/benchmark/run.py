"""One benchmark, from items and images to figures on disk."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from torch import Tensor

from nast_core.benchmark.groups import every_grouping
from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import Summary, distinct_texts, score_items, summarise
from nast_core.data.sources import encode_named
from nast_core.data.vectors import VectorCache, encode_distinct
from nast_core.files.writing import whole, write_json
from nast_core.interpret.dataset import provenance
from nast_core.models.encoder import DualEncoder


@dataclass(frozen=True)
class BenchmarkResult:
    summary: Summary
    scored: pd.DataFrame  # a row per item and form
    failed: dict[str, str] = field(default_factory=dict)  # image name -> why it could not be read
    doubts: dict[str, str] = field(default_factory=dict)  # image name -> why it may not show what it should


def work_units(items: Sequence[Item]) -> int:
    """What ``progress`` of run_benchmark counts up to: distinct images and distinct texts."""
    return len({item.image for item in items}) + len(distinct_texts(items))


def run_benchmark(
    model: DualEncoder,
    items: Sequence[Item],
    images: Path | None = None,
    *,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> BenchmarkResult:
    """Scores every item; an image that cannot be read leaves its items unscored and is listed."""
    doubts: dict[str, str] = {}
    names = (item.image for item in items)
    vectors, failed = encode_named(model, names, images, cache=cache, progress=progress, doubts=doubts)
    texts = encode_distinct(model, distinct_texts(items), cache=cache, progress=progress)
    return assess(model, items, vectors, texts, failed, doubts, seed=seed)


def assess(
    model: DualEncoder,
    items: Sequence[Item],
    vectors: Mapping[str, Tensor],
    texts: Mapping[str, Tensor],
    failed: dict[str, str],
    doubts: dict[str, str],
    *,
    seed: int = 0,
) -> BenchmarkResult:
    """Everything but the encoding: ``vectors`` by image name, ``texts`` of the options."""
    scored = score_items(model, items, vectors, texts=texts)
    image_of = {item.item_id: item.image for item in items}
    scored["warning"] = [doubts.get(image_of[item], "") for item in scored.item_id]
    summary = summarise(scored, seed=seed)
    summary |= {
        "by": every_grouping(scored, items, seed=seed),
        "warnings": len(doubts),  # images
        "bootstrap_seed": seed,
        "provenance": provenance(model, "benchmark"),
    }
    return BenchmarkResult(summary, scored, failed, doubts)


def read_results(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """What ``write_results`` wrote: a row per item and form, and the images that could not be read."""
    unreadable = folder / "unreadable.json"
    failed = json.loads(unreadable.read_text("utf-8")) if unreadable.exists() else {}
    return pd.read_parquet(folder / "items.parquet"), failed


def write_results(result: BenchmarkResult, folder: Path) -> None:
    """summary.json, items.parquet and, where there are any, unreadable.json and warnings.json; each written whole."""
    write_json(folder / "summary.json", result.summary)
    with whole(folder / "items.parquet") as temporary:
        result.scored.to_parquet(temporary)
    write_told(folder, result.failed, result.doubts)


def write_told(folder: Path, failed: Mapping[str, str], doubts: Mapping[str, str]) -> None:
    """unreadable.json and warnings.json, image name -> reason; none of an earlier run stays."""
    for name, told in (("unreadable.json", failed), ("warnings.json", doubts)):
        if told:
            write_json(folder / name, told)
        else:
            (folder / name).unlink(missing_ok=True)
