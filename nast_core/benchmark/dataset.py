"""One build from labels to files: items, and their card beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nast_core.benchmark.builder import Built, build_items
from nast_core.benchmark.card import Order, dataset_card, write_card
from nast_core.benchmark.guesser import guesses
from nast_core.benchmark.items import write_items
from nast_core.benchmark.sources import labelled_studies
from nast_core.benchmark.statistics import Rate
from nast_core.benchmark.writer import Writer
from nast_core.data.labels import LabelTable


@dataclass(frozen=True)
class Dataset:
    table: LabelTable
    built: Built
    guessed: dict[str, Rate]
    items: Path
    card: Path


def build_dataset(
    labels: str,
    out: Path,
    writer: Writer,
    *,
    count: int,
    seed: int = 0,
    split: str | None = None,
    images: Path | None = None,
    images_only: bool = False,
    balance: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Writes ``count`` items to ``out`` and their card beside it. Equal arguments give equal items.

    ``labels``, ``split``, ``images`` and ``images_only``: see labelled_studies; ``balance``: see draw_plans.
    """
    table = labelled_studies(labels, count, split=split, images=images, images_only=images_only)
    built = build_items(
        table.studies, count, writer, seed=seed, source=table.source, balance=balance, progress=progress
    )
    write_items(built.items, out)
    guessed = guesses(built.items)
    name = labels if not Path(labels.partition(":")[2] or labels).exists() else Path(labels).name
    order = Order(name, writer.name, seed, balance=balance, split=split, notes=writer.notes())
    return Dataset(table, built, guessed, out, write_card(out, dataset_card(table, built, order, guessed, out)))
