"""One benchmark, from items and images to figures on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from torch import Tensor

from nast_core.benchmark.groups import every_grouping
from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import Summary, distinct_texts, score_items, summarise
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.encoding.images import encode_named
from nast_core.errors import DataError
from nast_core.files.documents import read_json
from nast_core.files.parquet import read_parquet, write_parquet
from nast_core.files.writing import whole_folder, write_json
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.progress import Tick

SUMMARY = "summary.json"  # speaks for the other files: written last, and gone while they are replaced
TOLD = ("unreadable.json", "warnings.json")
_COLUMNS = ("item_id", "patient_id", "form", "correct", "tie", "blind_correct", "choice")


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
    progress: Tick | None = None,
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
    table = score_items(model, items, vectors, texts=texts)
    image_of = {item.item_id: item.image for item in items}
    table["warning"] = [doubts.get(image_of[item], "") for item in table.item_id]
    summary = summarise(table, seed=seed)
    summary |= {
        "by": every_grouping(table, items, seed=seed),
        "warnings": len(doubts),  # images
        "corrected": sum(bool(item.corrected) for item in items),  # items that a person reads otherwise than the parser
        "bootstrap_seed": seed,
        "provenance": provenance(model, "benchmark"),
    }
    return BenchmarkResult(summary, table, failed, doubts)


def read_results(folder: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """What ``write_results`` wrote: a row per item and form, and the images that could not be read. Raises DataError
    where the files are not all there, or are not such files."""
    if not (folder / SUMMARY).exists():
        raise DataError(f"{folder} has no {SUMMARY}, so what else is in it is not whole; run the benchmark again")
    unreadable = folder / "unreadable.json"
    failed = read_json(unreadable) if unreadable.exists() else {}
    if not isinstance(failed, dict) or not all(isinstance(reason, str) for reason in failed.values()):
        raise DataError(f"{unreadable} does not say which images could not be read; run the benchmark again")
    return read_parquet(folder / "items.parquet", _COLUMNS, absent="run the benchmark again"), failed


def write_results(result: BenchmarkResult, folder: Path) -> None:
    """summary.json, items.parquet and, where there are any, unreadable.json and warnings.json;
    together or not at all."""
    with whole_folder(folder, [*TOLD, "items.parquet", SUMMARY]) as temporary:
        write_parquet(temporary / "items.parquet", result.scored)
        write_told(result.failed, result.doubts, temporary)
        write_json(temporary / SUMMARY, result.summary)


def write_told(failed: Mapping[str, str], doubts: Mapping[str, str], folder: Path) -> None:
    """TOLD, image name -> reason: images that could not be read, and those that may not show what they should."""
    for name, reasons in zip(TOLD, (failed, doubts), strict=True):
        if reasons:
            write_json(folder / name, reasons)
