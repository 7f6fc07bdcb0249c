"""The statements that a recipe means: a file's, or its dataset's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from nast_core.data.studies import Split
from nast_core.recipe import MOST
from nast_core.work.encoding import EncodingRecipe

if TYPE_CHECKING:
    from nast_core.claims.evidence import Evidence


class StatementsRecipe(EncodingRecipe):
    """A recipe of a kind that looks at a model through statements."""

    files: ClassVar = ("claims",)
    models: ClassVar = ("base",)

    claims: Path | None = None  # without: statements about at most n studies of the dataset's split
    n: int = Field(default=1000, ge=1, le=MOST)
    split: Split | None = None  # without: test, or all of a file that has no test line
    base: str | None = None  # the model before, of one that was fine-tuned


def evidence_of(recipe: StatementsRecipe) -> Evidence:
    """Raises DataError where there are none."""
    from nast_core.claims.evidence import evidence
    from nast_core.claims.examples import read_claims
    from nast_core.dataset.opened import open_dataset
    from nast_core.vocabulary.beside import vocabulary_of

    if recipe.claims is not None:
        return evidence(read_claims(recipe.claims), recipe.split, vocabulary_of(recipe.claims))
    return open_dataset(recipe.dataset).evidence(recipe.split or "test", recipe.n, recipe.seed)
