"""A labelled study, whatever table it came from, and which split its patient is in."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
HeldOut = Literal["validation", "test"]  # from training
SPLITS: tuple[Split, ...] = get_args(Split)
LEAST_ABSENT, LEAST_PRESENT = 3, 2  # of a study's labels, for it to be eligible (method.md section 5)


@dataclass(frozen=True, slots=True)
class Study:
    """One labelled study; only 1 (present) and 0 (absent) are listed in ``labels``."""

    study_id: str
    patient_id: str
    image: str  # file name under the images folder, or phantom:SEED; empty where the table names none
    labels: dict[str, int] = field(hash=False)
    split: str = ""

    @property
    def eligible(self) -> bool:
        values = list(self.labels.values())
        return values.count(0) >= LEAST_ABSENT and values.count(1) >= LEAST_PRESENT


def split_of(patient_id: str) -> Split:
    """The split of a patient whose table names none: 80, 10 and 10 %, the same on every machine and in every build."""
    share = int.from_bytes(hashlib.sha256(patient_id.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"
