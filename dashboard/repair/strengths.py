"""What a repair does as it grows: the AUROC of denials by strength, and accuracy by the number of negations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import widgets
from dashboard.parts.text import plain
from dashboard.repair import charts, outcome

if TYPE_CHECKING:
    from dashboard.repair.asked_for import Asked
    from dashboard.repair.outcome import Outcome


def draw(found: Outcome, asked: Asked) -> None:
    """Both, of what is finished so far."""
    st.subheader("How much of X has to be taken out")
    _curve(found, asked)
    st.subheader("Reading, or counting?")
    _negations(found, asked)


def _curve(found: Outcome, asked: Asked) -> None:
    table = outcome.curves(found, asked.own)
    if table.empty:
        widgets.hint("No strength was looked for: the methods chosen have none, or theirs was given.")
        return
    ceiling, crossings = outcome.limits(found, asked.own)
    widgets.figure(
        charts.strength_curves(
            table,
            ceiling,
            crossings,
            charts.styles(list(found.figures)),
            title="AUROC of denials by strength",
            subtitle="at most 300 questions and studies of the validation split, by which the strength is chosen",
        ),
        key="repair-strengths",
        data=table,
        how_to_read=(
            "A line a repair; larger and filled: the strength that was chosen, by the mean of negated accuracy and"
            " AUROC of denials. A cross: where it crosses 0.5. Scales of strength differ by method; t of region grows"
            " towards what is affirmed alone, so it is stronger the further left."
        ),
        alt="Lines of the AUROC of denials by strength, with 0.5 and AUROC(X)",
    )
    st.caption(_meaning(ceiling, crossings))


def _meaning(ceiling: float, crossings: dict[str, float]) -> str:
    """What crossing and ceiling say, in a sentence."""
    crossed = [f"{plain(name)} at {value:.2f}" for name, value in crossings.items() if np.isfinite(value)]
    said = (
        "Past 0.5 so much of X is taken out that “no X” no longer counts as X; the more that takes, the deeper X sat."
    )
    said += f" Crossed by {', '.join(crossed)}." if crossed else " No line crosses it here."
    if np.isfinite(ceiling):
        said += (
            f" A score that only takes X away comes to AUROC(X) = {ceiling:.3f} as the strength grows, so reaching that"
            " line proves nothing about reading: questions with several findings do."
        )
    return said


def _negations(found: Outcome, asked: Asked) -> None:
    table = outcome.negations(found)
    widgets.figure(
        charts.negation_lines(
            table,
            charts.styles(list(found.figures)),
            title="Negated accuracy by number of negations",
            subtitle=f"{asked.of}; 95 % intervals over patients",
        ),
        key="repair-negations",
        data=table,
        how_to_read=(
            "A method that reads stays level. One that moves every score by a constant for each denial wins or loses by"
            " how many denials a statement has: then its blind accuracies leave 25 %, too."
        ),
        alt="Lines of negated accuracy by the number of negations in the true statement",
    )
