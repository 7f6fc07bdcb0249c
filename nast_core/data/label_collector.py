"""What is kept of a label table while it streams by: eligible studies, and small hashes of every other.
Source: ours."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int8, UInt64

from nast_core.data.label_layouts import ABSENT, PRESENT, UNCERTAIN, BadCell, Block
from nast_core.data.studies import SPLITS, Study, enough, split_of
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_EXACT = 13  # conditions whose states one small number holds; of more it holds a hash
_SPLIT_CODES = {name: code for code, name in enumerate(("", *SPLITS))}


class Clash(NamedTuple):
    """Rows that cannot all be true: of one study with different labels, or of one patient in two splits."""

    what: str  # study or patient
    key: np.uint64  # hash of the study or the patient


class Collector:
    """Takes blocks of rows in order. Memory grows by 20 bytes a row, at the end by 60 while hashes are sorted, and by
    twice ``most`` eligible studies."""

    def __init__(self, most: int, *, every: bool = False, vocabulary: Vocabulary | None = None):
        self._most, self._every = most, every  # every: a study that no question can be asked of is kept too
        self._conditions = list(given(vocabulary).conditions)
        self._weights, self._code = _weights(len(self._conditions))
        self._limit = np.uint64(2**64 - 1)  # of a patient's hash; falls when there are more studies than may be kept
        self._frames: list[pd.DataFrame] = []
        self._studies: list[UInt64[np.ndarray, " row"]] = []
        self._patients: list[UInt64[np.ndarray, " row"]] = []
        self._codes: list[np.ndarray] = []  # the row's states, its split and whether it is eligible
        self._counts = {"rows": 0, "not_frontal": 0, "not_labelled": 0, "uncertain_labels": 0}

    def add(self, block: Block) -> None:
        """Raises BadCell for a row without a patient or a study."""
        for name, column in (("patient", block.patient), ("study", block.study)):
            if (blank := (column.isna() | (column.str.strip() == "")).to_numpy()).any():
                raise BadCell(int(blank.argmax()), f"the row names no {name}")
        use = block.frontal & block.usable
        states = block.states[use]
        table = pd.DataFrame(states, columns=self._conditions)
        for name, column in (("study", block.study), ("patient", block.patient), ("image", block.image)):
            table[name] = column[use].to_numpy()
        table["split"] = "" if block.split is None else block.split[use].to_numpy()
        patients, eligible = study_hash(table["patient"]), _eligible(states)
        self._counts["rows"] += len(use)
        self._counts["not_frontal"] += int((~block.frontal).sum())
        self._counts["not_labelled"] += int((block.frontal & ~block.usable).sum())
        self._counts["uncertain_labels"] += int((states == UNCERTAIN).sum())
        self._patients.append(patients)
        self._studies.append(study_hash(table["patient"], table["study"]))
        self._codes.append(
            (
                ((states + 2).astype(np.uint64) @ self._weights) * np.uint64(8)
                + table["split"].map(_SPLIT_CODES).to_numpy().astype(np.uint64) * np.uint64(2)
                + eligible.astype(np.uint64)
            ).astype(self._code)
        )
        keep = (eligible | self._every) & (patients <= self._limit)
        self._frames.append(table[keep].assign(rank=patients[keep]))
        if sum(map(len, self._frames)) > 2 * self._most:
            self._prune()

    @property
    def rows(self) -> int:
        return self._counts["rows"]

    def _prune(self) -> None:
        """Of more studies than may be kept, those of the patients whose hashes are smallest: whole patients, at
        random."""
        table = pd.concat(self._frames).drop_duplicates(["patient", "study"])
        if len(table) > self._most:
            self._limit = np.uint64(np.sort(table["rank"].to_numpy())[self._most - 1])
            table = table[table["rank"].to_numpy() <= self._limit]
        self._frames = [table]

    def clash(self) -> Clash | None:
        """The first contradiction among all rows, kept or not."""
        for what, parts, shift, mask in (("study", self._studies, 3, 2**61 - 1), ("patient", self._patients, 1, 3)):
            keys = np.concatenate(parts)
            order = np.argsort(keys)
            keys = keys[order]
            values = np.concatenate(self._codes)[order]
            values >>= self._code(shift)
            values &= self._code(mask & np.iinfo(self._code).max)
            differ = (keys[1:] == keys[:-1]) & (values[1:] != values[:-1])
            if differ.any():
                return Clash(what, keys[int(differ.argmax())])
        return None

    def table(self) -> pd.DataFrame:
        """The kept studies, in the order of their first rows: study, patient, image, split, and a state a condition."""
        self._prune()
        return self._frames[0]

    def studies(self) -> tuple[Study, ...]:
        """The same as objects, without what is uncertain or blank."""
        table = self.table()
        states = table[self._conditions].to_numpy()
        return tuple(
            Study(study, patient, image, _labels(self._conditions, row), split or split_of(patient))
            for study, patient, image, split, row in zip(
                table["study"], table["patient"], table["image"], table["split"], states, strict=True
            )
        )

    def counts(self) -> dict[str, int]:
        eligible = [some[codes % 2 == 1] for some, codes in zip(self._studies, self._codes, strict=True)]
        studies = _distinct(self._studies)
        return {
            **self._counts,
            "studies": studies,
            "further_views": sum(map(len, self._studies)) - studies,
            "patients": _distinct(self._patients),
            "eligible": _distinct(eligible),
        }


def _distinct(parts: list[UInt64[np.ndarray, " _row"]]) -> int:
    """How many different values; sorted, since np.unique's hash table takes several times the memory."""
    values = np.concatenate(parts)
    values.sort()
    return int((values[1:] != values[:-1]).sum()) + 1 if len(values) else 0


def study_hash(patient: "pd.Series[str]", study: "pd.Series[str] | None" = None) -> UInt64[np.ndarray, " row"]:
    """64 bits for each patient, or for each study of a patient."""
    key = patient if study is None else patient + "/" + study
    return pd.util.hash_array(key.to_numpy(dtype=object), categorize=False)


def _eligible(states: Int8[np.ndarray, "row condition"]) -> Bool[np.ndarray, " row"]:
    return enough((states == ABSENT).sum(1), (states == PRESENT).sum(1), states.shape[1])


def _labels(conditions: list[str], row: Int8[np.ndarray, " condition"]) -> dict[str, int]:
    return {name: int(state) for name, state in zip(conditions, row, strict=True) if state in (ABSENT, PRESENT)}


def _weights(conditions: int) -> tuple[UInt64[np.ndarray, " condition"], type]:
    """What four states a condition are weighed with to become one number a row, and what holds that number with 3 bits
    more."""
    if conditions <= _EXACT:
        return 4 ** np.arange(conditions, dtype=np.uint64), np.uint32
    drawn = np.random.default_rng(conditions).integers(2**61, size=conditions, dtype=np.uint64)
    return drawn | np.uint64(1), np.uint64
