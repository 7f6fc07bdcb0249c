"""What is known of a dataset's studies, in words: from their reports, or from their labels alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from nast_core.claims.claim import Claim
from nast_core.claims.sources import read_source
from nast_core.claims.study import Study
from nast_core.data.studies import SPLITS
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.vocabulary.model import Vocabulary

if TYPE_CHECKING:
    from nast_core.dataset.build import Step


class Asked(Protocol):
    """Of an order: how many, and drawn how."""

    @property
    def studies(self) -> int: ...

    @property
    def seed(self) -> int: ...

    @property
    def vocabulary(self) -> Vocabulary: ...


@dataclass
class Spoken:
    """Studies and what is known of them, and what was left out or disagreed on the way."""

    studies: list[Study]
    counts: dict[str, int] = field(default_factory=dict)
    notes: Counter = field(default_factory=Counter)
    disagreements: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Condition -> studies that the labels say have it and the report denies it, and the other way round."""


def from_labels(studies: pd.DataFrame, asked: Asked) -> Spoken:
    """Presence and absence, as the labels have them."""
    drawn = _drawn(studies, asked)
    return Spoken(
        [
            Study(
                study_id=row["study"],
                patient_id=row["patient"],
                claims=tuple(
                    Claim(finding=name, polarity="present" if row[name] else "absent")
                    for name in asked.vocabulary.conditions
                    if row[name] in (0, 1)
                ),
                image=row["image"],
                split=row["split"],
            )
            for row in drawn.to_dict("records")
        ]
    )


def from_reports(studies: pd.DataFrame, reports: str, asked: Asked, step: Step) -> Spoken:
    """What the reports say of studies of the table, told by study id; where labels say otherwise, that is counted."""

    def tell(done: int, total: int) -> None:
        step(done, total, "Reading reports")

    source = read_source(reports, progress=tell, vocabulary=asked.vocabulary)
    told = {study.study_id: study for study in source.studies}
    with_report = studies[studies.study.isin(list(told))]
    if not len(with_report):
        raise DataError(
            f"no report of {shown(reports)} is of a study of the table: reports name "
            f"{shown(next(iter(told), 'none'))!r}, the table {shown(studies.study.iloc[0])!r}; give the reports of "
            "these studies"
        )
    conditions = asked.vocabulary.conditions
    disagreements = {name: pair for name in conditions if sum(pair := _disagreeing(with_report, told, name))}
    counts = {
        "reports": len(source.studies),
        "reports_without_study": len(told) - len(with_report),
        "studies_without_report": len(studies) - len(with_report),
        "labels_against_reports": sum(map(sum, disagreements.values())),
    }
    drawn = _drawn(with_report, asked)
    spoken = [
        Study(row.study, row.patient, told[row.study].claims, row.image, row.split)
        for row in drawn[["study", "patient", "image", "split"]].itertuples()
    ]
    return Spoken(spoken, counts, Counter(source.notes), disagreements)


def _disagreeing(studies: pd.DataFrame, told: dict[str, Study], condition: str) -> tuple[int, int]:
    denied = stated = 0
    for study, state in zip(studies.study, studies[condition], strict=True):
        of = [claim for claim in told[study].claims if claim.finding == condition]
        whole = [claim for claim in of if not (claim.laterality or claim.zone or claim.severity)]
        denied += state == 1 and any(claim.polarity == "absent" for claim in whole)
        stated += state == 0 and any(claim.polarity == "present" for claim in of)
    return denied, stated


def _drawn(studies: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """At most so many of each split, in the table's order."""
    parts = [studies[studies.split == split] for split in SPLITS]
    some = [
        part.sample(asked.studies, random_state=asked.seed).sort_index() if len(part) > asked.studies else part
        for part in parts
    ]
    return pd.concat(some)
