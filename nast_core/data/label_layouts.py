"""How each public label table is laid out: from its rows to one common block. The mappings are in labels.yaml.

A layout is told from a table's columns. Source: the datasets' own documentation, and torchxrayvision's copies.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int8

from nast_core.data.label_words import Rules, may_stand_for, plain, rules_of, synonyms
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

PRESENT, ABSENT, UNCERTAIN, BLANK = 1, 0, -1, -2
_STATES = {1.0: PRESENT, 0.0: ABSENT, -1.0: UNCERTAIN}
_FRONTAL = re.compile(r"frontal.*|(pa|ap)([ _-].*)?|(postero|antero).*", re.IGNORECASE)
_NAMED = 20  # missing columns that a message names
_LONGEST = 100_000  # characters of a cell that is evaluated as a list
_SPLITS = {"": "", "train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "validate", "valid", "val"), "validation"
)


@dataclass(frozen=True)
class Block:
    """Some rows of a label table, as every layout gives them."""

    study: "pd.Series[str]"
    patient: "pd.Series[str]"
    image: "pd.Series[str]"  # empty where the table names none
    states: Int8[np.ndarray, "row condition"]  # 1, 0, -1 uncertain, -2 blank; in the order of the vocabulary
    frontal: Bool[np.ndarray, " row"]
    usable: Bool[np.ndarray, " row"]  # False: the table says that the study was not labelled
    split: "pd.Series[str] | None" = None
    unknown: Counter[str] = field(default_factory=Counter)  # labels outside the vocabulary -> rows


class BadCell(Exception):
    """A value that the layout cannot read: where it is within the block, and what is wrong with it."""

    def __init__(self, row: int, reason: str):
        super().__init__(reason)
        self.row = row


@dataclass(frozen=True)
class Layout:
    """One table's columns, and how its rows are read."""

    source: str  # key of labels.yaml
    columns: tuple[str, ...]  # as ``read`` knows them
    read: Callable[[pd.DataFrame, Vocabulary], Block]
    named: tuple[str, ...] = ()  # as this table spells them; the same where empty
    told: bool = True  # whether its columns tell it from a table of one's own
    labelled: bool = False  # whether the vocabulary's conditions are columns of it, too
    notes: tuple[str, ...] = ()  # what is to be known of a table's columns, a sentence each

    def of(self, vocabulary: Vocabulary) -> "Layout":
        """With the vocabulary's conditions among its columns, where they are."""
        return replace(self, columns=(*self.columns, *vocabulary.conditions)) if self.labelled else self

    def block(self, frame: pd.DataFrame, vocabulary: Vocabulary | None = None) -> Block:
        """The rows of a frame that has the table's own columns. Raises BadCell."""
        if self.named:
            frame = frame[list(self.named)].set_axis(list(self.columns), axis=1)
        return self.read(frame, given(vocabulary))


def layout_of(header: Sequence[str], source: str | None = None, vocabulary: Vocabulary | None = None) -> Layout:
    """The layout that a header fits, or the one asked for. Raises DataError naming what is missing and what is near."""
    vocabulary = given(vocabulary)
    if source in LAYOUTS:
        layout = LAYOUTS[source].of(vocabulary)
        if source == "chexpert" and (short := _chexpert_test(header, vocabulary)):
            return short
        if (fits := _fitted(layout, header)) is None:
            folded = {_fold(name) for name in header}
            missing = [name for name in layout.columns if _fold(name) not in folded]
            spare = [name for name in header if _fold(name) not in {_fold(wanted) for wanted in layout.columns}]
            raise DataError(f"the table lacks {_columns(missing, spare)} that {source} labels have")
        return fits
    for layout in LAYOUTS.values():
        if layout.told and (fits := _fitted(layout.of(vocabulary), header)):
            return fits
    return _chexpert_test(header, vocabulary) or _own_layout(header, vocabulary)


def _fitted(layout: Layout, header: Sequence[str]) -> Layout | None:
    """The layout with the columns as this header spells them; None where one is missing."""
    by_name = {_fold(name): name for name in reversed(header) if name} | {name: name for name in header}
    names = [by_name.get(name) or by_name.get(_fold(name)) for name in layout.columns]
    return None if None in names else replace(layout, named=tuple(map(str, names)))


def _columns(missing: Sequence[str], spare: Sequence[str]) -> str:
    folded = {_fold(name): name for name in spare}
    words = []
    for name in missing:
        near = get_close_matches(_fold(name), folded, n=2, cutoff=0.6)
        words.append(f"{shown(name)!r} (near: {', '.join(repr(folded[n]) for n in near)})" if near else repr(name))
    return ("the column " if len(words) == 1 else "the columns ") + ", ".join(words)


