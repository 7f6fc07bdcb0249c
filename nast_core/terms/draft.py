"""A first vocabulary from the columns of a table and the words of its reports, for people to edit. Source: ours.

Nouns come from names; what a shipped vocabulary says of the same conditions is taken over; articles are those that
reports use. What reports say otherwise is written as comments. No equivalent counts as reviewed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from nast_core.claims.sources import read_texts
from nast_core.data.ids import plain_ids
from nast_core.data.label_layouts import PRESENT, state_of
from nast_core.errors import DataError, VocabularyError, what_is_wrong
from nast_core.files.gate import shown
from nast_core.files.tables import open_table
from nast_core.progress import Tick
from nast_core.terms.columns import Columns, listed, read_columns
from nast_core.terms.known import Known, entries, known, most_known
from nast_core.terms.nouns import nouns_of
from nast_core.terms.usage import Usage, usage
from nast_core.vocabulary.file import FORMAT, vocabulary_text
from nast_core.vocabulary.model import Noun, Vocabulary

MOST_REPORTS = 50_000  # read for a draft: enough for words that stand in one of ten thousand
_UNNAMED, _UNNAMED_AT_ALL = 20, 2  # denied phrases that are told of, and how often one has to stand there
_COMMENT: dict[str, Any] = {
    "width": 120,
    "initial_indent": "  # ",
    "subsequent_indent": "  #   ",
    "break_long_words": False,
}
_WORDS = 6  # of a condition, told of with how often reports say them


@dataclass(frozen=True)
class Draft:
    """``text``: the file, with what was seen as comments."""

    vocabulary: Vocabulary
    columns: Columns
    known: dict[str, Known]  # condition -> the shipped one whose words it has
    usage: Usage | None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return commented(self)


def draft(
    labels: Path, *, name: str, reports: str | None = None, examination: str | None = None, progress: Tick | None = None
) -> Draft:
    """Of a table and, optionally, of the reports of its studies (as ``read_texts`` knows them; at most MOST_REPORTS are
    read).

    ``progress``: told of reports. Raises DataError and VocabularyError: no table, no column of labels, no reports.
    """
    columns = read_columns(labels)
    named = {one.name: one.column for one in columns.labelled}
    found = known(named)
    vocabulary = _vocabulary(name, columns, found, examination, {})
    if reports is None:
        return Draft(vocabulary, columns, found, None)
    present = _present(labels, columns)
    seen = usage(_told(read_texts(reports, most=MOST_REPORTS), progress), vocabulary, present)
    if not seen.reports:
        raise DataError(
            f"{shown(reports)} holds no report that could be read; give a CSV with study_id and text, or a folder"
        )
    vocabulary = _vocabulary(name, columns, found, examination, seen.articles)
    return Draft(vocabulary, columns, found, seen, tuple(_notes(columns, seen, present)))


def _told(texts: Iterable[tuple[str, str]], progress: Tick | None) -> Iterator[tuple[str, str]]:
    for one in islice(texts, MOST_REPORTS):
        yield one
        if progress:
            progress(1)


def _notes(columns: Columns, seen: Usage, present: dict[str, frozenset[str]] | None) -> Iterator[str]:
    if present is None:
        yield "The table has no column study_id, so that no report belongs to a row of it: no names are proposed."
    elif not seen.with_labels:
        yield "No report is of a study of the table, by its id: no names are proposed."
    if seen.reports == MOST_REPORTS:
        yield f"The first {MOST_REPORTS:,} reports were read."


def _vocabulary(
    name: str, columns: Columns, found: dict[str, Known], examination: str | None, articles: dict[str, Any]
) -> Vocabulary:
    names = [one.name for one in columns.labelled]
    nearest = most_known(found)
    told: Any = nearest.examination.model_dump(exclude_defaults=True) if nearest else "examination"
    conditions = entries(names, _nouns(names, articles), found)
    plain = {
        "format": FORMAT,
        "name": name,
        "title": f"Drafted from {len(names)} columns",
        "examination": examination or told,
        "conditions": conditions,
        "columns": {
            one.column: one.name for one in columns.labelled if one.column.strip().casefold() != one.name.casefold()
        },
    }
    try:
        return Vocabulary.model_validate(plain)
    except ValidationError as error:
        raise VocabularyError(f"no vocabulary could be drafted: {what_is_wrong(error)}") from None


def _nouns(names: list[str], articles: dict[str, Any]) -> dict[str, tuple[Noun, ...]]:
    """Of each name, none that another has."""
    met: set[str] = set()
    result = {}
    for name in names:
        nouns = [noun for noun in nouns_of(name, articles) if noun.text.casefold() not in met]
        result[name] = tuple(nouns) or nouns_of(re.sub(r"\W+", " ", name).strip(), articles)
        met.update(noun.text.casefold() for noun in result[name])
    return result


def _present(labels: Path, columns: Columns) -> dict[str, frozenset[str]] | None:
    """Study -> conditions that its rows say are there; None where the table has no column of studies."""
    if (study := columns.roles.get("study")) is None:
        return None
    names = {one.column: one.name for one in columns.labelled}
    wanted = [study, columns.listed] if columns.listed else [study, *names]
    found: dict[str, set[str]] = {}
    for frame in open_table(labels).frames(wanted):
        ids, _, _ = plain_ids(frame[study])
        for one in ids:
            found.setdefault(one, set())
        for column in wanted[1:]:
            codes, cells = pd.factorize(frame[column])
            told = [
                [names[label] for label in listed(cell) if label in names]
                if columns.listed
                else [names[column]] * (state_of(cell) == PRESENT)
                for cell in map(str, cells)
            ]
            some = np.array([bool(conditions) for conditions in told], bool)[codes]
            for one, code in zip(ids[some], codes[some], strict=True):
                found[one].update(told[code])
    return {one: frozenset(conditions) for one, conditions in found.items()}


def commented(drafted: Draft) -> str:
    """The file's text with what was seen beside each condition, and what is denied without being named behind them."""
    lines = [
        f"# A first vocabulary, drafted from {len(drafted.columns.labelled)} columns. Edit it, then: nast vocabulary "
        "check FILE",
        "# nouns: [article, noun, verb]. equivalents: what is there instead, where the condition is absent; without a "
        "negation.",
        "# No equivalent has been reviewed.",
    ]
    if drafted.columns.left_out:
        lines.append(
            "# Columns left out: " + "; ".join(f"{_plain(c)} ({why})" for c, why in drafted.columns.left_out.items())
        )
    lines += [f"# {note}" for note in drafted.notes]
    ahead = iter(drafted.vocabulary.conditions)
    inside = False
    for line in vocabulary_text(drafted.vocabulary).splitlines():
        if not line.startswith(" "):
            inside = line == "conditions:"
        elif inside and re.match(r"  [^ \-#]", line):
            lines += [part for text in about(next(ahead), drafted) for part in wrap(text, **_COMMENT)]
        lines.append(line)
    if drafted.usage and (some := unnamed(drafted.usage)):
        lines.append("# Beside negation words in reports, and named by no condition here:")
        lines += [f"#   {text}: {count:,}" for text, count in some]
    return "\n".join(lines) + "\n"


