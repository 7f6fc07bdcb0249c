"""What a fine-tuning learns by: the terms of the loss, and what each weighs at a step.

To add one, name it in presets.py and write its row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from nast_core.finetune.losses import Targets, alignment_loss, losses, paper_losses
from nast_core.finetune.recipe import FinetuneRecipe

Terms = Mapping[str, Tensor]


@dataclass(frozen=True)
class ObjectiveKind:
    """``terms``: of unit vectors of a batch's texts, what they are compared with, and the logits' scale."""

    terms: Callable[[Tensor, Targets, float], Terms]
    weights: Callable[[FinetuneRecipe, int], dict[str, float]]  # at a step; a term that weighs 0 is left out
    told: Callable[[FinetuneRecipe], str]  # as the model card says it


def _of_claims(recipe: FinetuneRecipe, step: int) -> dict[str, float]:
    """The same-image term joins when captions do: a denial that merely mutes its finding satisfies it, and before
    denials are read it keeps the tower there."""
    return {
        "caption": recipe.caption_weight,
        "same_image": recipe.same_image_weight * (step >= recipe.statement_steps),
        "across_image": recipe.across_image_weight,
        "alignment": recipe.alignment_weight,
    }


def _claims_told(recipe: FinetuneRecipe) -> str:
    joined = (
        f"captions and the same-image term from step {recipe.statement_steps + 1} on."
        if recipe.statement_steps < recipe.steps
        else "no captions and no same-image term."
    )
    return (
        f"{recipe.caption_weight:g} x caption InfoNCE + {recipe.same_image_weight:g} x same image + "
        f"{recipe.across_image_weight:g} x across images + {recipe.alignment_weight:g} x alignment; {joined}"
    )


def _distilled(texts: Tensor, targets: Targets, scale: float) -> Terms:
    return {"distil": alignment_loss(texts[targets.kept], targets.frozen)}


OBJECTIVES: dict[str, ObjectiveKind] = {
    "claims": ObjectiveKind(losses, _of_claims, _claims_told),
    "paper": ObjectiveKind(
        paper_losses,
        lambda recipe, step: {"negated_captions": recipe.balance, "claims": 1 - recipe.balance},
        lambda recipe: (
            f"{recipe.balance:g} x InfoNCE of single denials + {1 - recipe.balance:g} x softmax of the true claim "
            "among claims of an image."
        ),
    ),
    "distil": ObjectiveKind(
        _distilled,
        lambda recipe, step: {"distil": 1.0},
        lambda recipe: (
            f"1 - cosine to the vectors of the base repaired by {recipe.teacher}, which are the base's own where a "
            "text denies nothing."
        ),
    ),
}
