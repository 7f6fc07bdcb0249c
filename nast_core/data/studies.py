"""A labelled study, whatever table it came from, and which split its patient is in."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal, get_args

PHANTOMS = "phantoms"  # the world that is drawn here, as a recipe names its dataset
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


SHARES = (80, 10, 10)  # per cent of patients, in the order of SPLITS


def split_of(patient_id: str, shares: tuple[float, float, float] = SHARES) -> Split:
    """The split of a patient whose table names none, the same on every machine and in every build."""
    place = int.from_bytes(hashlib.sha256(patient_id.encode()).digest()[:4], "big") / 2**32 * sum(shares)
    return "train" if place < shares[0] else "validation" if place < shares[0] + shares[1] else "test"