def about(condition: str, drafted: Draft) -> Iterator[str]:
    """What was seen of a condition, a line each: where its words come from, and how reports say it."""
    if (one := drafted.known.get(condition)) is not None:
        yield f"words of {one.condition}, of the shipped vocabulary {one.vocabulary.name}"
    if not drafted.vocabulary[condition].equivalents:
        yield "no equivalent: write one, or it is left out of paired items"
    if drafted.usage is None:
        return
    said, denied = drafted.usage.said[condition], drafted.usage.denied[condition]
    if said:
        some = ", ".join(f"{text} {n:,} ({denied[text]:,} denied)" for text, n in said.most_common(_WORDS))
        yield f"reports say: {_plain(some)}"
    else:
        yield "no report names it by these words"
    if names := drafted.usage.names.get(condition):
        some = ", ".join(f"{one.text} ({one.with_condition} of {one.studies})" for one in names)
        yield f"perhaps names of it (studies with it, of those that say so): {_plain(some)}"


def unnamed(seen: Usage) -> list[tuple[str, int]]:
    """What reports deny and no condition names, most often first."""
    return [(text, count) for text, count in seen.unnamed.most_common(_UNNAMED) if count >= _UNNAMED_AT_ALL]


def _plain(text: str) -> str:
    """A text that stays in its comment."""
    return "".join(c if c.isprintable() else " " for c in text)
