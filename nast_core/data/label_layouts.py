"""How each public label table is laid out: from its rows to one common block. The mappings are in labels.yaml.

A layout is told from a table's columns. Source: the datasets' own documentation, and torchxrayvision's copies.
"""

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jaxtyping import Bool, Int8

from nast_core.errors import DataError
from nast_core.negation.phrases import CHEXPERT_CONDITIONS

PRESENT, ABSENT, UNCERTAIN, BLANK = 1, 0, -1, -2
_STATES = {1.0: PRESENT, 0.0: ABSENT, -1.0: UNCERTAIN}
_FRONTAL = re.compile(r"frontal.*|(pa|ap)([ _-].*)?|(postero|antero).*", re.IGNORECASE)
_SPLITS = {"": "", "train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "validate", "valid", "val"), "validation"
)


@dataclass(frozen=True)
class Block:
    """Some rows of a label table, as every layout gives them."""

    study: "pd.Series[str]"
    patient: "pd.Series[str]"
    image: "pd.Series[str]"  # empty where the table names none
    states: Int8[np.ndarray, "row condition"]  # 1, 0, -1 uncertain, -2 blank; in the order of CHEXPERT_CONDITIONS
    frontal: Bool[np.ndarray, " row"]
    usable: Bool[np.ndarray, " row"]  # False: the table says that the study was not labelled
    split: "pd.Series[str] | None" = None


class BadCell(Exception):
    """A value that the layout cannot read: where it is within the block, and what is wrong with it."""

    def __init__(self, row: int, reason: str):
        super().__init__(reason)
        self.row = row


@lru_cache(maxsize=1)
def label_sources() -> dict[str, dict[str, Any]]:
    """labels.yaml: source name -> title, licence and, where it needs one, its mapping to the 13 conditions."""
    return yaml.safe_load(files("nast_core.data").joinpath("labels.yaml").read_text("utf-8"))


@dataclass(frozen=True)
class Layout:
    """One table's columns, and how its rows are read."""

    source: str  # key of labels.yaml
    columns: tuple[str, ...]
    read: Callable[[pd.DataFrame], Block]


def layout_of(header: Sequence[str], source: str | None = None) -> Layout:
    """The layout that a header fits, or the one asked for. Raises DataError naming what is missing and what is near."""
    known = {layout.source: layout for layout in (CHEXPERT, NIH, PADCHEST, MIMIC)}
    if source in known:
        layout = known[source]
        _require(layout.columns, header, source)
        return layout
    for layout in (CHEXPERT, NIH, PADCHEST):  # MIMIC-CXR's columns are those of many a table of one's own
        if set(layout.columns) <= set(header):
            return layout
    return _own_layout(header)


def _require(wanted: Sequence[str], header: Sequence[str], what: str) -> None:
    if missing := [name for name in wanted if name not in header]:
        spare = [name for name in header if name not in wanted]
        raise DataError(f"the table lacks {_named(missing, spare)} that {what} labels have")


def _named(missing: Sequence[str], spare: Sequence[str]) -> str:
    folded = {_fold(name): name for name in spare}
    said = []
    for name in missing:
        near = get_close_matches(_fold(name), folded, n=2, cutoff=0.6)
        said.append(f"{name!r} (near: {', '.join(repr(folded[n]) for n in near)})" if near else repr(name))
    return ("the column " if len(said) == 1 else "the columns ") + ", ".join(said)


def _fold(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip()).casefold()


def binary_states(frame: pd.DataFrame, columns: Sequence[str]) -> Int8[np.ndarray, "row condition"]:
    """States of columns that hold 1, 0, -1 or nothing. Raises BadCell for anything else."""
    states = np.empty((len(frame), len(columns)), np.int8)
    for place, column in enumerate(columns):
        codes, values = pd.factorize(frame[column], use_na_sentinel=False)
        table = np.array([_state(value) for value in values], np.int8)
        if (bad := table == 99).any():
            row = int(np.flatnonzero(bad[codes])[0])
            raise BadCell(
                row,
                f"{column} is {str(values[codes[row]])!r}; a label is 1 (present), 0 (absent), -1 (uncertain) or blank",
            )
        states[:, place] = table[codes]
    return states


def _state(value: Any) -> int:
    if pd.isna(value) or not str(value).strip():
        return BLANK
    try:
        return _STATES.get(float(value), 99)
    except ValueError:
        return 99


def _frontal(views: "pd.Series[str]") -> Bool[np.ndarray, " row"]:
    codes, values = pd.factorize(views, use_na_sentinel=False)
    return np.array([bool(_FRONTAL.fullmatch(str(value).strip())) for value in values], bool)[codes]


def _all(frame: pd.DataFrame) -> Bool[np.ndarray, " row"]:
    return np.ones(len(frame), bool)


def _nothing(frame: pd.DataFrame) -> "pd.Series[str]":
    return pd.Series([""] * len(frame), index=frame.index, dtype="str")


def _chexpert(frame: pd.DataFrame) -> Block:
    paths = frame["Path"].tolist()
    parts = [path.rsplit("/", 3)[-3:] for path in paths]
    for row, part in enumerate(parts):
        if len(part) < 3 or not part[0].startswith("patient") or not part[1].startswith("study"):
            raise BadCell(row, f"Path is {paths[row]!r}; needed: .../patient00001/study1/view1_frontal.jpg")
    patient = pd.Series([part[0] for part in parts], dtype="str")
    study = pd.Series([f"{part[0]}/{part[1]}" for part in parts], dtype="str")
    states, frontal = binary_states(frame, CHEXPERT_CONDITIONS), _frontal(frame["Frontal/Lateral"])
    return Block(study, patient, frame["Path"], states, frontal, _all(frame))


