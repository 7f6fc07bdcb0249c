"""studies.parquet: a row a study, read by column and by page, however many there are."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from nast_core.data.label_layouts import BLANK
from nast_core.data.studies import SPLITS
from nast_core.errors import DatasetError
from nast_core.files.parquet import read_parquet, read_rows, row_count
from nast_core.files.stamps import stamp
from nast_core.vocabulary.shipped import chest

Known = Literal["present", "absent", "unknown"]  # the last: uncertain, or blank
ABOUT = ("patient", "study", "split", "image")
GROUP = 20_000  # rows of a row group: what a page of the table reads at most


def write_study_file(studies: pd.DataFrame, path: Path, conditions: Sequence[str] | None = None) -> None:
    """``studies``: patient, study, split, image, and a state a condition (CheXpert's 13 if None) as
    ``read_study_table`` gives it. In the file a blank label is empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(studies[name].astype(object), pa.string()) for name in ABOUT}
    for condition in chest().conditions if conditions is None else conditions:
        states = studies[condition].to_numpy()
        columns[condition] = pa.array(states, pa.int8(), mask=states == BLANK)
    pq.write_table(pa.table(columns), path, row_group_size=GROUP, compression="zstd")


class StudyFile:
    """The studies of a dataset. Raises DatasetError where the file is not there or not as it was built."""

    def __init__(self, path: Path, conditions: Sequence[str] | None = None):
        self.path = path
        self.conditions = chest().conditions if conditions is None else tuple(conditions)

    def __len__(self) -> int:
        return row_count(self.path, error=DatasetError)

    def page(self, begin: int, count: int) -> pd.DataFrame:
        """Some rows, in the file's order, every column."""
        return self.rows(range(begin, begin + count))

    def rows(self, numbers: Sequence[int]) -> pd.DataFrame:
        """The rows of these numbers, which go up, every column."""
        return read_rows(self.path, (*ABOUT, *self.conditions), numbers, error=DatasetError)

    def found(self, condition: str = "", state: Known = "present", split: str = "") -> Int[np.ndarray, " row"]:
        """Numbers of the rows of a split, or of all, whose label of a condition is so;
        without a condition, of every row."""
        if not condition and not split:
            return np.arange(len(self))
        table = self._columns("split", *([condition] if condition else []))
        fits = (table.split == split).to_numpy() if split else np.ones(len(table), bool)
        if condition:
            values = table[condition].to_numpy(float)
            fits = fits & {"present": values == 1, "absent": values == 0, "unknown": ~(values >= 0)}[state]
        return np.flatnonzero(fits)

    def images(self, condition: str, *, present: bool, split: str) -> list[str]:
        """Images of a split that have a condition, or that lack it by their labels, in the order of the file."""
        if condition not in self.conditions:
            table = self._columns("split", "image")
            return table.image[(table.split == split)].tolist()
        table = self._columns("split", "image", condition)
        return table.image[(table[condition] == int(present)) & (table.split == split)].tolist()

    def patients_having(self) -> dict[str, int]:
        """Condition -> how many patients have it."""
        return _patients_having(self.path, self.conditions, stamp(self.path))

    def about(self) -> pd.DataFrame:
        """Patient, study, split and image of every row. Not to be changed."""
        return self._columns(*ABOUT)

    def images_at(self, rows: Sequence[int]) -> list[str]:
        return self._columns("image").image.iloc[list(rows)].tolist()

    def presence(self, images: Sequence[str]) -> Float[np.ndarray, "image condition"]:
        """1 present, 0 absent, NaN uncertain, blank or of an image that is not in the file;
        in the order of the conditions."""
        table = _by_image(self.path, self.conditions, stamp(self.path))
        values = table.reindex(list(images)).to_numpy(float)
        return np.where(values < 0, np.nan, values)

    def _columns(self, *names: str) -> pd.DataFrame:
        return _columns(self.path, names, stamp(self.path))


@lru_cache(maxsize=32)
def _columns(path: Path, names: tuple[str, ...], stamped: str) -> pd.DataFrame:
    """Kept: a page of pairs asks for the same few columns again and again. Not to be changed."""
    return read_parquet(path, names, only=True, error=DatasetError, absent="build the dataset anew")


@lru_cache(maxsize=4)
def _by_image(path: Path, conditions: tuple[str, ...], stamped: str) -> pd.DataFrame:
    """The states alone, by image. Not to be changed."""
    return _columns(path, ("image", *conditions), stamped).drop_duplicates("image").set_index("image")


@lru_cache(maxsize=4)
def _patients_having(path: Path, conditions: tuple[str, ...], stamped: str) -> dict[str, int]:
    """Not to be changed."""
    patients = pd.factorize(_columns(path, ("patient",), stamped).patient)[0]
    having = (_columns(path, (condition,), stamped)[condition] == 1 for condition in conditions)
    return {
        condition: len(np.unique(patients[has.to_numpy()])) for condition, has in zip(conditions, having, strict=True)
    }


def two_splits(studies: pd.DataFrame) -> str | None:
    """A patient who is in two splits; None where there is none."""
    splits = studies.groupby("patient", sort=False).split.nunique()
    torn = splits.index[splits > 1]
    return str(torn[0]) if len(torn) else None


def twice(studies: pd.DataFrame) -> tuple[str, str, str] | None:
    """An image that stands for two studies, and both; None where each stands for one."""
    again = studies.image[studies.image.duplicated(keep=False)]
    if not len(again):
        return None
    first, second = studies[studies.image == again.iloc[0]].study.tolist()[:2]
    return str(again.iloc[0]), str(first), str(second)


def split_names(studies: pd.DataFrame) -> set[str]:
    """Names of splits in the table that are none."""
    return set(studies.split.unique()) - set(SPLITS)
