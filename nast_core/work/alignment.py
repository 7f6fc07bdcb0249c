"""Kind ``alignment``: what a model knows apart from negation, alone or since it was tuned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nast_core.models.precision import with_bf16
from nast_core.recipe import Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.encoding import Images, encoded_images, encoded_texts
from nast_core.work.precision import in_precision
from nast_core.work.results import measured
from nast_core.work.shares import is_main, load, load_as
from nast_core.work.statements import StatementsRecipe, evidence_of

if TYPE_CHECKING:
    from nast_core.claims.alignment import Alignment
    from nast_core.claims.evidence import Evidence
    from nast_core.models import DualEncoder


class AlignmentRecipe(StatementsRecipe):
    """What a model knows apart from negation, alone or against the model it was tuned from: summary.json and a
    table."""

    kind: Literal["alignment"] = "alignment"


def alignment(
    recipe: AlignmentRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None
) -> dict[str, float]:
    """summary.json and retrieval.parquet. Figures: macro zero-shot AUROC, affirmative mAP, and what changed since
    base."""
    from nast_core.claims.alignment import compare_alignment
    from nast_core.files.parquet import write_parquet
    from nast_core.files.writing import whole_folder, write_json
    from nast_core.models.provenance import provenance

    encoder = in_precision(recipe, model or load(recipe), folder, report)
    sample = evidence_of(recipe)
    after, images = _aligned(encoder, sample, recipe, report)
    summary = after.summary(seed=recipe.seed)
    figures = {
        "zero_shot_auroc": summary["zero_shot_auroc"]["macro"]["value"],
        "affirmative_map": summary["affirmative_retrieval"]["mAP"]["value"],
    }
    if recipe.base is not None:
        base = with_bf16(load_as(recipe, recipe.base), encoder.in_bf16)
        before, _ = _aligned(base, sample, recipe, report)
        summary = compare_alignment(before, after, seed=recipe.seed) | {"base": provenance(base, "alignment")}
        change = summary["difference"]
        figures["zero_shot_auroc_change"] = change["zero_shot_auroc"]["macro"]["value"]
        figures["affirmative_map_change"] = change["affirmative_retrieval"]["mAP"]["value"]
        figures["text_cosine"] = summary["text_cosine"]["value"]
    if is_main():
        summary |= {"unreadable": images.failed, "doubtful": images.doubts}
        summary["provenance"] = provenance(encoder, "alignment")
        with whole_folder(folder, ["retrieval.parquet", "summary.json"]) as temporary:
            write_parquet(temporary / "retrieval.parquet", after.retrieval, index=False)
            write_json(temporary / "summary.json", summary)
    return figures


def _aligned(
    model: DualEncoder, sample: Evidence, recipe: AlignmentRecipe, report: Reporter
) -> tuple[Alignment, Images]:
    from nast_core.claims.alignment import measure_alignment
    from nast_core.claims.evidence import without
    from nast_core.claims.ranking import statement_texts

    images = encoded_images(recipe, model, sample.images.image, report)
    texts = encoded_texts(recipe, model, statement_texts(sample.examples), report)
    readable = without(sample, set(images.failed))
    return measure_alignment(model, readable, images.vectors, texts=texts, seed=recipe.seed), images


ALIGNMENT = Kind(AlignmentRecipe, "Alignment", "zero-shot AUROC and affirmative retrieval", alignment, measured)