def _mimic(frame: pd.DataFrame) -> Block:
    states = binary_states(frame, CHEXPERT_CONDITIONS)
    return Block(frame["study_id"], frame["subject_id"], _nothing(frame), states, _all(frame), _all(frame))


def _nih(frame: pd.DataFrame) -> Block:
    states, usable = mapped_states(frame["Finding Labels"], "nih", lambda text: text.split("|"))
    view = _frontal(frame["View Position"])
    return Block(frame["Image Index"], frame["Patient ID"], frame["Image Index"], states, view, usable)


def _padchest(frame: pd.DataFrame) -> Block:
    states, usable = mapped_states(frame["Labels"], "padchest", _python_list)
    image = frame["ImageDir"] + "/" + frame["ImageID"]
    return Block(frame["StudyID"], frame["PatientID"], image, states, _frontal(frame["Projection"]), usable)


def _python_list(text: str) -> list[str]:
    found = ast.literal_eval(text)
    if not isinstance(found, list):
        raise ValueError(text)
    return [str(label).strip() for label in found]


def mapped_states(
    labels: "pd.Series[str]", source: str, split: Callable[[str], list[str]]
) -> tuple[Int8[np.ndarray, "row condition"], Bool[np.ndarray, " row"]]:
    """(states, usable) of lists of findings, by the mapping of labels.yaml. A row with no list at all is not usable."""
    entry = label_sources()[source]
    codes, values = pd.factorize(labels, use_na_sentinel=False)
    table = np.full((len(values), len(CHEXPERT_CONDITIONS)), BLANK, np.int8)
    usable = np.ones(len(values), bool)
    for place, value in enumerate(values):
        if pd.isna(value) or str(value).strip() in ("", "nan"):  # PadChest writes it out
            usable[place] = False
            continue
        try:
            listed = set(split(str(value)))
        except (ValueError, SyntaxError):
            raise BadCell(
                int(np.flatnonzero(codes == place)[0]), f"its labels are {str(value)!r}; a list was expected"
            ) from None
        usable[place] = not listed & set(entry.get("unusable", ()))
        table[place] = [_mapped(condition, listed, entry) for condition in CHEXPERT_CONDITIONS]
    return table[codes], usable[codes]


def _mapped(condition: str, listed: set[str], entry: dict[str, Any]) -> int:
    rule = entry["conditions"].get(condition)
    if rule is None:
        return BLANK
    if listed & set(rule["present"]):
        return PRESENT
    return BLANK if listed & ({*rule.get("open", ())} | {*entry.get("silent", ())}) else ABSENT


CHEXPERT = Layout("chexpert", ("Path", "Frontal/Lateral", *CHEXPERT_CONDITIONS), _chexpert)
NIH = Layout("nih", ("Image Index", "Finding Labels", "Patient ID", "View Position"), _nih)
PADCHEST = Layout("padchest", ("ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "Labels"), _padchest)
MIMIC = Layout("mimic", ("subject_id", "study_id", *CHEXPERT_CONDITIONS), _mimic)

_OWN = {
    "patient": ("patient_id", "subject_id", "patient", "patientid"),
    "study": ("study_id", "study", "studyid"),
    "image": ("image", "path", "image_path", "image_id", "filename"),
    "view": ("view", "view_position", "viewposition", "frontal/lateral", "projection"),
    "split": ("split",),
}


def _own_layout(header: Sequence[str]) -> Layout:
    """A table of the user's own: patient_id, study_id and the 13 conditions; image, view and split where it has them."""
    by_name = {_fold(name): name for name in reversed(header)}
    roles = {
        role: next((by_name[_fold(n)] for n in names if _fold(n) in by_name), None) for role, names in _OWN.items()
    }
    conditions = {name: by_name.get(_fold(name)) for name in CHEXPERT_CONDITIONS}
    missing = [_OWN[role][0] for role in ("patient", "study") if roles[role] is None]
    missing += [name for name, column in conditions.items() if column is None]
    used = {*roles.values(), *conditions.values()}
    if missing:
        spare = [name for name in header if name not in used]
        advice = "; a condition that was not labelled is an empty column"
        raise DataError(f"the table lacks {_named(missing, spare)}{advice if set(missing) & set(conditions) else ''}")
    columns = tuple(name for name in (*roles.values(), *conditions.values()) if name is not None)

    def column(frame: pd.DataFrame, role: str) -> "pd.Series[str] | None":
        return None if (name := roles[role]) is None else frame[name]

    def read(frame: pd.DataFrame) -> Block:
        image, view, split = (column(frame, role) for role in ("image", "view", "split"))
        return Block(
            study=frame[str(roles["study"])],
            patient=frame[str(roles["patient"])],
            image=_nothing(frame) if image is None else image.fillna(""),
            states=binary_states(frame, [str(name) for name in conditions.values()]),
            frontal=_all(frame) if view is None else _frontal(view),
            usable=_all(frame),
            split=None if split is None else _split(split),
        )

    return Layout("table", columns, read)


def _split(values: "pd.Series[str]") -> "pd.Series[str]":
    named = values.str.strip().str.lower().map(_SPLITS)
    if (bad := named.isna().to_numpy()).any():
        row = int(bad.argmax())
        raise BadCell(row, f"split is {str(values.iloc[row])!r}; needed: train, validation, test or blank")
    return named
