"""How long a fine-tune will take: what its parts cost, times how much of each there is."""

import math
from dataclasses import dataclass

from nast_core.finetune.arms import ARMS
from nast_core.finetune.recipe import FinetuneRecipe


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds on the machine at hand. Texts are counted in tokens, as ``TextEncoder.cost`` has it."""

    start: float  # until the model is there: process, libraries, weights
    read: float  # the files of statements and questions
    images: float  # encoding the images whose vectors are not kept
    draw: float  # choosing one batch's texts
    learn: float  # a token: forward, loss and backward
    update: float  # the optimizer's step
    encode: float  # a token, without gradients
    save: float  # a checkpoint


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """Tokens of the texts that a fine-tune reads, and counts of them."""

    alone: float  # of a step on statements alone
    together: float  # of a step with captions
    panel: float  # of all texts that a validation scores
    panel_kept: float  # of those that the frozen encoder reads too
    watched: float  # of the validation batches, all together
    watched_batches: int
    kept_alone: float  # texts of a step that the frozen encoder reads too
    kept_together: float
    kept_watched: float  # of all validation batches
    kept_studies: float  # of all training studies: the same text is read once
    kept_text: float  # tokens of one


def steps_of(recipe: FinetuneRecipe) -> tuple[int, int]:
    """Steps on statements alone, and with captions."""
    steps = recipe.steps if ARMS[recipe.arm].trains else 0
    alone = min(recipe.statement_steps, steps)
    return alone, steps - alone


def seconds_of(recipe: FinetuneRecipe, costs: Costs, amounts: Amounts) -> float:
    """From the press of the button to the end, in one process; where ``patience`` may end it sooner, at most."""
    alone, together = steps_of(recipe)
    steps, looks = alone + together, recipe.validations
    learning = costs.learn * (alone * amounts.alone + together * amounts.together) + costs.update * steps
    looking = costs.encode * ((looks + 2) * amounts.panel + looks * amounts.watched)  # also before and after
    drawing = costs.draw * (2 * steps + (looks + 1) * amounts.watched_batches)  # once more to find the frozen texts
    drawn = alone * amounts.kept_alone + together * amounts.kept_together
    studies = _distinct(drawn, amounts.kept_studies) + amounts.kept_watched
    frozen = costs.encode * (studies * amounts.kept_text + amounts.panel_kept)
    saving = costs.save * (math.ceil(steps / recipe.checkpoint_every) + 1)
    return costs.start + costs.read + costs.images + learning + looking + drawing + frozen + saving


def _distinct(draws: float, of: float) -> float:
    """How many of so many things so many draws are likely to meet."""
    return of * (1 - math.exp(-draws / of)) if of else 0.0
