"""Claims, statements, and the file they are kept in: one example a line (method.md section 6)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Polarity = Literal["present", "absent"]
Kind = Literal["polarity", "location", "severity"]
Laterality = Literal["left", "right", "bilateral"]
Zone = Literal["upper", "mid", "lower"]
Severity = Literal["mild", "moderate", "severe"]


class Claim(BaseModel):
    """What one sentence says about one finding. Attributes are None where it says nothing of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: str  # a CheXpert condition
    polarity: Polarity
    laterality: Laterality | None = None
    zone: Zone | None = None
    severity: Severity | None = None
    sentence: str = ""  # the source sentence
    span: tuple[int, int] | None = None  # characters of the finding in it


class Contradiction(BaseModel):
    """A statement that is false of the image in exactly one attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    kind: Kind
    cue: str | None = None  # the negation cue in the text, None where it has none


class Example(BaseModel):
    """A true statement of one claim of a study, and statements that contradict it. A line of claims.jsonl."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_id: str
    patient_id: str
    image: str | None = None  # file name under the images folder, or phantom:SEED
    split: Literal["train", "validation", "test"] = "train"
    claim: Claim
    text: str  # the true statement
    cue: str | None = None  # the negation cue in it
    contradictions: tuple[Contradiction, ...]
