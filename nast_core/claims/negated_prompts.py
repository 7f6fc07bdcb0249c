"""Negated-prompt AUROC: S("no X", image) as a score for the absence of X (method.md section 6).

0.5: the model ignores the cue. 0: it reads "no X" as X. Unseen cues are those kept out of every training text. Cue by
cue, for every cue of the grammar: wording_figures.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from nast_core.claims.prompts import Prompt, denial_prompt, denial_prompts_by_cue, prompt_scores
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.statistics.auroc import auroc, auroc_resamples, interval, mean_of_defined
from nast_core.statistics.rates import Rate
from nast_core.vocabulary.model import Vocabulary

STANDARD = "there is no"  # the one prompt of the headline figure
GROUPS = (STANDARD, "seen cues", "unseen cues")


@dataclass(frozen=True)
class NegatedPrompts:
    """``groups``: a row a group of cues and condition, "macro" among them: value, low, high, n; a group's AUROC is the
    mean over its cues."""

    groups: pd.DataFrame

    def summary(self) -> dict[str, dict[str, dict]]:
        """Group -> condition or "macro" -> {value, low, high, n}."""
        return {
            group: {row["condition"]: {name: row[name] for name in Rate._fields} for row in part.to_dict("records")}
            for group, part in self.groups.groupby("group", sort=False)
        }


def prompts_asked(conditions: Sequence[str], vocabulary: Vocabulary | None = None) -> dict[tuple[str, str], Prompt]:
    """(cue, or STANDARD; condition) -> how the condition is denied so."""
    prompts: dict[tuple[str, str], Prompt] = {}
    for condition in conditions:
        prompts[STANDARD, condition] = denial_prompt(condition, vocabulary)
        prompts |= {(cue, condition): prompt for cue, prompt in denial_prompts_by_cue(condition, vocabulary).items()}
    return prompts


def cues_of_groups(keys: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Group of GROUPS -> its cues, of those in ``prompts_asked``'s keys."""
    every = {cue for cue, _ in keys} - {STANDARD}
    return {STANDARD: {STANDARD}, "seen cues": every - HELD_OUT_CUES, "unseen cues": every & HELD_OUT_CUES}


def negated_prompt_auroc(
    model: DualEncoder,
    images: Float[Tensor, "image dim"],
    presence: Float[np.ndarray, "image condition"],
    patients: Sequence[str],
    conditions: Sequence[str],
    vocabulary: Vocabulary | None = None,
    **options: int,
) -> NegatedPrompts:
    """``presence``: 1 present, 0 absent, NaN unknown. Intervals by bootstrap over patients, the same draws
    throughout."""
    prompts = prompts_asked(conditions, vocabulary)
    keys = list(prompts)
    column = {condition: i for i, condition in enumerate(conditions)}
    score = prompt_scores(model, images, list(prompts.values()))
    absence = 1 - presence[:, [column[condition] for _, condition in keys]]
    values = np.array([auroc(absence[:, i], score[:, i]) for i in range(len(keys))])
    resampled = auroc_resamples(absence, score, patients, **options)
    n = {condition: int((~np.isnan(presence[:, i])).sum()) for condition, i in column.items()}

    def rate(columns: list[int], count: int) -> Rate:
        return interval(float(mean_of_defined(values[columns])), mean_of_defined(resampled[:, columns], 1), count)

    def rows(name: str, cues: set[str]) -> list[dict]:
        lines = []
        for condition in [*conditions, "macro"]:
            chosen = [i for i, (cue, of) in enumerate(keys) if cue in cues and condition in (of, "macro")]
            count = n.get(condition, int((~np.isnan(presence)).any(1).sum()))
            lines.append({"group": name, "condition": condition, **rate(chosen, count)._asdict()})
        return lines

    members = cues_of_groups(keys)
    groups = [row for name in GROUPS for row in rows(name, members[name])]
    return NegatedPrompts(pd.DataFrame(groups))
