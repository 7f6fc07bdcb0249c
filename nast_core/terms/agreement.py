"""Whether what a vocabulary reads in reports is what the labels of the same studies say, by condition.

Of a report a condition is read as present where any naming of it says so, else as absent where any denies it or calls
it normal. Precision: of the reports that say it is there, the share whose label says so too. Recall: of the studies
labelled with it, the share whose report is read so. Denials: of the reports that deny it, the share whose label says so
too. Labels that are uncertain or blank are left out. Source: ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nast_core.claims.sources import read_texts
from nast_core.data.labels import read_study_table
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.negation.parser import Mention, parse
from nast_core.progress import Tick
from nast_core.statistics.rates import Rate, rates
from nast_core.vocabulary.model import Vocabulary

_SAID = {"present": 1, "absent": 0, "normal": 0}


class Agreed(NamedTuple):
    """Of one condition; intervals over patients, undefined where nothing was counted."""

    condition: str
    precision: Rate
    recall: Rate
    denials: Rate


@dataclass(frozen=True)
class Agreement:
    conditions: tuple[Agreed, ...]  # in the vocabulary's order
    reports: int  # of studies of the table
    without_study: int  # reports of no study of the table
    notes: tuple[str, ...]  # on the table


def agreement(vocabulary: Vocabulary, labels: str, reports: str, progress: Tick | None = None) -> Agreement:
    """``labels``, ``reports``: as ``read_study_table`` and ``read_texts`` know them. Raises DataError as they do, and
    where no report is of a study of the table."""
    table = read_study_table(labels, vocabulary=vocabulary)
    place = {study: row for row, study in enumerate(table.studies.study)}
    read: dict[int, list[float]] = {}
    strange: list[str] = []
    for study, text in read_texts(reports):
        if (row := place.get(study)) is None:
            strange.append(study)
        else:
            read[row] = _read(parse(text, vocabulary), vocabulary.conditions)
        if progress:
            progress(1)
    if not read:
        raise DataError(
            f"no report of {shown(reports)} is of a study of the table: reports name "
            f"{shown(strange[0] if strange else 'none')!r}, the table "
            f"{shown(table.studies.study.iloc[0])!r}; give the reports of these studies"
        )
    rows = table.studies.iloc[list(read)]
    said, known = np.array(list(read.values())), rows[list(vocabulary.conditions)].to_numpy(float)
    labelled = np.where((known == 0) | (known == 1), known, np.nan)
    values = np.concatenate(
        [
            np.where(said == 1, labelled, np.nan),
            np.where(labelled == 1, said == 1, np.nan),
            np.where(said == 0, 1 - labelled, np.nan),
        ],
        axis=1,
    )
    every = rates(values, rows.patient.tolist())
    count = len(vocabulary.conditions)
    agreed = tuple(Agreed(name, *every[i::count]) for i, name in enumerate(vocabulary.conditions))
    return Agreement(agreed, len(read), len(strange), table.notes)


def _read(mentions: Iterable[Mention], conditions: tuple[str, ...]) -> list[float]:
    """1 present, 0 absent, NaN not said or in doubt."""
    states: dict[str, int] = {}
    for mention in mentions:
        if (state := _SAID.get(mention.state)) is not None:
            states.update({name: max(state, states.get(name, 0)) for name in mention.conditions})
    return [states.get(name, float("nan")) for name in conditions]
