"""Claims, statements, and the file they are kept in: one example a line (method.md section 6)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from nast_core.data.studies import Split
from nast_core.vocabulary.model import Vocabulary, Zone

Polarity = Literal["present", "absent"]
Kind = Literal["polarity", "location", "severity"]
Laterality = Literal["left", "right", "bilateral"]
Severity = Literal["mild", "moderate", "severe"]
KINDS: tuple[Kind, ...] = ("polarity", "location", "severity")


class Claim(BaseModel):
    """What one sentence says about one finding. Attributes are None where it says nothing of them.

    An absent claim with attributes denies the finding with them only: "no large effusion" leaves a small one open.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    finding: str  # a condition of the vocabulary
    polarity: Polarity
    laterality: Laterality | None = None
    zone: Zone | None = None
    severity: Severity | None = None
    only: bool = False  # present there and nowhere else, in that grade and no other: "on the right, not the left"
    sentence: str = ""  # the source sentence
    span: tuple[int, int] | None = None  # characters of the finding in it

    @field_validator("finding")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        """Checked where a file is read; what is made here is made of a vocabulary."""
        vocabulary: Vocabulary | None = info.context["vocabulary"] if info.context else None
        if vocabulary is not None and value not in vocabulary:
            raise ValueError(vocabulary.unknown(value))
        return value

    @property
    def meaning(self) -> "Claim":
        """The claim without its source: claims that mean the same are equal."""
        return self.model_copy(update={"sentence": "", "span": None})


class Contradiction(BaseModel):
    """A statement that is false of the image in exactly one attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    kind: Kind
    cue: str | None = None  # the negation cue in the text, None where it has none
    claim: Claim | None = None  # what the text says, where that is on record


class Example(BaseModel):
    """A true statement of one claim of a study, and statements that contradict it. A line of claims.jsonl."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_id: str
    patient_id: str
    image: str | None = None  # file name under the images folder, or phantom:SEED
    split: Split = "train"
    claim: Claim  # what ``text`` says, no more and no less
    text: str  # the true statement
    cue: str | None = None  # the negation cue in it
    contradictions: tuple[Contradiction, ...]
