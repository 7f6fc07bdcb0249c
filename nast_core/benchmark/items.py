"""Benchmark items: one paired multiple-choice question a line (method.md section 5)."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.files.jsonl import read_jsonl
from nast_core.files.writing import write_text
from nast_core.negation.corrections import Correction
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.reviewed import all_reviewed

Letter = Literal["A", "B", "C", "D"]
LETTERS: tuple[Letter, ...] = ("A", "B", "C", "D")


class Item(BaseModel):
    """The same four options said with negations and said affirmatively; one option is true of the image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    patient_id: str
    study_id: str
    image: str  # file name under the images folder, or phantom:SEED; empty where the label table names none
    question: str
    conditions: tuple[str, str, str]
    assignments: tuple[tuple[int, int, int], ...]  # per option: 1 present, 0 absent, in the order of conditions
    cues: tuple[str, str, str]  # the cue that denies each condition, in the right option where that denies it
    negated: tuple[str, str, str, str]
    affirmative: tuple[str, str, str, str]
    answer: Letter
    source: str = ""  # label source: chexpert, mimic, nih, padchest, table, phantom
    split: str = ""  # of the patient: train, validation, test
    corrected: tuple[Correction, ...] = Field(
        default=(), exclude_if=lambda corrections: not corrections
    )  # what a person reads in its options otherwise than the parser; written only where there is any
    mappings_reviewed: bool = Field(
        default=False, exclude_if=lambda reviewed: not reviewed
    )  # readers found every equivalent in its options right, as its vocabulary said then; written only where it is so

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len(self.assignments) != 4 or len(set(self.assignments)) != 4:
            raise ValueError("needs four options with four different assignments")
        if any(state not in (0, 1) for option in self.assignments for state in option):
            raise ValueError("has a state other than 1 (present) and 0 (absent)")
        if len(set(self.conditions)) != 3:
            raise ValueError("names a condition twice")
        for form in (self.negated, self.affirmative):
            if any(not text.strip() for text in form):
                raise ValueError("has an empty option")
            if len(set(form)) != 4:
                raise ValueError("has two equal options")
        return self

    @property
    def answer_index(self) -> int:
        return LETTERS.index(self.answer)

    @property
    def negations(self) -> int:
        """Number of absent conditions, each said with a negation, in the right option."""
        return self.assignments[self.answer_index].count(0)


def with_reviews(item: Item, vocabulary: Vocabulary) -> Item:
    """The item, which says whether all its mappings were reviewed."""
    said = (
        (text, [name for name, state in zip(item.conditions, states, strict=True) if not state])
        for text, states in zip(item.affirmative, item.assignments, strict=True)
    )
    return item.model_copy(update={"mappings_reviewed": all_reviewed(said, vocabulary)})


def read_items(path: Path) -> list[Item]:
    """Items of a JSONL file. Raises BenchmarkError with the line and what is wrong with it."""
    remedy = "with 'nast benchmark build'"
    lines = read_jsonl(
        path,
        Item.model_validate,
        BenchmarkError,
        one="an item",
        many="items",
        absent=f"make one {remedy}",
        empty=f"make some {remedy}",
    )
    items: list[Item] = []
    seen: set[str] = set()
    for number, item in lines:
        if item.item_id in seen:
            raise BenchmarkError(
                f"{path}, line {number}: the item_id {shown(item.item_id)!r} was there before; give each its own"
            )
        seen.add(item.item_id)
        items.append(item)
    return items


def write_items(items: list[Item], path: Path) -> None:
    """One item a line, written whole or not at all."""
    write_text(path, "".join(item.model_dump_json() + "\n" for item in items))
