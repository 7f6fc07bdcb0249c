"""The strength of a repair: chosen on validation, and what it does to denials as it grows (method.md section 8).

The base's vectors are made once and serve every strength, but for methods that work on the tower's states.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from nast_core.benchmark.scoring import score_items
from nast_core.claims.negated_prompts import cues_of_groups, prompts_asked
from nast_core.claims.prompts import prompt_scores
from nast_core.models.encoder import DualEncoder
from nast_core.models.precision import with_bf16
from nast_core.models.remembering import remembering
from nast_core.progress import Tick
from nast_core.repair.evaluate import DENIALS, Sample, ceiling
from nast_core.repair.method import STRENGTHS
from nast_core.repair.repaired import Repaired
from nast_core.statistics.auroc import auroc_columns, mean_of_defined


class Curve(NamedTuple):
    """``table``: a row a strength, of which acc_affirmative, acc_negated, the AUROCs of denials ``denials``,
    ``denials_seen`` and ``denials_unseen``, and ``merit``, by which one is chosen."""

    table: pd.DataFrame
    ceiling: float  # AUROC(X), macro: what taking X away alone comes to
    crossing: float  # the strength at which ``denials`` first crosses 0.5; NaN where it never does

    @property
    def best(self) -> float:
        """The weakest of those with the greatest merit."""
        return float(self.table.strength[self.table.merit.argmax()])

    def summary(self) -> dict[str, Any]:
        return {"strengths": self.table.to_dict("records"), "ceiling": self.ceiling, "crossing": self.crossing}


def strengths(model: Repaired) -> list[float]:
    """As many values as STRENGTHS has, evenly over what is worth trying; none for a method without a strength."""
    method = model.repair.method
    if method.strength is None:
        return []
    low, high = method.parameters[method.strength].tried
    every = np.linspace(low, high, STRENGTHS[method.works])
    whole = method.parameters[method.strength].whole
    return sorted({float(round(value)) if whole else round(float(value), 6) for value in every})


def strength_curve(
    model: Repaired, sample: Sample, *, values: Sequence[float] = (), progress: Tick | None = None
) -> Curve:
    """What the repair does at each of ``values``; without any, at those of ``strengths``.

    Merit: the mean of the negated accuracy and of the AUROC of denials over all cues, so that muting X, which lifts the
    first alone, and taking ever more of it away, which lifts the second alone, are both told from reading.
    """
    base = remembering(with_bf16(model.base, model.in_bf16))
    model = model.over(base)
    rows = []
    for value in values or strengths(model):
        rows.append({"strength": value, **_measured(model.at(value), sample)})
        if progress:
            progress(1)
    table = pd.DataFrame(rows)
    limit = float(mean_of_defined(ceiling(base, sample).values)) if sample.evidence.conditions else np.nan
    return Curve(table, limit, _crossing(table.strength.to_numpy(), table.denials.to_numpy()))


def _measured(model: DualEncoder, sample: Sample) -> dict[str, float]:
    scored = score_items(model, sample.items, sample.images)
    right = scored.groupby("form").correct.mean()
    found = {f"acc_{form}": float(right[form]) for form in right.index}
    aurocs = denial_aurocs(model, sample)
    every = [found["acc_negated"], aurocs["denials_seen"], aurocs["denials_unseen"]]
    merit = np.nanmean([every[0], np.nanmean(every[1:])]) if np.isfinite(every[1:]).any() else every[0]
    return {**found, **aurocs, "merit": float(merit)}


def denial_aurocs(model: DualEncoder, sample: Sample) -> dict[str, float]:
    """``negated_prompt_auroc``'s groups, macro and without intervals."""
    conditions = sample.evidence.conditions
    if not conditions:
        return dict.fromkeys(DENIALS.values(), float("nan"))
    prompts = prompts_asked(conditions, sample.vocabulary)
    absence = 1 - sample.evidence.presence_of([condition for _, condition in prompts])
    values = auroc_columns(absence, prompt_scores(model, sample.shown, list(prompts.values())))
    members = cues_of_groups(prompts)
    return {
        name: float(mean_of_defined(values[[cue in members[group] for cue, _ in prompts]]))
        for group, name in DENIALS.items()
    }


def _crossing(strength: np.ndarray, auroc: np.ndarray) -> float:
    """Where the line through the points first crosses 0.5."""
    above = auroc >= 0.5
    for place in np.flatnonzero(above[1:] != above[:-1]):
        low, high = auroc[place], auroc[place + 1]
        return float(strength[place] + (0.5 - low) / (high - low) * (strength[place + 1] - strength[place]))
    return float("nan")
