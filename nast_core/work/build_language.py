"""Kind ``build-language``: the demo's image tower beside a text tower that knew language before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from nast_core.recipe import Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.building import BuildRecipe

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run


class BuildLanguageRecipe(BuildRecipe):
    """The model ``demo-language``, as 'nast demo build --language': the folder ``out``, replaced where it is there."""

    long_part: ClassVar = "steps"

    kind: Literal["build-language"] = "build-language"
    text_tower: str | None = None  # folder or hub id of a BERT-like encoder; without: all-MiniLM-L6-v2, fetched


def build(recipe: BuildLanguageRecipe, folder: Path, report: Reporter, model: object = None) -> dict[str, float]:
    """Figures on test phantoms: both accuracies, and the gap in points."""
    from nast_core.demo.language import build_language

    figures = build_language(recipe.out, seed=recipe.seed, text_tower=recipe.text_tower, report=report)["mcq"]
    return {name: figures[name]["value"] for name in ("acc_affirmative", "acc_negated", "gap_points")}


def result(run: Run) -> DualEncoder:
    from nast_core.opening import load_model

    return load_model(str(run.recipe.out))  # type: ignore[attr-defined]


BUILD_LANGUAGE = Kind(
    BuildLanguageRecipe, "Build the language demo", "a CLIP whose text tower knew language before", build, result
)
