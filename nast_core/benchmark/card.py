"""The dataset card of a build: what a reader must know before trusting its items. Markdown, beside the items."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from nast_core.benchmark.builder import Built
from nast_core.benchmark.grammar import never_asked
from nast_core.benchmark.guesser import at_chance
from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.verify import REASONS
from nast_core.data.label_words import label_sources
from nast_core.data.labels import LabelTable
from nast_core.files.gate import MB, read_bytes
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_text
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.statistics.rates import Rate
from nast_core.vocabulary.beside import beside, told
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest

_COUNTS = {
    "rows": "rows of the table",
    "not_frontal": "rows that are not frontal views, left out",
    "not_labelled": "rows that the table does not label, left out",
    "further_views": "further views of a study, left out",
    "uncertain_labels": "uncertain labels (-1), not used",
    "unknown_labels": "labels outside the table's vocabulary",
    "studies": "studies",
    "patients": "patients",
    "eligible": "eligible studies (at least 3 absent and 2 present conditions)",
    "eligible_without_frontal": "eligible studies without a frontal image, left out",
    "eligible_in_split": "eligible studies in the chosen split",
    "eligible_with_image": "eligible studies whose image is in the folder",
}


@dataclass(frozen=True)
class Order:
    """How the items were asked for."""

    labels: str  # as given, a path without its folders
    writer: str
    seed: int
    balance: bool = False
    split: str | None = None
    notes: dict[str, str] = field(default_factory=dict)  # the writer's own: model, tokens, cost
    vocabulary: Vocabulary = field(default_factory=chest)


def card_path(items: Path) -> Path:
    """items.jsonl -> items.card.md."""
    return items.with_suffix(".card.md")


def write_card(items: Path, text: str) -> Path:
    path = card_path(items)
    write_text(path, text)
    return path


def _made_by() -> str:
    revision = code_revision(12)
    return f"commit {revision}" if revision else f"nast-dashboard {version('nast-dashboard')}"


def dataset_card(
    table: LabelTable,
    built: Built,
    order: Order,
    guessed: dict[str, Rate],
    items_file: Path,
    drafts_file: Path | None = None,
) -> str:
    """The card of ``built``, whose items are in ``items_file`` and drafts turned down in ``drafts_file``."""
    parts = [
        f"# MedNega-CXR items from {label_sources()[table.source]['title']}",
        f"Paired multiple-choice questions on {order.vocabulary.examination.name}s: the same four options said with "
        "negations and said affirmatively, one of which is true of the image. **Research use only; not for "
        "diagnosis.**",
        _source(table, order, items_file),
        _labels(table, order.vocabulary),
        _items(built),
        _writing(built, order, drafts_file),
        _guessing(guessed),
        _provenance(order, items_file),
    ]
    return "\n\n".join(parts) + "\n"


def _source(table: LabelTable, order: Order, items: Path) -> str:
    known = label_sources()[table.source]
    return "\n".join(
        [
            "## Source and licence",
            f"- Labels: {known['title']} (`{order.labels}`).",
            f"- Licence of the labels: {known['licence']}. Items carry patient and study ids of that table: its "
            "terms hold for them too.",
            f"- Split: {order.split or 'all patients; each item names its patient’s split'}.",
            "- Labels of radiology reports were mined by software and are sometimes wrong; an item is true to its "
            "labels, which need not be true of the image.",
            *([f"- Vocabulary: {name}, in `{beside(items).name}`."] if (name := told(order.vocabulary)) else []),
        ]
    )


def _labels(table: LabelTable, vocabulary: Vocabulary) -> str:
    lines = ["## Studies", "| what | count |", "| --- | ---: |"]
    lines += [f"| {text} | {table.counts[name]:,} |" for name, text in _COUNTS.items() if name in table.counts]
    if notes := [*table.notes, *filter(None, [never_asked(vocabulary)])]:
        lines += ["", *(f"- {note}" for note in notes)]
    mapping = label_sources()[table.source].get("conditions")
    if mapping and vocabulary == chest():
        lines += ["", "How the table's labels became conditions, where that is open to doubt:", ""]
        lines += [f"- {name}: {rule['note']}." for name, rule in mapping.items() if "note" in rule]
    return "\n".join(lines)


def _items(built: Built) -> str:
    items = built.items
    right = [dict(zip(i.conditions, i.assignments[i.answer_index], strict=True)) for i in items]
    states = Counter(state for truth in right for state in truth.items())
    names = sorted({name for name, _ in states})
    uses = Counter((i.study_id, frozenset(i.conditions)) for i in items)
    negations, letters = Counter(i.negations for i in items), Counter(i.answer for i in items)
    splits = Counter(i.split for i in items)
    lines = [
        "## Items and their balance",
        f"{len(items):,} items of {len({i.patient_id for i in items}):,} patients and "
        f"{len({i.study_id for i in items}):,} studies: {len(uses):,} different questions, each asked at most "
        f"{max(uses.values())} times, in other words each time. Patients by split: "
        + ", ".join(f"{name} {count:,}" for name, count in sorted(splits.items()))
        + " items.",
        "",
        "| condition | present in the right option | absent in it |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {states[name, 1]:,} | {states[name, 0]:,} |" for name in names),
        "",
        "| negations in the right option | " + " | ".join(str(n) for n in range(4)) + " |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| items | " + " | ".join(f"{negations[n]:,}" for n in range(4)) + " |",
        "",
        "| right letter | " + " | ".join(LETTERS) + " |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| items | " + " | ".join(f"{letters[letter]:,}" for letter in LETTERS) + " |",
        "",
        _cue_line(items),
    ]
    return "\n".join(lines)


def _cue_line(items: Sequence[Item]) -> str:
    cues = Counter(
        cue for i in items for cue, state in zip(i.cues, i.assignments[i.answer_index], strict=True) if not state
    )
    held_out = sum(count for cue, count in cues.items() if cue in HELD_OUT_CUES)
    share = held_out / max(1, cues.total())
    cue_counts = ", ".join(f"{cue} {count:,}" for cue, count in cues.most_common())
    return (
        f"{len(cues)} cues deny conditions in right options ({share:.0%} by cues held out of training): {cue_counts}."
    )


def _writing(built: Built, order: Order, drafts_file: Path | None) -> str:
    rejected = built.rejected.total()
    lines = [
        "## Writing and verification",
        f"Written by the {order.writer} writer. Every option was read back by a parser that did not write it (its own "
        "lexicon, cues and rules of scope): 0 items are kept whose reading differs from their labels.",
        *(f"- {name}: {value}" for name, value in order.notes.items()),
        f"- Tasks: {built.asked:,}; rejected: {rejected:,} ({rejected / max(1, built.asked):.1%}); "
        f"drafts written again: {built.rewritten.total():,}.",
    ]
    reasons = [*REASONS, *sorted((set(built.rejected) | set(built.rewritten)) - set(REASONS))]
    occurring = [reason for reason in reasons if built.rejected[reason] or built.rewritten[reason]]
    if occurring:
        lines += ["", "| reason | rejected | written again |", "| --- | ---: | ---: |"]
        lines += [
            f"| {reason}{': ' + REASONS[reason] if reason in REASONS else ''} | {built.rejected[reason]:,} | "
            f"{built.rewritten[reason]:,} |"
            for reason in occurring
        ]
    if drafts_file:
        lines += ["", f"Every draft turned down, with what the parser said of it: `{drafts_file.name}`."]
    return "\n".join(lines)


def _guessing(guessed: dict[str, Rate]) -> str:
    if not guessed:
        return "## Guessing without the image\nNot measured: fewer than 100 items."
    names = {"negated": "words, negated form", "affirmative": "words, affirmative form", "labels": "assignments alone"}
    lines = [
        "## Guessing without the image",
        "Logistic regression on the options alone, five folds by patient; chance is 25 %.",
        "",
        "| guesser knows | accuracy (95 % interval over patients) | at chance |",
        "| --- | ---: | --- |",
    ]
    for name, text in names.items():
        r = guessed[name]
        lines.append(f"| {text} | {r:.1%} | {'yes' if at_chance(r) else 'no'} |")
    return "\n".join(lines)


def _provenance(order: Order, items_file: Path) -> str:
    packages = f"numpy {version('numpy')}"
    return "\n".join(
        [
            "## Made by",
            f"- Seed {order.seed}; "
            f"{'balanced over conditions and negations' if order.balance else 'not balanced further'}.",
            f"- Code: {_made_by()}; {packages}.",
            f"- Items: `{items_file.name}`, SHA-256 "
            f"{hashlib.sha256(read_bytes(items_file, most=4_000 * MB)).hexdigest()}.",
        ]
    )
