"""From a table of labels and a folder of images to a dataset's folder, whole or not at all."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nast_core.benchmark.builder import Built, build_items
from nast_core.benchmark.card import share_reviewed as share_of_items
from nast_core.benchmark.grammar import never_asked
from nast_core.benchmark.guesser import guesses
from nast_core.benchmark.items import write_items
from nast_core.benchmark.writer import Writer
from nast_core.claims.build import build_examples
from nast_core.claims.card import share_reviewed as share_of_claims
from nast_core.claims.claim import Example
from nast_core.claims.examples import write_claims
from nast_core.claims.guessing import guesses as guesses_of_claims
from nast_core.claims.manner import Manner
from nast_core.data.image_folders import locate_images, why_missing
from nast_core.data.label_words import label_sources
from nast_core.data.labels import StudyTable, read_study_table
from nast_core.data.studies import LEAST_ABSENT, LEAST_PRESENT, SHARES, SPLITS, Split, Study, needed_of_a_study
from nast_core.dataset.card import dataset_card
from nast_core.dataset.manifest import (
    CARD,
    CLAIMS,
    FILES,
    ITEMS,
    PAIRS,
    STUDIES,
    Manifest,
    SplitCounts,
    Table,
    VocabularyFile,
    digest,
    write_manifest,
)
from nast_core.dataset.statements import Spoken, from_labels, from_reports
from nast_core.dataset.study_file import split_names, twice, two_splits, write_study_file
from nast_core.errors import BenchmarkError, DataError
from nast_core.files.gate import shown
from nast_core.files.revision import code_revision
from nast_core.files.writing import need_writable, whole_folder, write_text
from nast_core.negation.pairs import template_pairs
from nast_core.vocabulary.beside import is_plain
from nast_core.vocabulary.file import FILE, write_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.reviewed import told
from nast_core.vocabulary.shipped import CHEXPERT, chest

ITEMS_OF: dict[Split, float] = {
    "validation": 0.5,
    "test": 1.0,
}  # of the number asked for; training answers no questions
_USES = 2  # of a study in questions, at most, on average
_DRAWN = 20_000  # studies that questions are drawn from, of a split: four times what 5,000 questions can use
Step = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Order:
    """What a dataset is asked to be."""

    labels: str  # as read_labels takes it
    images: Path
    out: Path
    reports: str | None = None  # as read_source takes it
    name: str | None = None  # without: the folder's
    items: int = 1000  # questions about test images, at most; half as many about validation images
    studies: int = 10_000  # of each split, at most, that statements are made about
    seed: int = 0
    shares: tuple[float, float, float] = (
        SHARES  # of train, validation and test, for patients whose table names no split
    )
    vocabulary: Vocabulary = field(default_factory=chest)
    manner: Manner = field(default_factory=Manner)  # in which statements are said


@dataclass
class Parts:
    """What goes into the folder."""

    table: StudyTable
    items: Built
    claims: list[Example]
    spoken: Spoken
    notes: list[str] = field(default_factory=list)


def build_dataset(order: Order, writer: Writer, progress: Step | None = None) -> Manifest:
    """Writes the folder ``order.out``, which must not be there. Equal orders on equal files give equal folders, but for
    the versions in them.

    Raises DataError, one sentence: labels, images or reports that cannot be read, no image found, an image that stands
    for two studies, a patient in two splits, or an ``out`` that is there.
    """
    step = progress or (lambda done, total, label: None)
    out = order.out.absolute()
    if os.path.lexists(out):
        raise DataError(f"{shown(out)} exists already; give the name of a new folder")
    need_writable(out)
    if not order.images.is_dir():
        raise DataError(f"there is no folder {shown(order.images)}; give the one that holds the dataset's images")
    step(0, 4, "Reading labels")
    table = placed(
        read_study_table(order.labels, shares=order.shares, vocabulary=order.vocabulary), order.images.absolute()
    )
    step(1, 4, "Writing questions")
    items, notes = _questions(table.studies, writer, order, table.source)
    step(2, 4, "Writing statements")
    spoken = (
        from_reports(table.studies, order.reports, order, step) if order.reports else from_labels(table.studies, order)
    )
    built = build_examples(spoken.studies, seed=order.seed, manner=order.manner, vocabulary=order.vocabulary)
    spoken.notes.update(built.notes)
    step(3, 4, "Writing the folder")
    manifest = _write(order, out, Parts(table, items, built.examples, spoken, [*table.notes, *notes]))
    step(4, 4, "Written")
    return manifest


def placed(table: StudyTable, folder: Path) -> StudyTable:
    """The studies whose image is under the folder, with its path there; the others are counted."""
    studies = table.studies
    paths = locate_images((name for name in studies.image if name), folder)
    if not paths:
        first = studies.iloc[0]
        raise DataError(
            f"no image of the {len(studies):,} studies is under {shown(folder)}; of the first, {shown(first.study)!r}: "
            f"{why_missing(first.image, folder)}. Give another folder"
        )
    without = len(studies)
    studies = studies.assign(image=studies.image.map(paths))[studies.image.isin(list(paths))].reset_index(drop=True)
    without -= len(studies)
    if (double := twice(studies)) is not None:
        image, one, other = double
        raise DataError(
            f"the image {shown(image)!r} stands for two studies, {shown(one)!r} and {shown(other)!r}; give each "
            "study its own"
        )
    if (patient := two_splits(studies)) is not None:
        raise DataError(f"the patient {shown(patient)!r} is in two splits; a patient belongs in one")
    if wrong := split_names(studies):
        raise DataError(f"there is no split {shown(min(wrong))!r}; needed: one of {', '.join(SPLITS)}")
    counts = table.counts | {"without_image": without}
    return StudyTable(table.source, table.path, studies, counts, table.notes)


def _questions(studies: pd.DataFrame, writer: Writer, order: Order, source: str) -> tuple[Built, list[str]]:
    """Questions about validation and test images, and why a split has none, a line each."""
    every, notes = Built(), [*filter(None, [never_asked(order.vocabulary)])]
    for number, (split, share) in enumerate(ITEMS_OF.items()):
        some = _eligible(studies[studies.split == split], order)
        count = min(round(order.items * share), _USES * len(some))
        try:
            if not count:
                raise BenchmarkError(_none_eligible(order.vocabulary))
            seed = order.seed + number
            built = build_items(some, count, writer, seed=seed, source=source, vocabulary=order.vocabulary)
        except BenchmarkError as error:
            notes.append(f"{split}: {error}")
            continue
        every.items += built.items
        every.asked += built.asked
        every.turned_down += built.turned_down
        every.rewritten.update(built.rewritten)
        every.rejected.update(built.rejected)
    return every, notes


def _none_eligible(vocabulary: Vocabulary) -> str:
    if len(vocabulary.conditions) >= LEAST_ABSENT + LEAST_PRESENT:
        return f"no image has {LEAST_PRESENT} findings and lacks {LEAST_ABSENT}, as a question needs"
    return f"no image has {needed_of_a_study(len(vocabulary.conditions))}, as a question needs"


def _eligible(studies: pd.DataFrame, order: Order) -> list[Study]:
    """Studies that a question can be asked of, at most so many, drawn at random."""
    made, conditions = [], order.vocabulary.conditions
    for row in studies.sample(frac=1, random_state=order.seed).to_dict("records"):
        labels = {name: int(row[name]) for name in conditions if row[name] in (0, 1)}
        study = Study(row["study"], row["patient"], row["image"], labels, row["split"])
        if study.eligible(len(conditions)):
            made.append(study)
        if len(made) == _DRAWN:
            break
    return sorted(made, key=lambda study: (study.patient_id, study.study_id))


def _write(order: Order, out: Path, parts: Parts) -> Manifest:
    studies, table = parts.table.studies, parts.table
    words, plain = order.vocabulary, is_plain(order.vocabulary)
    have = [name for name in words.conditions if (studies[name] == 1).any()]
    manifest = Manifest(
        name=order.name or out.name,
        source=table.source,
        licence=label_sources()[table.source]["licence"],
        vocabulary=CHEXPERT if plain else VocabularyFile(name=words.name, fingerprint=words.fingerprint),
        images=order.images.absolute(),
        labels=Table(
            spec=order.labels, path=table.path.absolute(), sha256=digest(table.path), size=table.path.stat().st_size
        ),
        reports=order.reports,
        seed=order.seed,
        splits={split: _counts(studies[studies.split == split], split, parts) for split in SPLITS},
        conditions={name: _having(studies, name) for name in words.conditions},
        counts=table.counts | dict(parts.spoken.counts),
        notes=tuple(parts.notes),
        versions={"nast-dashboard": version("nast-dashboard"), "revision": code_revision(12) or "unknown"},
        files={},
    )
    with whole_folder(out) as ready:
        write_study_file(studies, ready / STUDIES, words.conditions)
        if not plain:
            write_vocabulary(ready / FILE, words)
        write_items(parts.items.items, ready / ITEMS)
        write_claims(parts.claims, ready / CLAIMS)
        pairs = template_pairs(have, words)
        write_text(ready / PAIRS, "".join(pair.model_dump_json(exclude_none=True) + "\n" for pair in pairs))
        text = dataset_card(
            manifest,
            parts.items,
            guesses(parts.items.items),
            guesses_of_claims(parts.claims, seed=order.seed),
            parts.spoken,
            f"{told(words)}. {share_of_items(parts.items.items)} of the questions, and "
            f"{share_of_claims(parts.claims, words)} of the statements that say an absence affirmatively, use no "
            "others.",
            order.manner.told,
        )
        write_text(ready / CARD, text)
        manifest = manifest.model_copy(update={"files": {name: digest(ready / name) for name in FILES}})
        write_manifest(ready, manifest)
    return manifest


def _counts(studies: pd.DataFrame, split: Split, parts: Parts) -> SplitCounts:
    return SplitCounts(
        patients=studies.patient.nunique(),
        studies=len(studies),
        items=sum(item.split == split for item in parts.items.items),
        claims=sum(example.split == split for example in parts.claims),
    )


def _having(studies: pd.DataFrame, condition: str) -> dict[Split, tuple[int, int]]:
    counts = Counter(zip(studies.split, studies[condition], strict=True))
    return {split: (counts[split, 1], counts[split, 0]) for split in SPLITS}
