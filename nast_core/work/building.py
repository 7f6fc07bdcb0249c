"""What the kinds that build files of data have in common: they go where the recipe says, whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from nast_core.claims.manner import Contrasts
from nast_core.data.label_names import OWN, label_names
from nast_core.data.studies import Split
from nast_core.errors import DataError
from nast_core.files.gate import as_path, shown
from nast_core.recipe import Recipe, RunError
from nast_core.vocabulary.names import CHEXPERT

if TYPE_CHECKING:
    from nast_core.claims.manner import Manner
    from nast_core.vocabulary.model import Vocabulary


class BuildRecipe(Recipe):
    """No model, the CPU, and a file that is the result."""

    needs_model: ClassVar = False

    out: Path  # what to write; what goes with a file lies beside it
    device: str = "cpu"

    @field_validator("out")
    @classmethod
    def _from_any_folder(cls, value: Path) -> Path:
        return as_path(value, RunError).absolute()


class WordedRecipe(BuildRecipe):
    """Built in the words of a vocabulary."""

    vocabulary: Path | None = None  # a vocabulary file, or the name of one that comes along; without: CheXpert's 13

    @field_validator("vocabulary")
    @classmethod
    def _none_is_the_13(cls, value: Path | None) -> Path | None:
        return None if value is None or str(value) == CHEXPERT else value

    @property
    def words(self) -> "Vocabulary":
        """Raises VocabularyError for a file that is none."""
        from nast_core.vocabulary.shipped import chest, open_vocabulary

        return chest() if self.vocabulary is None else open_vocabulary(self.vocabulary)


class FileRecipe(WordedRecipe):
    """A file of one split, or of all."""

    split: Split | None = None  # of patients


class SaidRecipe(BaseModel):
    """Of a kind that builds statements: how they are said."""

    cues: str = (
        "all"  # that training lines deny by: own, eight, all (but the held-out ones), or cues with commas between
    )
    contrasts: Contrasts = "on"  # "not on the right" behind a present finding; off; reworded: in no word of denial
    hard_affirmatives: float = Field(default=0.0, ge=0, le=1)  # of affirmations, as "evidence of", which cues have too
    pseudo_negations: int = Field(default=0, ge=0, le=1000)  # different ones among affirmations: "no change in"

    @model_validator(mode="after")
    def _can_be_said(self) -> Self:
        if "cues" in self.model_fields_set or self.pseudo_negations:  # the grammar is not read for nothing
            try:
                _ = self.manner
            except DataError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def manner(self) -> "Manner":
        from nast_core.claims.cue_sets import manner_of

        return manner_of(
            self.cues, contrasts=self.contrasts, hard=self.hard_affirmatives, unmoved=self.pseudo_negations
        )


class LabelledRecipe(WordedRecipe):
    """Built from a table of labels."""

    labels: str  # phantom, chexpert, nih, padchest, mimic, or table for a CSV of one's own
    table: Path | None = None  # the file of labels; without: what comes with torchxrayvision

    @model_validator(mode="after")
    def _table_given(self) -> Self:
        from nast_core.data.label_words import by_path  # which reads the table of labels

        if self.table is None and by_path(self.labels):
            raise ValueError(f"labels from {shown(self.labels)!r} are a file; give it as table")
        return self

    @property
    def labels_spec(self) -> str:
        """As read_labels takes it."""
        if self.table is None:
            return self.labels
        return str(self.table) if self.labels == OWN else f"{self.labels}:{self.table}"


def label_fields(spec: str) -> dict[str, str]:
    """``labels`` and ``table`` of a recipe, from what a command takes as --labels: NAME, NAME:FILE or FILE."""
    name, _, file = spec.partition(":")
    if spec in label_names():
        return {"labels": spec}
    return {"labels": name, "table": file} if file and name in label_names() else {"labels": OWN, "table": spec}