def _fold(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip()).casefold()


def binary_states(frame: pd.DataFrame, columns: Sequence[str]) -> Int8[np.ndarray, "row condition"]:
    """States of columns that hold 1, 0, -1 or nothing. Raises BadCell for anything else."""
    states = np.empty((len(frame), len(columns)), np.int8)
    for place, column in enumerate(columns):
        codes, values = pd.factorize(frame[column], use_na_sentinel=False)
        table = np.array([state_of(value) for value in values], np.int8)
        if (bad := table == 99).any():
            row = int(np.flatnonzero(bad[codes])[0])
            raise BadCell(
                row,
                f"{column} is {str(values[codes[row]])[:60]!r}; a label is 1 (present), 0 (absent), -1 (uncertain) "
                "or blank",
            )
        states[:, place] = table[codes]
    return states


_WORDS = {"true": PRESENT, "yes": PRESENT, "false": ABSENT, "no": ABSENT} | dict.fromkeys(
    ("", "na", "n/a", "#n/a", "null"), BLANK
)


def state_of(value: Any) -> int:
    """1, 0, -1 or -2 of a cell, 99 for what is no label. "1,0" is how spreadsheets of half of Europe write 1.0."""
    text = "" if pd.isna(value) else str(value).strip().casefold()
    if text in _WORDS:
        return _WORDS[text]
    try:
        return _STATES.get(float(re.sub(r"^([+-]?\d),0+$", r"\1", text)), 99)
    except ValueError:
        return 99


def _frontal(views: "pd.Series[str]") -> Bool[np.ndarray, " row"]:
    codes, values = pd.factorize(views, use_na_sentinel=False)
    return np.array([bool(_FRONTAL.fullmatch(str(value).strip())) for value in values], bool)[codes]


def _all(frame: pd.DataFrame) -> Bool[np.ndarray, " row"]:
    return np.ones(len(frame), bool)


def _nothing(frame: pd.DataFrame) -> "pd.Series[str]":
    return pd.Series([""] * len(frame), index=frame.index, dtype="str")


def _chexpert(frame: pd.DataFrame, vocabulary: Vocabulary) -> Block:
    block = _by_path(frame, "Path", "view1_frontal.jpg", vocabulary)
    return replace(block, frontal=_frontal(frame["Frontal/Lateral"]))


def _by_path(frame: pd.DataFrame, column: str, example: str, vocabulary: Vocabulary) -> Block:
    """CheXpert's rows, whose study and patient are in a path: of an image, or of the study."""
    paths = frame[column].tolist()
    depth = 3 if example else 2
    parts = [path.strip().strip("/").rsplit("/", 3)[-depth:] for path in paths]
    for row, part in enumerate(parts):
        if len(part) < depth or not part[0].startswith("patient") or not part[1].startswith("study"):
            needed = "/".join(filter(None, (".../patient00001/study1", example)))
            raise BadCell(row, f"{column} is {paths[row][:200]!r}; needed: {needed}")
    splits = [
        next((_SPLITS[word] for word in path.casefold().split("/") if word in ("valid", "test")), "") for path in paths
    ]
    patient = pd.Series([part[0] for part in parts], dtype="str", index=frame.index)
    study = pd.Series([f"{part[0]}/{part[1]}" for part in parts], dtype="str", index=frame.index)
    frontal = np.array([depth == 2 or "lateral" not in part[-1].casefold() for part in parts], bool)
    # a table of studies names no image; the dataset calls the first frontal one so
    image = frame[column].str.strip() if example else study + "/view1_frontal.jpg"
    states, split = binary_states(frame, vocabulary.conditions), pd.Series(splits, dtype="str", index=frame.index)
    return Block(study, patient, image, states, frontal, _all(frame), split)


def _chexpert_test(header: Sequence[str], vocabulary: Vocabulary) -> Layout | None:
    """CheXpert's test_labels.csv (Path) and groundtruth.csv (Study): no view, and no patient but in the path."""
    if any(_fold(name) in _OWN["patient"] for name in header):
        return None
    for column, example in (("Path", "view1_frontal.jpg"), ("Study", "")):

        def read(frame: pd.DataFrame, vocabulary: Vocabulary, column: str = column, example: str = example) -> Block:
            return _by_path(frame, column, example, vocabulary)

        if fits := _fitted(Layout("chexpert", (column, *vocabulary.conditions), read), header):
            return fits
    return None


