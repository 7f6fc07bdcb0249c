"""Questions and statements that pages read, and a model's answers to questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import memo, widgets
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.benchmark.run import BenchmarkResult
    from nast_core.claims.claim import Example
    from nast_core.claims.evidence import Evidence
    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder

EVERY = 1_000_000  # more questions or studies than any dataset has


def items_for(dataset: Dataset, count: int, seed: int, split: Split) -> list[Item]:
    """At most so many questions about a split of a dataset, not to be changed. DatasetError where it has none."""
    return _items_for(dataset, dataset.fingerprint, count, seed, split)


@memo.shared("Writing the questions")
def _items_for(_dataset: Dataset, fingerprint: str, count: int, seed: int, split: Split) -> list[Item]:
    return _dataset.items(split, count, seed)


def items_of(path: Path) -> list[Item]:
    """Items of a file, read anew when it changes. Raises BenchmarkError for a file that is none."""
    return _items_of(path, stamp(path))


@memo.copied("Reading the questions")
def _items_of(path: Path, stamped: str) -> list[Item]:
    from nast_core.benchmark.items import read_items

    return read_items(path)


def claims_of(path: Path) -> list[Example]:
    """Statements of a file, read anew when it changes. Raises DataError for a file that is none."""
    return _claims_of(path, stamp(path))


@memo.copied("Reading the claims")
def _claims_of(path: Path, stamped: str) -> list[Example]:
    from nast_core.claims.examples import read_claims

    return read_claims(path)


def evidence_for(dataset: Dataset, count: int, seed: int, split: Split) -> Evidence:
    """Statements about at most so many studies of a split of a dataset. Raises DatasetError where there are none."""
    return _evidence_for(dataset, dataset.fingerprint, count, seed, split)


@memo.shared("Writing the claims")
def _evidence_for(_dataset: Dataset, fingerprint: str, count: int, seed: int, split: Split) -> Evidence:
    return _dataset.evidence(split, count, seed)


def evidence_in(path: Path) -> Evidence:
    """What a file of statements asks. Raises DataError for a file that is none, or whose statements name no image."""
    return _evidence_in(path, stamp(path))


@memo.shared("Reading the claims")
def _evidence_in(path: Path, stamped: str) -> Evidence:
    from nast_core.claims.evidence import evidence
    from nast_core.vocabulary.beside import vocabulary_of

    return evidence(claims_of(path), vocabulary=vocabulary_of(path))


def benchmark(encoder: DualEncoder, items: list[Item], key: str, images: str | Path | None = None) -> BenchmarkResult:
    """The model's answers to ``items``, which ``key`` names; found again when asked twice."""
    return _benchmark(encoder, items, encoder.fingerprint, key, str(images) if images else None)


@memo.shared()
def _benchmark(
    _encoder: DualEncoder, _items: list[Item], fingerprint: str, key: str, images: str | None
) -> BenchmarkResult:
    from nast_core.benchmark.run import run_benchmark, work_units
    from nast_core.encoding.cache import default_cache

    total, done = work_units(_items), 0
    bar = st.progress(0.0, "Encoding images and texts")

    def tick(count: int) -> None:
        nonlocal done
        done += count
        bar.progress(min(done / total, 1.0), f"Encoding images and texts: {done:,} of {total:,}")

    folder = widgets.path(images) if images else None
    result = run_benchmark(_encoder, _items, folder, cache=default_cache(), progress=tick)
    bar.empty()
    return result
