"""The card of a claims file: where it comes from, what is in it, what was left out, and what its wording gives away."""

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nast_core.claims.build import Built
from nast_core.claims.claim import KINDS, Example, Kind
from nast_core.claims.manner import Manner
from nast_core.claims.study import Source
from nast_core.data.studies import SPLITS, Split
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.statistics.rates import Rate
from nast_core.vocabulary import reviewed
from nast_core.vocabulary.beside import told
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given


def card_path(claims: Path) -> Path:
    """Beside the claims: claims.jsonl, claims.card.md."""
    return claims.with_name(f"{claims.name.removesuffix('.jsonl')}.card.md")


def claims_card(
    source: Source,
    built: Built,
    guessed: Mapping[Kind, Rate],
    *,
    seed: int,
    balanced: bool,
    vocabulary: Vocabulary | None = None,
    manner: Manner | None = None,
) -> str:
    """Markdown."""
    examples, words = built.examples, given(vocabulary)
    kinds = Counter((e.split, c.kind) for e in examples for c in e.contradictions)
    splits = [split for split in SPLITS if any(e.split == split for e in examples)]
    lines = [
        f"# Claims of {source.name}",
        "",
        f"Source: {source.name}. Licence: {source.licence}. Research use only; not for diagnosis.",
        f"{len(examples):,} true statements of {len({e.study_id for e in examples}):,} studies and "
        f"{len({e.patient_id for e in examples}):,} patients, each with a statement that is false in exactly one "
        "attribute.",
        f"Seed {seed}; {'balanced' if balanced else 'not balanced'}; made by nast {_version()}. "
        f"Split by patient; cues kept out of training lines: {', '.join(sorted(HELD_OUT_CUES))}.",
        *filter(None, [(manner or Manner()).told]),
        *_of_vocabulary(words),
        f"{reviewed.told(words)}; of the statements that say an absence affirmatively, "
        f"{share_reviewed(examples, words)} use no others.",
        "",
        *_table(["split", *KINDS], [[split, *(kinds[split, kind] for kind in KINDS)] for split in splits]),
        "",
        "Polarity, the true statements by finding:",
        "",
        *_table(["finding", "present", "absent"], _by_finding(examples)),
        "",
        "Cues in the statements, true and false, by split:",
        "",
        *_table(["cue", *splits], _by_cue(examples, splits)),
        "",
        "What wording alone ranks rightly (a reader of the two texts, trained on other patients; 50 % is chance):",
        "",
        *_table(["kind", "%", "95 % interval", "pairs"], [_guess(kind, rate) for kind, rate in guessed.items()]),
        "",
        *_sections(source),
        "Left out:",
        "",
        *[f"- {reason}: {count:,}" for reason, count in sorted((source.notes + built.notes).items())],
        *[f"- {name}: {reason}" for name, reason in sorted(source.skipped.items())],
        "",
    ]
    return "\n".join(lines)


def _of_vocabulary(vocabulary: Vocabulary) -> list[str]:
    """Nothing where it is the 13's."""
    return [f"Vocabulary: {name}."] if (name := told(vocabulary)) else []


def share_reviewed(examples: Sequence[Example], vocabulary: Vocabulary) -> reviewed.Share:
    """Of the statements, true and false, that say an absence affirmatively, those whose mapping was reviewed."""
    said = [
        reviewed.mapping_used(text, claim.finding, vocabulary)
        for e in examples
        for text, claim, cue in ((e.text, e.claim, e.cue), *((c.text, c.claim, c.cue) for c in e.contradictions))
        if claim is not None and claim.polarity == "absent" and cue is None
    ]
    return reviewed.Share(said.count(True), len(said))


def _sections(source: Source) -> list[str]:
    if not source.sections:
        return []
    counts = (f"{read}: {count:,}" for read, count in source.sections.most_common())
    return [f"Read of {source.sections.total():,} reports: {'; '.join(counts)}.", ""]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return ["(too few to say)"]
    body = [
        "| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in rows
    ]
    return ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1), *body]


def _by_finding(examples: Sequence[Example]) -> list[list[object]]:
    polar = Counter(
        (e.claim.finding, e.claim.polarity) for e in examples for c in e.contradictions if c.kind == "polarity"
    )
    return [[name, polar[name, "present"], polar[name, "absent"]] for name in sorted({finding for finding, _ in polar})]


def _by_cue(examples: Sequence[Example], splits: Sequence[Split]) -> list[list[object]]:
    cues = Counter((cue, e.split) for e in examples for cue in (e.cue, *(c.cue for c in e.contradictions)) if cue)
    return [[cue, *(cues[cue, split] for split in splits)] for cue in sorted({cue for cue, _ in cues})]


def _guess(kind: Kind, rate: Rate) -> list[object]:
    share = rate.times(100)
    return [kind, f"{share.value:.1f}", share.ends(".1f"), rate.n]


def _version() -> str:
    try:
        return version("nast-dashboard")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "from a checkout"
