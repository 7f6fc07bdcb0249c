"""The words for a finding: present, denied, or absent said affirmatively. Source: ours.

Phrases are data (phrases.yaml). Cues of denial are data too, each with the seeded choice of a cue left to
the caller, so that a cue can be held out of every training text.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nast_core.files.documents import packaged

CHEXPERT_CONDITIONS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 13 CheXpert conditions without No Finding (method.md section 5)."""


class Noun(NamedTuple):
    article: str
    text: str
    verb: str

    @property
    def phrase(self) -> str:
        return f"{self.article} {self.text}".strip()


@dataclass(frozen=True)
class Vocabulary:
    """How one condition is spoken of."""

    nouns: tuple[Noun, ...]
    normal: tuple[str, ...]
    grade: tuple[str, ...]


@dataclass(frozen=True)
class Denial:
    """One way to deny a noun. ``template`` takes {noun}, {is} (its verb); ``cue`` is the negator in it."""

    cue: str
    template: str


DENIALS: tuple[Denial, ...] = (
    Denial("no", "no {noun}"),
    Denial("no", "there {is} no {noun}"),
    Denial("without", "without {noun}"),
    Denial("no evidence of", "no evidence of {noun}"),
    Denial("no sign of", "no sign of {noun}"),
    Denial("absence of", "absence of {noun}"),
    Denial("absent", "{noun} {is} absent"),
    Denial("not seen", "{noun} {is} not seen"),
    Denial("free of", "free of {noun}"),
    Denial("negative for", "negative for {noun}"),
)
HELD_OUT_CUES: frozenset[str] = frozenset({"absent", "free of", "not seen", "negative for"})
"""Cues kept out of every training text, so that unseen wording can be scored apart."""
SEEN_DENIALS = tuple(denial for denial in DENIALS if denial.cue not in HELD_OUT_CUES)
UNSEEN_DENIALS = tuple(denial for denial in DENIALS if denial.cue in HELD_OUT_CUES)

FRAMES: tuple[str, ...] = (
    "{}.",
    "findings: {}.",
    "impression: {}.",
    "chest radiograph: {}.",
    "frontal view. {}.",
    "the report reads: {}.",
)
JOINS: tuple[str, ...] = (". ", "; ", ", ")
"""Sentence frames, and what stands between the statements in one."""


def sentence_case(text: str) -> str:
    """Every sentence with a capital; the tokenizers of most medical CLIPs fold case."""
    return re.sub(r"(^|\. )([a-z])", lambda match: match.group(1) + match.group(2).upper(), text)


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, Vocabulary]:
    """Condition -> its words, for all 13 CheXpert conditions."""
    raw = packaged("nast_core.negation", "phrases.yaml")
    return {
        name: Vocabulary(tuple(Noun(*noun) for noun in entry["nouns"]), tuple(entry["normal"]), tuple(entry["grade"]))
        for name, entry in raw.items()
    }
