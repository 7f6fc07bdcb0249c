"""One build from labels to files: items, and beside them their card and the drafts that were turned down."""

from dataclasses import dataclass
from pathlib import Path

from nast_core.benchmark.builder import Built, build_items
from nast_core.benchmark.card import Order, card_path, dataset_card, write_card
from nast_core.benchmark.drafts import drafts_path, write_drafts
from nast_core.benchmark.guesser import guesses
from nast_core.benchmark.items import write_items
from nast_core.benchmark.sources import labelled_studies
from nast_core.benchmark.writer import Writer
from nast_core.benchmark.writers import writer_named
from nast_core.data.label_names import DRAWN
from nast_core.data.labels import LabelTable
from nast_core.files.writing import whole_folder
from nast_core.progress import Tick
from nast_core.statistics.rates import Rate
from nast_core.vocabulary.beside import beside, write_beside
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given


@dataclass(frozen=True)
class Dataset:
    table: LabelTable
    built: Built
    guessed: dict[str, Rate]
    items: Path
    card: Path
    drafts: Path | None  # items.rejected.jsonl; None where every first draft was good


def demo_items(path: Path, count: int) -> Path:
    """Items about drawn patients to try things on; made once."""
    if not path.exists():
        build_dataset(DRAWN, path, writer_named("template", DRAWN), count=count)
    return path


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
    progress: Tick | None = None,
    vocabulary: Vocabulary | None = None,
) -> Dataset:
    """Writes ``count`` items to ``out``, and their card and rejected drafts beside it, together or not at all. Equal
    arguments give equal items.

    ``labels``, ``split``, ``images`` and ``images_only``: see labelled_studies; ``balance``: see draw_plans.
    """
    vocabulary = given(vocabulary)
    table = labelled_studies(labels, count, split=split, images=images, images_only=images_only, vocabulary=vocabulary)
    built = build_items(
        table.studies,
        count,
        writer,
        seed=seed,
        source=table.source,
        balance=balance,
        progress=progress,
        vocabulary=vocabulary,
    )
    guessed = guesses(built.items)
    name = labels if not Path(labels.partition(":")[2] or labels).exists() else Path(labels).name
    order = Order(name, writer.name, seed, balance=balance, split=split, notes=writer.notes(), vocabulary=vocabulary)
    card, drafts = card_path(out), drafts_path(out)
    with whole_folder(out.parent, [drafts.name, beside(out).name, card.name, out.name]) as temporary:
        items = temporary / out.name
        write_items(built.items, items)
        write_beside(items, vocabulary)
        turned_down = write_drafts(built.turned_down, items)
        write_card(items, dataset_card(table, built, order, guessed, items, turned_down))
    return Dataset(table, built, guessed, out, card, drafts if turned_down else None)
