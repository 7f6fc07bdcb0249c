"""card.md: what a reader must know before trusting a dataset's figures."""

from collections.abc import Mapping, Sequence

from nast_core.benchmark.builder import Built
from nast_core.benchmark.guesser import at_chance
from nast_core.claims.claim import Kind
from nast_core.data.label_words import label_sources
from nast_core.data.studies import SPLITS
from nast_core.dataset.manifest import Manifest
from nast_core.dataset.statements import Spoken
from nast_core.statistics.rates import Rate

COUNTS = {
    "rows": "rows of the table",
    "not_frontal": "rows that are not frontal views, left out",
    "not_labelled": "rows that the table does not label, left out",
    "further_views": "further views of a study, left out",
    "without_frontal": "studies without a frontal image, left out",
    "uncertain_labels": "uncertain labels, used for nothing",
    "unknown_labels": "labels outside the table's vocabulary",
    "without_image": "studies whose image is not in the folder",
    "reports": "reports read",
    "reports_without_study": "reports of studies that the table does not have",
    "studies_without_report": "studies without a report",
    "labels_against_reports": "labels that their report contradicts",
}


def dataset_card(
    manifest: Manifest,
    items: Built,
    guessed: Mapping[str, Rate],
    guessed_claims: Mapping[Kind, Rate],
    spoken: Spoken,
    reviewed: str,
    manner: str = "",
) -> str:
    """Markdown. ``reviewed``: how many mappings were, in a sentence; ``manner``: how statements are said, likewise."""
    title = label_sources()[manifest.source]["title"]
    said = f"reports (`{manifest.reports}`)" if manifest.reports else "the labels: presence and absence, nothing more"
    parts = [
        f"# {manifest.name}",
        f"Labels: {title} (`{manifest.labels.spec}`). Licence: {manifest.licence}; its terms hold for the ids and "
        "statements here "
        f"too. Images stay in `{manifest.images}`. Statements come from {said}. **Research use only; not for "
        "diagnosis.**",
        *_vocabulary(manifest),
        reviewed,
        "## Splits\n\n"
        + table(
            ["split", "patients", "images", "questions", "statements"],
            [
                [split, part.patients, part.studies, part.items, part.claims]
                for split in SPLITS
                if (part := manifest.splits[split]).studies
            ],
        ),
        "## Conditions\n\nImages that have each, and that lack it, by split; what is uncertain or blank is in "
        "neither:\n\n"
        + table(
            ["condition", *(f"{split}, {what}" for split in SPLITS for what in ("have", "lack"))],
            [[name, *(count for split in SPLITS for count in by[split])] for name, by in manifest.conditions.items()],
        ),
        "## Left out, or in doubt\n\n" + "\n".join(_left_out(manifest, spoken)),
        "## Questions\n\n" + _questions(items, guessed),
        "## Statements\n\n" + _statements(guessed_claims, spoken, manner),
        f"## Provenance\n\nSeed {manifest.seed}; "
        f"{', '.join(f'{name} {text}' for name, text in manifest.versions.items())}; the table of labels has SHA-256 "
        f"{manifest.labels.sha256}.",
    ]
    return "\n\n".join(parts) + "\n"


def _vocabulary(manifest: Manifest) -> list[str]:
    named = manifest.vocabulary
    if isinstance(named, str):
        return []
    return [f"Vocabulary: {named.name}, in `{named.file}`, fingerprint `{named.fingerprint[:12]}`."]


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += [
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines)


def _left_out(manifest: Manifest, spoken: Spoken) -> list[str]:
    lines = [f"- {text}: {manifest.counts[name]:,}" for name, text in COUNTS.items() if manifest.counts.get(name)]
    lines += [f"- {note}" for note in manifest.notes]
    for condition, (denied, stated) in spoken.disagreements.items():
        lines.append(
            f"- {condition}: {denied:,} studies labelled present whose report denies it, {stated:,} the other way round"
        )
    return lines or ["Nothing."]


def _questions(items: Built, guessed: Mapping[str, Rate]) -> str:
    if not items.items:
        return "None could be asked."
    lines = [
        f"{len(items.items):,}, each read back by a parser that did not write it; {items.rejected.total():,} of "
        f"{items.asked:,} given up, {items.rewritten.total():,} drafts written again."
    ]
    if not guessed:
        lines.append(
            "Whether they can be guessed without the image was not measured: fewer than 100, or fewer than 5 patients."
        )
    lines += [
        f"- Guessed from {name} without the image: {rate.interval()}, "
        f"{'at chance' if at_chance(rate) else '**not at chance**'}"
        for name, rate in guessed.items()
    ]
    return "\n".join(lines)


def _statements(guessed: Mapping[Kind, Rate], spoken: Spoken, manner: str) -> str:
    lines = [f"About {len(spoken.studies):,} studies, each with one that is false in one attribute."]
    lines += [manner] if manner else []
    lines += [
        f"- Ranked rightly by wording alone, {kind}: {rate.interval()}, 50 % is chance"
        for kind, rate in guessed.items()
    ]
    lines += [f"- {reason}: {count:,}" for reason, count in sorted(spoken.notes.items())]
    return "\n".join(lines)
