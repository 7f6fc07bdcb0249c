"""What is in a vocabulary, in lines for a screen. Source: ours."""

from collections.abc import Iterator, Sequence

from nast_core.vocabulary.model import WRITTEN_KINDS, Condition, Vocabulary

_WIDEST, _MORE = 30, 60  # characters of a cell, and of the last one
_FIRST = ("condition", "said", "its absence, affirmatively", "")


def listing(vocabulary: Vocabulary) -> Iterator[str]:
    """What it is of, and a line a condition."""
    approved, equivalents = vocabulary.reviewed
    nouns = sum(len(entry.nouns) for entry in vocabulary.entries.values())
    yield vocabulary.name + (f": {vocabulary.title}" if vocabulary.title else "")
    yield f"of a {vocabulary.examination.name}; {len(vocabulary.conditions):,} conditions, {nouns:,} nouns"
    yield f"{approved:,} of {equivalents:,} equivalents reviewed and called right"
    yield f"fingerprint {vocabulary.fingerprint[:12]}"
    if vocabulary.source:
        yield f"source: {vocabulary.source}"
    rows = [_FIRST, *(_row(name, vocabulary) for name in vocabulary.conditions)]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip()


def details(name: str, vocabulary: Vocabulary) -> Iterator[str]:
    """All that is said of one condition."""
    entry = vocabulary[name]
    yield name
    yield f"  nouns: {', '.join(noun.phrase for noun in entry.nouns)}"
    for kind in WRITTEN_KINDS:
        if words := entry.said(kind):
            patterns = f"{len(words.patterns)} patterns" if words.patterns else ""
            yield f"  {'names' if kind == 'found' else kind}: {', '.join(filter(None, (*words.phrases, patterns)))}"
    for equivalent in entry.equivalents:
        but = f"; not with {', '.join(sorted(equivalent.not_with))}" if equivalent.not_with else ""
        by = ", ".join(f"{one.by} {one.on}: {one.verdict}" for one in equivalent.reviewed) or "not reviewed"
        yield f"  equivalent: {equivalent.text}{but} ({by})"
    if more := _more(entry):
        yield f"  {more}"
    columns = [column for column, condition in vocabulary.columns.items() if condition == name]
    if columns:
        yield f"  columns: {', '.join(columns)}"


def _row(name: str, vocabulary: Vocabulary) -> tuple[str, str, str, str]:
    entry = vocabulary[name]
    said = _first([noun.phrase for noun in entry.nouns], len(entry.nouns) + len(entry.names.phrases) - 1)
    texts = [equivalent.text for equivalent in entry.equivalents]
    return _cut(name), said, _first(texts, len(texts) - 1) if texts else "-", _cut(_more(entry), _MORE)


def _first(texts: Sequence[str], others: int) -> str:
    return _cut(texts[0]) + (f" (+{others})" if others > 0 else "")


def _more(entry: Condition) -> str:
    parts = [
        "sided" if entry.sided else "",
        "/".join(entry.zones),
        "/".join(entry.grades.words),
        f"implies {', '.join(entry.implies)}" if entry.implies else "",
        f"excludes {', '.join(entry.excludes)}" if entry.excludes else "",
    ]
    return "; ".join(filter(None, parts))


def _cut(text: str, most: int = _WIDEST) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
