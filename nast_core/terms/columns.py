"""Which columns of a table are labels, and what its conditions could be called. Nothing is known of the table
beforehand.

A column is one of labels where each of its cells is 1, 0, -1, blank, or yes and no. A table without any may list its
labels in one column ("Edema|Effusion", "['edema']"): each label is then a condition. Source: ours.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from nast_core.data.label_layouts import ABSENT, PRESENT, UNCERTAIN, python_list, role_of, separated, state_of
from nast_core.data.label_words import plain
from nast_core.errors import VocabularyError
from nast_core.files.gate import shown
from nast_core.files.tables import TableFile, open_table
from nast_core.vocabulary.cues import CUES
from nast_core.vocabulary.soundness import MOST_CONDITIONS

_VALUES = 64  # different cells of a column that are looked at; labels have a dozen
_FEW = 3  # columns of labels, below which a column of lists is looked for; and labels that a list has at least
_SHORT = 5  # letters of a short form, which stays in capitals
_SAY_NOTHING = frozenset(
    map(
        plain,
        [
            "no finding",
            "normal",
            "healthy",
            "any",
            "none",
            "abnormal",
            "other",
            "negative",
            "positive",
            "label",
            "labels",
            "finding",
            "target",
            "class",
            "unchanged",
            "exclude",
        ],
    )
)
_LISTS = frozenset(
    map(plain, ["labels", "finding labels", "findings", "diagnoses"])
)  # as tables call a column of lists
_PREFIX = re.compile(r"^(label|labels|has|is|finding|class|target|dx|gt)[\s_.-]+(?=\w)", re.IGNORECASE)
_FOREIGN = re.compile(r"[^\w\s/'(),.&+-]|_")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


class Labelled(NamedTuple):
    """A column, or a label of a list, and how often it says what."""

    column: str  # as the table spells it
    name: str  # as the condition could be called
    present: int
    absent: int
    uncertain: int


@dataclass(frozen=True)
class Columns:
    """What a table has to say. ``listed``: the column that holds lists of labels, where labels have no columns."""

    labelled: tuple[Labelled, ...]
    left_out: dict[str, str] = field(default_factory=dict)  # column -> why it names no condition
    roles: dict[str, str] = field(default_factory=dict)  # study, patient, ... -> column
    listed: str | None = None


def read_columns(path: Path) -> Columns:
    """Raises DataError for what is no table, VocabularyError where no column of it holds labels, or too many do."""
    table = open_table(path, absent="give the table of labels (.csv)")
    roles = {role: column for column in reversed(table.header) if (role := role_of(column))}
    seen = _cells(table, [name for name in table.header if name and name not in roles.values()])
    counts, left_out = {}, {}
    for column, values in seen.items():
        said = Counter[int]()
        for value, count in values.items():
            said[state_of(value)] += count
        if why := _why_not(column, values, said):
            left_out[column] = why
        else:
            counts[column] = said
    where = None
    if len(counts) < _FEW and (lists := _lists(table, list(left_out))) is not None:
        where, found = lists
        if len(found) > len(counts):
            left_out |= dict.fromkeys(counts, f"stands beside the lists of {shown(where)!r}")
            left_out.pop(where)
            counts = found
        else:
            where = None
    labelled = tuple(_named(counts, left_out))
    if not labelled:
        some = "; ".join(f"{shown(name)!r}: {why}" for name, why in list(left_out.items())[:4])
        raise VocabularyError(
            f"{shown(path)} has no column of labels, whose cells are 1, 0, -1 or blank "
            f"({some or 'it has no columns'}); give a table with one "
            "column a condition, or one column of lists"
        )
    if len(labelled) > MOST_CONDITIONS:
        raise VocabularyError(
            f"{shown(path)} has {len(labelled):,} columns of labels, and at most {MOST_CONDITIONS:,} conditions are "
            "taken; leave the rare ones out"
        )
    return Columns(labelled, left_out, roles, where)


def _cells(table: TableFile, columns: list[str]) -> dict[str, Counter[str]]:
    """Column -> its different cells and how often each stands there; no more is counted of a column that holds too
    many."""
    seen: dict[str, Counter[str]] = {name: Counter() for name in columns}
    for frame in table.frames(columns):
        for name in columns:
            if len(seen[name]) <= _VALUES:
                seen[name].update({str(value): int(count) for value, count in frame[name].value_counts().items()})
    return seen


def _why_not(column: str, values: Counter[str], said: Counter[int]) -> str:
    """Why a column holds no labels of one condition; empty where it does."""
    if odd := next(
        (value for value in values if state_of(value) not in (PRESENT, ABSENT, UNCERTAIN) and value.strip()), None
    ):
        return f"holds {shown(odd)[:40]!r}, which is no label"
    if not said[PRESENT] and not said[ABSENT]:
        return "is blank throughout"
    if plain(column) in _SAY_NOTHING:
        return "names no finding of its own"
    return ""


def _lists(table: TableFile, columns: list[str]) -> tuple[str, dict[str, Counter[int]]] | None:
    """The column whose cells are lists of labels, the one that is called so, or has most labels of those that repeat,
    and how often each is in a list."""
    labels: dict[str, Counter[str]] = {name: Counter() for name in columns}
    rows = 0
    for frame in table.frames(columns) if columns else ():
        rows += len(frame)
        for name in list(labels):
            for value, count in frame[name].value_counts().items():
                labels[name].update(dict.fromkeys(listed(str(value)), int(count)))
            if len(labels[name]) > MOST_CONDITIONS:  # free text, or ids
                del labels[name]
    worded = {
        name: Counter({label: n for label, n in counts.items() if re.search(r"[^\W\d_]{3}", label)})
        for name, counts in labels.items()
    }
    repeated = {
        name: counts for name, counts in worded.items() if len(counts) > _FEW - 1 and counts.total() >= 2 * len(counts)
    }
    if not repeated:
        return None
    name = max(repeated, key=lambda column: (plain(column) in _LISTS, len(repeated[column])))
    return name, {label: Counter({PRESENT: n, ABSENT: rows - n}) for label, n in repeated[name].most_common()}


def listed(cell: str) -> list[str]:
    """The labels that a cell lists, once each."""
    try:
        labels = python_list(cell) if cell.startswith("[") else separated(cell)
    except ValueError:
        return []
    return list(dict.fromkeys(str(label) for label in labels if isinstance(label, str) and label))


def _named(counts: dict[str, Counter[int]], left_out: dict[str, str]) -> Iterator[Labelled]:
    """With names that a vocabulary takes, each once; what has none is told in ``left_out``."""
    shared = _shared_start(list(counts))
    met: dict[str, str] = {}
    for column, said in counts.items():
        name = tidy(column[len(shared) :])
        if plain(column) in _SAY_NOTHING or not name or name.casefold() in CUES or plain(name) in _SAY_NOTHING:
            left_out[column] = "names no finding of its own"
        elif (other := met.setdefault(name.casefold(), column)) != column:
            left_out[column] = f"is called as {shown(other)!r} is"
        else:
            yield Labelled(column, name, said[PRESENT], said[ABSENT], said[UNCERTAIN])


def _shared_start(columns: Sequence[str]) -> str:
    """What all of three or more columns begin with, up to a separator: "label_" of label_edema, label_fracture."""
    if len(columns) < 3:
        return ""
    least, most = min(columns), max(columns)
    length = next((i for i, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), 0)
    start = re.match(r".*[_.:]", least[:length])
    return start.group() if start else ""


def tidy(column: str) -> str:
    """A column's name in words: "label_pleural_effusion" and "PleuralEffusion" are "Pleural effusion"; empty where
    there are none."""
    text = _PREFIX.sub("", " ".join(_FOREIGN.sub(" ", column).split()))
    if " " not in text and _CAMEL.search(text):
        text = " ".join(word if word.isupper() else word.lower() for word in _CAMEL.sub(" ", text).split())
    if text.isupper() and len(text) > _SHORT:
        text = text.lower()
    text = re.sub(r"^\W+|[^\w)]+$", "", text)[:80].strip()
    if text.endswith(")") and "(" not in text:
        text = text[:-1].strip()
    if not re.search(r"[^\W\d_]", text):
        return ""
    return text[0].upper() + text[1:]