def _mimic(frame: pd.DataFrame, vocabulary: Vocabulary) -> Block:
    states = binary_states(frame, vocabulary.conditions)
    return Block(frame["study_id"], frame["subject_id"], _nothing(frame), states, _all(frame), _all(frame))


def _nih(frame: pd.DataFrame, vocabulary: Vocabulary) -> Block:
    unknown: Counter[str] = Counter()
    states, usable = mapped_states(frame["Finding Labels"], "nih", separated, unknown, vocabulary)
    view = _frontal(frame["View Position"])
    image = frame["Image Index"]
    return Block(image, frame["Patient ID"], image, states, view, usable, unknown=unknown)


def _padchest(frame: pd.DataFrame, vocabulary: Vocabulary) -> Block:
    unknown: Counter[str] = Counter()
    states, usable = mapped_states(frame["Labels"], "padchest", python_list, unknown, vocabulary)
    image = frame["ImageDir"].str.strip() + "/" + frame["ImageID"].str.strip()
    view = _frontal(frame["Projection"])
    return Block(frame["StudyID"], frame["PatientID"], image, states, view, usable, unknown=unknown)


def separated(text: str) -> list[str]:
    """The labels of a cell that lists them: "Edema|Effusion"."""
    return [label for part in re.split("[|;,]", text) if (label := part.strip())]


def python_list(text: str) -> list[Any]:
    """A list as Python writes it, text without blanks around it. Raises ValueError for anything else, however deep."""
    if len(text) > _LONGEST:
        raise ValueError(f"a list of {len(text):,} characters")
    try:
        labels = ast.literal_eval(text)
    except (SyntaxError, MemoryError, RecursionError, TypeError) as fault:
        raise ValueError(str(fault)) from None
    if not isinstance(labels, list):
        raise ValueError("not a list")
    return [label if isinstance(label, list) else str(label).strip() for label in labels]


def mapped_states(
    labels: "pd.Series[str]",
    source: str,
    split: Callable[[str], list[str]],
    unknown: Counter[str] | None = None,
    vocabulary: Vocabulary | None = None,
) -> tuple[Int8[np.ndarray, "row condition"], Bool[np.ndarray, " row"]]:
    """(states, usable) of lists of findings, by the mapping of labels.yaml. A row with no list at all is not usable.

    A label outside the mapping leaves blank what it may stand for, and is counted in ``unknown``.
    """
    vocabulary = given(vocabulary)
    rules = rules_of(source, vocabulary)
    codes, values = pd.factorize(labels, use_na_sentinel=False)
    rows = np.bincount(codes, minlength=len(values))
    table = np.full((len(values), len(vocabulary.conditions)), BLANK, np.int8)
    usable = np.ones(len(values), bool)
    for place, value in enumerate(values):
        if pd.isna(value) or str(value).strip().casefold() in ("", "nan", "na"):  # PadChest writes it out
            usable[place] = False
            continue
        try:
            spellings = {plain(label): label for label in map(str, split(str(value)))}
        except ValueError:
            raise BadCell(
                int(np.flatnonzero(codes == place)[0]), f"its labels are {str(value)[:60]!r}; a list was expected"
            ) from None
        foreign = spellings.keys() - rules.known
        if unknown is not None:
            unknown.update({spellings[label]: int(rows[place]) for label in foreign})
        doubted = frozenset().union(*(may_stand_for(spellings[label], vocabulary) for label in foreign))
        usable[place] = not spellings.keys() & rules.unusable
        table[place] = [_mapped(name, spellings.keys(), rules, doubted) for name in vocabulary.conditions]
    return table[codes], usable[codes]


def _mapped(condition: str, listed: Set[str], rules: Rules, doubted: Set[str]) -> int:
    if condition not in rules.present:
        return BLANK
    if listed & rules.present[condition]:
        return PRESENT
    return BLANK if condition in doubted or listed & (rules.open[condition] | rules.silent) else ABSENT


