"""What the kinds that build files of data have in common: they go where the recipe says, whole or not at all."""

from pathlib import Path
from typing import ClassVar

from pydantic import field_validator

from nast_core.data.studies import Split
from nast_core.files.gate import as_path
from nast_core.recipe import Recipe, RunError


class BuildRecipe(Recipe):
    """No model, the CPU, and a file that is the result."""

    needs_model: ClassVar = False

    out: Path  # the file to write; what goes with it lies beside it
    device: str = "cpu"
    split: Split | None = None  # of patients

    @field_validator("out")
    @classmethod
    def _from_any_folder(cls, value: Path) -> Path:
        return as_path(value, RunError).absolute()
