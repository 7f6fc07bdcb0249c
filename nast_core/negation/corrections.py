"""A person's word over the parser's: what a text says of a condition, kept a line a correction. Source: ours.

A correction is of one text as it stands, and of nothing else. Whoever judges a text is handed the corrections that
count; without any the parser alone is asked, as all published figures are.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationInfo, field_validator

from nast_core.errors import DataError
from nast_core.files.held import held
from nast_core.files.jsonl import read_jsonl
from nast_core.files.writing import write_text
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

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
        """Checked where it is read for one vocabulary; the app keeps those of all of them in one file."""
        known = info.context["vocabulary"] if info.context else None
        if known is not None and value not in known:
            raise ValueError(known.unknown(value))
        return value


class Corrections:
    """Corrections by text; of two of one text and condition the later counts."""

    def __init__(self, lines: Iterable[Correction] = ()):
        self._by_text: dict[str, dict[str, State]] = {}
        for line in lines:
            self._by_text.setdefault(line.text, {})[line.condition] = line.state

    def of(self, text: str, vocabulary: Vocabulary | None = None) -> Mapping[str, State]:
        """Condition -> state, of those corrected in a text; with a vocabulary, of its conditions."""
        states = self._by_text.get(as_matched(text), {}) if self._by_text else {}
        if vocabulary is None or all(condition in vocabulary for condition in states):
            return states
        return {condition: state for condition, state in states.items() if condition in vocabulary}

    def lines(self) -> list[Correction]:
        return [
            Correction(text=text, condition=condition, state=state)
            for text, states in self._by_text.items()
            for condition, state in states.items()
        ]

    def __len__(self) -> int:
        return sum(map(len, self._by_text.values()))

    def replaced(self, text: str, states: Mapping[str, State]) -> "Corrections":
        """These, with ``states`` for all that was corrected in a text; none takes it back."""
        others = [line for line in self.lines() if line.text != as_matched(text)]
        return Corrections(
            [*others, *(Correction(text=text, condition=name, state=state) for name, state in states.items())]
        )


NONE = Corrections()


def read_corrections(path: Path, vocabulary: Vocabulary | None = None) -> Corrections:
    """Raises DataError, with the line, for a file that is not there or holds anything else, such as a condition that is not
    of the vocabulary."""
    return _read(path, given(vocabulary))


def _read(path: Path, vocabulary: Vocabulary | None) -> Corrections:
    lines = read_jsonl(
        path,
        lambda value: Correction.model_validate(value, context={"vocabulary": vocabulary}),
        DataError,
        one="a correction",
        many="corrections",
        absent="give the readings.jsonl that the app keeps in its folder of data sets",
        empty="correct a reading in the app first",
        needed='{"text", "condition", "state"}',
    )
    return Corrections(line for _, line in lines)


def kept_corrections(path: Path) -> Corrections:
    """As ``read_corrections``, of a file that may not be there yet, and that holds those of every vocabulary."""
    return _read(path, None) if path.exists() and path.stat().st_size else NONE


def keep(path: Path, text: str, states: Mapping[str, State]) -> Corrections:
    """Puts ``states`` in the place of all that was corrected in ``text``, in the file too; gives what is kept now.

    Without states what the parser reads counts again. Raises DataError where the file cannot be read or written; it is
    then as it was.
    """
    with held(path, _REMEDY):
        new = kept_corrections(path).replaced(text, states)
        write_text(path, "".join(line.model_dump_json() + "\n" for line in new.lines()))
    return new
