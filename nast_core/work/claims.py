"""Kind ``claims``: are true statements told from what contradicts them?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nast_core.models.precision import with_bf16
from nast_core.recipe import Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.encoding import encoded_images, encoded_texts
from nast_core.work.precision import in_precision
from nast_core.work.results import measured
from nast_core.work.shares import is_main, load, load_as
from nast_core.work.statements import StatementsRecipe, evidence_of

if TYPE_CHECKING:
    from nast_core.models import DualEncoder


class ClaimsRecipe(StatementsRecipe):
    """Claim ranking, negated prompts, retrieval and alignment on claims: summary.json and tables."""

    kind: Literal["claims"] = "claims"


def claims(recipe: ClaimsRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """summary.json and tables. Figures: claim ranking by kind, and the mean negated-prompt AUROC."""
    from nast_core.claims.claim import KINDS
    from nast_core.claims.run import score_claims, texts_of, write_results

    encoder = in_precision(recipe, model or load(recipe), folder, report)
    sample = evidence_of(recipe)
    images = encoded_images(recipe, encoder, sample.images.image, report)
    texts = encoded_texts(recipe, encoder, texts_of(sample), report)
    before = None
    if recipe.base is not None:
        base = with_bf16(load_as(recipe, recipe.base), encoder.in_bf16)
        before = base, encoded_images(recipe, base, images.vectors, report).vectors
    if not is_main():
        return {}
    result = score_claims(
        encoder, sample, images.vectors, texts, images.failed, images.doubts, before=before, seed=recipe.seed
    )
    write_results(result, folder)
    ranking = result.summary["ranking"]
    ranked = {f"{kind}_accuracy": ranking[kind]["all"]["accuracy"]["value"] for kind in KINDS}
    denied = result.summary["negated_prompt_auroc"]
    return ranked | {"negated_prompt_auroc": next(iter(denied.values()))["macro"]["value"] if denied else float("nan")}


CLAIMS = Kind(ClaimsRecipe, "Claims", "claim ranking, negated prompts, retrieval and alignment", claims, measured)
