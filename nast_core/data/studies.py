"""A labelled study, whatever table it came from, and which split its patient is in."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

PHANTOMS = "phantoms"  # the world that is drawn here, as a recipe names its dataset
Split = Literal["train", "validation", "test"]
HeldOut = Literal["validation", "test"]  # from training
SPLITS: tuple[Split, ...] = get_args(Split)
LEAST_ABSENT, LEAST_PRESENT = 3, 2  # of a study's labels, for it to be eligible (method.md section 5)
_ASKED = 3  # conditions of a question
Count = Any  # a number, or an array of them


@dataclass(frozen=True, slots=True)
class Study:
    """One labelled study; only 1 (present) and 0 (absent) are listed in ``labels``."""

    study_id: str
    patient_id: str
    image: str  # file name under the images folder, or phantom:SEED; empty where the table names none
    labels: dict[str, int] = field(hash=False)
    split: str = ""

    def eligible(self, conditions: int) -> bool:
        """Whether a question can be asked of it, of a vocabulary with so many conditions."""
        values = list(self.labels.values())
        return bool(enough(values.count(0), values.count(1), conditions))


def enough(absent: Count, present: Count, conditions: int) -> Count:
    """Whether labels are enough for a question. A vocabulary with hardly more conditions than a question asks for needs
    no more than these."""
    if conditions < LEAST_ABSENT + LEAST_PRESENT:
        return absent + present >= _ASKED
    return (absent >= LEAST_ABSENT) & (present >= LEAST_PRESENT)


def needed_of_a_study(conditions: int) -> str:
    """What makes a study eligible, in words."""
    if conditions < LEAST_ABSENT + LEAST_PRESENT:
        return f"at least {_ASKED} conditions labelled present or absent"
    return f"at least {LEAST_PRESENT} present and {LEAST_ABSENT} absent conditions"


SHARES = (80, 10, 10)  # per cent of patients, in the order of SPLITS


def split_of(patient_id: str, shares: tuple[float, float, float] = SHARES) -> Split:
    """The split of a patient whose table names none, the same on every machine and in every build."""
    place = int.from_bytes(hashlib.sha256(patient_id.encode()).digest()[:4], "big") / 2**32 * sum(shares)
    return "train" if place < shares[0] else "validation" if place < shares[0] + shares[1] else "test"
