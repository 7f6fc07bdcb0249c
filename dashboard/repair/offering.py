"""What is not measured yet, offered as runs with the time told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.parts import jobs
from dashboard.parts.text import plain
from dashboard.repair import asked_for

if TYPE_CHECKING:
    from dashboard.repair.outcome import Outcome
    from nast_core.models import DualEncoder


def draw(model: DualEncoder, found: Outcome) -> None:
    """One button for all that is missing; what is at work is watched, and can be cancelled."""
    from nast_core.runs.pace import duration

    if not found.missing:
        return
    count = len(found.missing)
    names = ", ".join(dict.fromkeys(recipe.method for recipe in found.missing))
    time = duration(asked_for.seconds(model, found.missing))
    jobs.offer_all(
        found.missing,
        found.fingerprints,
        f"Measure {count} repair{'s' * (count != 1)} ({plain(names)}): {time} in all, one after another",
        key="repair-start",
    )
