"""Building MedNega-CXR items from label tables (method.md section 5).

The design leaves nothing to guess from labels: four distinct assignments to three conditions are drawn
uniformly, then which of them is true, then a study of which it is. Four of which any has no study at all are
drawn anew. So, given the options, every one is as likely to be right as any other, whatever the prevalence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Int

from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.writer import QUESTION, choose_frame, choose_wording, write_option
from nast_core.errors import BenchmarkError

ASSIGNMENTS: tuple[tuple[int, ...], ...] = tuple(product((0, 1), repeat=3))
LEAST_ABSENT, LEAST_PRESENT = 3, 2  # of a study's labels, for it to be eligible
_TRIES = 200


@dataclass(frozen=True)
class Study:
    """One labelled study; only 1 (present) and 0 (absent) are listed in ``labels``."""

    study_id: str
    patient_id: str
    image: str
    labels: dict[str, int]

    @property
    def eligible(self) -> bool:
        values = list(self.labels.values())
        return values.count(0) >= LEAST_ABSENT and values.count(1) >= LEAST_PRESENT


def build_items(studies: Sequence[Study], count: int, *, seed: int = 0) -> list[Item]:
    """``count`` items, reproducible from ``seed``; studies are drawn with as little repetition as the design allows.

    Raises BenchmarkError where fewer than 10 studies are eligible, or labels cannot fill the design.
    """
    rng = np.random.default_rng(seed)
    eligible = [study for study in studies if study.eligible]
    if len(eligible) < 10:
        raise BenchmarkError(
            f"{len(eligible)} of {len(studies)} studies are eligible (at least {LEAST_PRESENT} present and {LEAST_ABSENT} "
            "absent conditions); at least 10 are needed: give a larger label table"
        )
    index = _Index(eligible, rng)
    return [_item(f"item-{seed}-{number}", index, rng) for number in range(count)]


class _Index:
    """Finds a study for given labels, least used first."""

    def __init__(self, studies: Sequence[Study], rng: np.random.Generator):
        self.studies = studies
        self.conditions = sorted({condition for study in studies for condition in study.labels})
        column = {condition: i for i, condition in enumerate(self.conditions)}
        self.table = np.full((len(studies), len(self.conditions)), -1, np.int8)
        for row, study in enumerate(studies):
            for condition, value in study.labels.items():
                self.table[row, column[condition]] = value
        self.used = rng.random(len(studies)) * 0.5  # ties between unused studies fall at random

    def fitting(self, columns: Int[np.ndarray, " condition"], wanted: Sequence[int]) -> Int[np.ndarray, " study"]:
        return np.flatnonzero((self.table[:, columns] == np.array(wanted, np.int8)).all(1))

    def take(self, fits: Int[np.ndarray, " study"]) -> Study:
        chosen = fits[self.used[fits].argmin()]
        self.used[chosen] += 1
        return self.studies[chosen]


def _item(item_id: str, index: _Index, rng: np.random.Generator) -> Item:
    for _ in range(_TRIES):
        columns = rng.permutation(len(index.conditions))[:3]
        options = [ASSIGNMENTS[i] for i in rng.permutation(len(ASSIGNMENTS))[:4]]
        answer = int(rng.integers(4))
        fits = [index.fitting(columns, option) for option in options]
        if all(map(len, fits)):  # asking it of the answer alone would make common assignments right more often
            return _write(
                item_id, index.take(fits[answer]), [index.conditions[i] for i in columns], options, answer, rng
            )
    raise BenchmarkError(
        f"no study has the labels that the design asks for ({_TRIES} draws tried); the table's conditions are too rare "
        "or hardly ever labelled together: give more studies"
    )


def _write(item_id, study: Study, conditions, options, answer: int, rng: np.random.Generator) -> Item:
    wordings = [choose_wording(condition, rng) for condition in conditions]
    frame = choose_frame(rng)
    return Item.model_validate(
        {
            "item_id": item_id,
            "patient_id": study.patient_id,
            "study_id": study.study_id,
            "image": study.image,
            "question": QUESTION,
            "conditions": conditions,
            "assignments": options,
            "cues": [wording.cue for wording in wordings],
            "negated": [write_option(wordings, option, frame, negated=True) for option in options],
            "affirmative": [write_option(wordings, option, frame, negated=False) for option in options],
            "answer": LETTERS[answer],
        }
    )
