"""What a writer of options is asked and gives back (the template writer, an LLM). Source: ours.

The builder decides what must be said, a writer says it, and verify.py reads it back: a draft that does not state
exactly its assignments comes back as the same task with ``attempt`` one higher and the complaints, a few times.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from nast_core.vocabulary.model import Vocabulary


def question(vocabulary: Vocabulary) -> str:
    return f"Which statement describes this {vocabulary.examination.name}?"


@dataclass(frozen=True)
class Task:
    """What one item must say. It names no study, patient or image, so that it may be sent to an endpoint."""

    key: (
        str  # the item's id: equal builds (source, seed) ask equal tasks under equal keys, so answers can be kept by it
    )
    conditions: tuple[str, str, str]
    assignments: tuple[tuple[int, int, int], ...]  # four options: 1 present, 0 absent, in the order of conditions
    seed: int
    attempt: int = 0  # 1 and more: earlier drafts were turned down
    complaints: tuple[str, ...] = ()  # what the verification had against the last draft, one short sentence each

    def rng(self) -> np.random.Generator:
        """Equal tasks draw equal wordings, in whatever order they are written; another attempt draws others."""
        return np.random.default_rng([self.seed, self.attempt])


@dataclass(frozen=True)
class Draft:
    """Four options in the order of ``Task.assignments``, said with negations and said affirmatively.

    Cues are not declared: the verification finds them.
    """

    negated: tuple[str, str, str, str]
    affirmative: tuple[str, str, str, str]


@dataclass(frozen=True)
class Unwritten:
    """A task that a writer could not answer; it is asked again, then counted as rejected under ``reason``."""

    reason: str  # a short, countable class such as "endpoint: not JSON"
    said: str = field(default="", compare=False)  # the case at hand: how the answer began, what the endpoint said


class Writer(Protocol):
    """Turns tasks into drafts. What is wrong with a draft is not its business; what it cost is."""

    name: str  # goes into the dataset card: "template", "llm"

    def write(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Draft | Unwritten]]:
        """Every task once, in any order, as soon as it is answered. May work on several at a time, and raises
        NastError only for what would stop every task (no key, endpoint unknown)."""
        ...

    def notes(self) -> dict[str, str]:
        """What the dataset card says of this writer: model, endpoint, tokens, cost. Empty where there is nothing."""
        ...
