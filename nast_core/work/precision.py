"""What a run computes in: decided once, noted in its folder, and the same when it goes on and in all of its
processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from nast_core.errors import DataError
from nast_core.files.documents import read_json
from nast_core.files.writing import write_json
from nast_core.models.precision import COMPUTED, PARTS, Choice, Part, choose_for, with_bf16
from nast_core.recipe import Recipe, Reporter
from nast_core.work.shares import alone, is_main

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

FILE = "precision.json"
_CHOICES = TypeAdapter(dict[str, Choice])


def in_precision(
    recipe: Recipe, model: DualEncoder, folder: Path, report: Reporter, parts: Sequence[Part] = PARTS
) -> DualEncoder:
    """The model as the recipe's vectors of ``parts`` are to be made by it. Raises ModelError as ``choose`` does."""
    decided = settled(
        recipe, folder, report, lambda: {part: choose_for(model, recipe.precision, part) for part in parts}
    )
    return with_bf16(model, [part for part in parts if part in decided and decided[part].bf16])


def settled(
    recipe: Recipe, folder: Path, report: Reporter, decide: Callable[[], Mapping[str, Choice]]
) -> Mapping[str, Choice]:
    """What was decided for this run before, or is now, by part of the work; nothing for a recipe in float32."""
    if recipe.precision not in COMPUTED:
        return {}
    if before := noted(folder):
        return before
    decided = decide()  # by every process, each as busy as it will be; the main one's counts
    if not alone():
        from accelerate import PartialState
        from accelerate.utils import broadcast_object_list

        PartialState()
        decided = broadcast_object_list([dict(decided)])[0]
    if is_main():
        write_json(folder / FILE, {part: choice._asdict() for part, choice in decided.items()})
        report.say(said(decided))
    return decided


def noted(folder: Path) -> dict[str, Choice]:
    """What a run's folder says of it; nothing where it does not."""
    try:
        return _CHOICES.validate_python(read_json(folder / FILE))
    except (DataError, ValidationError):
        return {}


def said(choices: Mapping[str, Choice]) -> str:
    """In one line; empty for none."""
    return "; ".join(f"{part}: {choice.said}" for part, choice in choices.items())
