"""A person's word over the parser's: what a text says of a condition, kept a line a correction. Source: ours.

A correction is of one text as it stands, and of nothing else. Whoever judges a text is handed the corrections that
count; without any the parser alone is asked, as all published figures are.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from nast_core.errors import DataError
from nast_core.files.held import held
from nast_core.files.jsonl import read_jsonl
from nast_core.files.writing import write_text
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.names import CHEXPERT
from nast_core.vocabulary.shipped import chest

FILE = "readings.jsonl"  # in the folder of data sets
State = Literal["present", "absent", "uncertain", "not said"]
STATES: tuple[State, ...] = get_args(State)
_REMEDY = "choose another folder of data sets (NAST_DATA)"


def as_matched(text: str) -> str:
    """A text as corrections know it: line breaks and runs of spaces are one space."""
    return " ".join(text.split())


class Correction(BaseModel):
    """A line of readings.jsonl: the text, one condition, and what the text says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, StringConstraints(max_length=200_000)]
    vocabulary: Annotated[str, StringConstraints(max_length=200)] = Field(
        default="", exclude_if=lambda name: not name
    )  # the name of the condition's; empty for CheXpert's 13
    condition: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    state: State

    @field_validator("text")
    @classmethod
    def _said(cls, value: str) -> str:
        if not (text := as_matched(value)):
            raise ValueError("is empty")
        return text

    @field_validator("condition")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        """Of another vocabulary than the 13 only the file's reader knows the conditions."""
        if not info.data.get("vocabulary") and value not in chest():
            raise ValueError(chest().unknown(value))
        return value


def named(vocabulary: Vocabulary | None) -> str:
    """As a line names it."""
    return "" if vocabulary is None or vocabulary.name == CHEXPERT else vocabulary.name


class Corrections:
    """Corrections by text; of two of one text and condition the later counts."""

    def __init__(self, lines: Iterable[Correction] = ()):
        self._by_text: dict[str, dict[tuple[str, str], State]] = {}  # text -> (vocabulary, condition) -> state
        for line in lines:
            self._by_text.setdefault(line.text, {})[line.vocabulary, line.condition] = line.state

    def of(self, text: str, vocabulary: Vocabulary | None = None) -> Mapping[str, State]:
        """Condition -> state, of those corrected in a text; of CheXpert's 13 without a vocabulary."""
        states = self._by_text.get(as_matched(text), {}) if self._by_text else {}
        if not states:
            return {}
        own = named(vocabulary)
        return {
            condition: state
            for (name, condition), state in states.items()
            if name == own and (vocabulary is None or condition in vocabulary)
        }

    def lines(self) -> list[Correction]:
        return [
            Correction(text=text, vocabulary=name, condition=condition, state=state)
            for text, states in self._by_text.items()
            for (name, condition), state in states.items()
        ]

    def __len__(self) -> int:
        return sum(map(len, self._by_text.values()))

    def replaced(self, text: str, states: Mapping[str, State], vocabulary: Vocabulary | None = None) -> "Corrections":
        """These, with ``states`` for all that was corrected in a text of a vocabulary's conditions;
        none takes it back."""
        own, matched = named(vocabulary), as_matched(text)
        others = [line for line in self.lines() if (line.text, line.vocabulary) != (matched, own)]
        new = (Correction(text=text, vocabulary=own, condition=name, state=state) for name, state in states.items())
        return Corrections([*others, *new])


NONE = Corrections()


def read_corrections(path: Path) -> Corrections:
    """Raises DataError, with the line, for a file that is not there or holds anything else."""
    lines = read_jsonl(
        path,
        Correction.model_validate,
        DataError,
        one="a correction",
        many="corrections",
        absent="give the readings.jsonl that the app keeps in its folder of data sets",
        empty="correct a reading in the app first",
        needed='{"text", "condition", "state"}',
    )
    return Corrections(line for _, line in lines)


def kept_corrections(path: Path) -> Corrections:
    """As ``read_corrections``, of a file that may not be there yet."""
    return read_corrections(path) if path.exists() and path.stat().st_size else NONE


def keep(path: Path, text: str, states: Mapping[str, State], vocabulary: Vocabulary | None = None) -> Corrections:
    """Puts ``states`` in the place of all that was corrected in ``text``, in the file too; gives what is kept now.

    Without states what the parser reads counts again. Raises DataError where the file cannot be read or written; it is
    then as it was.
    """
    with held(path, _REMEDY):
        new = kept_corrections(path).replaced(text, states, vocabulary)
        write_text(path, "".join(line.model_dump_json() + "\n" for line in new.lines()))
    return new
