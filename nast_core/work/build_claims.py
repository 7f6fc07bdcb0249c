"""Kind ``build-claims``: true statements and their contradictions from a source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nast_core.claims.source_names import BY_PATH, SourceName
from nast_core.recipe import MOST, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.building import FileRecipe, SaidRecipe

if TYPE_CHECKING:
    from nast_core.claims.claim import Example
    from nast_core.runs.store import Run


class BuildClaimsRecipe(FileRecipe, SaidRecipe):
    """Claims and their contradictions from a source, as 'nast claims build': claims and card at ``out``."""

    files: ClassVar = ("reports", "vocabulary")
    folders: ClassVar = ("reports",)

    kind: Literal["build-claims"] = "build-claims"
    source: SourceName = "phantom"
    reports: Path | None = (
        None  # MIMIC-CXR's folder, Open-i's XML, PadChest's table or a CSV; without: the source's own
    )
    n: int | None = Field(default=None, ge=1, le=MOST)  # at most that many studies
    balanced: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.source == BY_PATH) != (self.reports is not None):
            raise ValueError("reports of one's own are a path; give source: reports, and the path as reports")
        return self

    @property
    def source_spec(self) -> str:
        """As read_source takes it."""
        return str(self.reports) if self.reports else self.source


def build_claims(recipe: BuildClaimsRecipe, folder: Path, report: Reporter, model: object = None) -> dict[str, float]:
    """Figures: statements, and what wording alone ranks rightly, by kind."""
    from nast_core.claims import dataset

    result = dataset.build_claims(
        recipe.source_spec,
        recipe.out,
        split=recipe.split,
        n=recipe.n,
        seed=recipe.seed,
        balanced=recipe.balanced,
        progress=lambda done, total: report.progress(done, total, "reports"),
        vocabulary=recipe.words,
        manner=recipe.manner,
    )
    guessed = {f"guessed_{kind}": rate.value for kind, rate in result.guessed.items()}
    return {"statements": len(result.built.examples), "skipped": len(result.source.skipped), **guessed}


def result(run: Run) -> list[Example]:
    from nast_core.claims.examples import read_claims

    return read_claims(run.recipe.out)  # type: ignore[attr-defined]


BUILD_CLAIMS = Kind(BuildClaimsRecipe, "Build claims", "claims and their card", build_claims, result)
