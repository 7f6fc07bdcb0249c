"""The template writer: an option in words, with negations or with affirmative equivalents. Source: ours.

Within an item a condition is worded one way when present, one way when denied and one way when said to be
normal, in one frame: options differ in what they claim, and the two forms differ only at the negated phrases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nast_core.negation.phrases import DENIALS, FRAMES, JOINS, Denial, sentence_case, vocabulary

_PRESENT = ("{phrase}", "there {is} {phrase}", "{noun} {is} present", "{noun} {is} seen")
QUESTION = "Which statement describes this chest radiograph?"


@dataclass(frozen=True)
class Wording:
    """How one condition is said throughout an item."""

    present: str
    denied: str
    normal: str
    cue: str


def choose_wording(condition: str, rng: np.random.Generator, denials: Sequence[Denial] = DENIALS) -> Wording:
    words = vocabulary()[condition]
    noun = words.nouns[rng.integers(len(words.nouns))]
    denial = denials[int(rng.integers(len(denials)))]
    fill = {"noun": noun.text, "phrase": noun.phrase, "is": noun.verb}
    return Wording(
        present=_PRESENT[rng.integers(len(_PRESENT))].format(**fill),
        denied=denial.template.format(**fill),
        normal=words.normal[rng.integers(len(words.normal))],
        cue=denial.cue,
    )


@dataclass(frozen=True)
class Frame:
    """What surrounds and joins the statements of an option."""

    sentence: str
    join: str

    def write(self, statements: Sequence[str]) -> str:
        return sentence_case(self.sentence.format(self.join.join(statements)))


def choose_frame(rng: np.random.Generator) -> Frame:
    return Frame(FRAMES[rng.integers(len(FRAMES))], JOINS[rng.integers(len(JOINS))])


def write_option(wordings: Sequence[Wording], assignment: Sequence[int], frame: Frame, *, negated: bool) -> str:
    """One option: each condition said to be present, or absent in the form asked for."""
    return frame.write(
        [
            wording.present if present else wording.denied if negated else wording.normal
            for wording, present in zip(wordings, assignment, strict=True)
        ]
    )
