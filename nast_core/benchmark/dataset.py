"""One build from labels to files: items, and beside them their card and the drafts that were turned down."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nast_core.benchmark.builder import Built, build_items
from nast_core.benchmark.card import Order, dataset_card, write_card
from nast_core.benchmark.drafts import write_drafts
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
    drafts: Path | None  # items.rejected.jsonl; None where every first draft was good


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
    """Writes ``count`` items to ``out``, and their card and rejected drafts beside it. Equal arguments give equal items.

    ``labels``, ``split``, ``images`` and ``images_only``: see labelled_studies; ``balance``: see draw_plans.
    """
    table = labelled_studies(labels, count, split=split, images=images, images_only=images_only)
    built = build_items(
        table.studies, count, writer, seed=seed, source=table.source, balance=balance, progress=progress
    )
    guessed = guesses(built.items)
    write_items(built.items, out)
    drafts = write_drafts(built.turned_down, out)
    name = labels if not Path(labels.partition(":")[2] or labels).exists() else Path(labels).name
    order = Order(name, writer.name, seed, balance=balance, split=split, notes=writer.notes())
    card = write_card(out, dataset_card(table, built, order, guessed, out, drafts))
    return Dataset(table, built, guessed, out, card, drafts)