CHEXPERT = Layout("chexpert", ("Path", "Frontal/Lateral"), _chexpert, labelled=True)
NIH = Layout("nih", ("Image Index", "Finding Labels", "Patient ID", "View Position"), _nih)
PADCHEST = Layout("padchest", ("ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "Labels"), _padchest)
MIMIC = Layout("mimic", ("subject_id", "study_id"), _mimic, told=False, labelled=True)  # as many a table's
LAYOUTS = {layout.source: layout for layout in (CHEXPERT, NIH, PADCHEST, MIMIC)}

_OWN = {
    "patient": ("patient_id", "subject_id", "patient", "patientid"),
    "study": ("study_id", "study", "studyid"),
    "image": ("image", "path", "image_path", "image_id", "filename"),
    "view": ("view", "view_position", "viewposition", "frontal/lateral", "projection"),
    "split": ("split",),
}


def role_of(column: str) -> str | None:
    """What a column of a table of one's own is, by its name: study, patient, image, view or split; labels are none."""
    return next((role for role, names in _OWN.items() if _fold(column) in map(_fold, names)), None)


def _own_layout(header: Sequence[str], vocabulary: Vocabulary) -> Layout:
    """A table of the user's own: patient_id, study_id and the conditions; image, view and split where it has them."""
    by_name = {_fold(name): name for name in reversed(header) if name}
    roles = {
        role: next((by_name[_fold(n)] for n in names if _fold(n) in by_name), None) for role, names in _OWN.items()
    }
    conditions = _columns_of(header, by_name, vocabulary)
    missing = [_OWN[role][0] for role in ("patient", "study") if roles[role] is None]
    unlabelled = [name for name, column in conditions.items() if column is None]
    shipped_one = vocabulary == chest()  # of which every table has all: one that is missing is one misspelt
    if shipped_one or len(unlabelled) == len(conditions):
        missing += unlabelled
    used = {*roles.values(), *conditions.values()}
    if missing:
        spare = [name for name in header if name and name not in used]
        advice = "; a condition that was not labelled is an empty column"
        few = missing[:_NAMED]
        more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        raise DataError(
            f"the table lacks {_columns(few, spare)}{more}{advice if set(missing) & set(conditions) else ''}"
        )
    notes = (f"The table has no column of {', '.join(unlabelled)}: of these it says nothing.",) if unlabelled else ()
    columns = tuple(dict.fromkeys(name for name in (*roles.values(), *conditions.values()) if name is not None))

    def column(frame: pd.DataFrame, role: str) -> "pd.Series[str] | None":
        return None if (name := roles[role]) is None else frame[name]

    def read(frame: pd.DataFrame, vocabulary: Vocabulary) -> Block:
        image, view, split = (column(frame, role) for role in ("image", "view", "split"))
        return Block(
            study=frame[str(roles["study"])],
            patient=frame[str(roles["patient"])],
            image=_nothing(frame) if image is None else image,
            states=_states_of(frame, conditions),
            frontal=_all(frame) if view is None else _frontal(view),
            usable=_all(frame),
            split=None if split is None else _split(split),
        )

    return Layout("table", columns, read, notes=notes)


def _columns_of(header: Sequence[str], by_name: Mapping[str, str], vocabulary: Vocabulary) -> dict[str, str | None]:
    """Condition -> its column: by its name, by the vocabulary's mapping, by its other names. Raises DataError for a
    mapping to a column that is not there."""
    columns: dict[str, str | None] = {name: by_name.get(_fold(name)) for name in vocabulary.conditions}
    for column, condition in vocabulary.columns.items():
        if columns[condition] is None and _fold(column) in by_name:
            columns[condition] = by_name[_fold(column)]
    for column, condition in vocabulary.columns.items():
        if columns[condition] is None:
            near = get_close_matches(_fold(column), by_name, n=2, cutoff=0.6)
            hint = f" (near: {', '.join(repr(by_name[name]) for name in near)})" if near else ""
            raise DataError(
                f"the vocabulary maps the column {shown(column)!r} to {condition!r}, and the table has no such "
                f"column{hint}; correct 'columns' of the vocabulary, or the table"
            )
    if vocabulary == chest():
        return columns
    taken = {column for column in columns.values() if column}
    for column in header:
        meant = synonyms(vocabulary).get(plain(column)) if column and column not in taken else None
        if meant is not None and columns[meant] is None:
            columns[meant] = column
    return columns


def _states_of(frame: pd.DataFrame, conditions: Mapping[str, str | None]) -> Int8[np.ndarray, "row condition"]:
    """Blank where a condition has no column."""
    states = np.full((len(frame), len(conditions)), BLANK, np.int8)
    there = [place for place, column in enumerate(conditions.values()) if column is not None]
    states[:, there] = binary_states(frame, [column for column in conditions.values() if column is not None])
    return states


def _split(values: "pd.Series[str]") -> "pd.Series[str]":
    splits = values.str.strip().str.lower().map(_SPLITS)
    if (bad := splits.isna().to_numpy()).any():
        row = int(bad.argmax())
        raise BadCell(row, f"split is {shown(str(values.iloc[row]))!r}; needed: train, validation, test or blank")
    return splits
