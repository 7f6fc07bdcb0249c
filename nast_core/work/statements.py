"""The statements that a recipe means: a file's, or its dataset's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nast_core.claims.evidence import Evidence
    from nast_core.data.studies import Split


class Asked(Protocol):
    """What such a recipe says."""

    @property
    def claims(self) -> Path | None: ...
    @property
    def dataset(self) -> str: ...
    @property
    def split(self) -> Split | None: ...
    @property
    def n(self) -> int: ...
    @property
    def seed(self) -> int: ...


def evidence_of(recipe: Asked) -> Evidence:
    """Raises DataError where there are none."""
    from nast_core.claims.evidence import evidence
    from nast_core.claims.examples import read_claims
    from nast_core.dataset.opened import open_dataset
    from nast_core.vocabulary.beside import vocabulary_of

    if recipe.claims is not None:
        return evidence(read_claims(recipe.claims), recipe.split, vocabulary_of(recipe.claims))
    return open_dataset(recipe.dataset).evidence(recipe.split or "test", recipe.n, recipe.seed)
