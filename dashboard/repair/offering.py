"""What is not measured yet, offered as runs with the time told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.parts import jobs
from dashboard.parts.text import plain
from dashboard.repair import asked_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.repair.outcome import Outcome
    from nast_core.models import DualEncoder
    from nast_core.work.repair import RepairRecipe


def draw(model: DualEncoder, found: Outcome) -> None:
    """One button for all that is missing; what is at work is watched, and can be cancelled."""
    if found.missing:
        jobs.offer_all(found.missing, found.fingerprints, lambda recipes: _label(model, recipes), key="repair-start")


def _label(model: DualEncoder, recipes: Sequence[RepairRecipe]) -> str:
    from nast_core.runs.pace import duration

    count, time = len(recipes), duration(asked_for.seconds(model, recipes))
    names = ", ".join(dict.fromkeys(recipe.method for recipe in recipes))
    after = ", one after another" if count > 1 else ""
    return f"Measure {count} repair{'s' * (count != 1)} ({plain(names)}): {time} in all{after}"
