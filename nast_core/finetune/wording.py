"""How wording is read while a text tower learns: the groups of claims/wording_figures.py, on a fixed small sample.

Of every cue and frame a few conditions, in turn, one text each: about 150 texts, which cost a validation little beside
its questions. The benchmark, the claims and Compare ask for all of them, with intervals.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from nast_core.claims.claim import Claim, Example
from nast_core.claims.evidence import LEAST
from nast_core.claims.truth import facts_by_study, truth_table
from nast_core.claims.way_groups import FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT, UNSEEN
from nast_core.claims.ways import ways
from nast_core.vocabulary.model import Vocabulary

CONDITIONS = 3  # asked of each cue and frame
UNSEEN_DENIAL, FALSE = "denial_unseen", "false_denial"  # never shown one without the other
FIGURES = {  # name -> the groups that it is the mean over
    "denial_taught": (TAUGHT,),
    UNSEEN_DENIAL: UNSEEN,
    "denial_held_out": (HELD_OUT,),
    "denial_never_taught": (NEVER,),
    FALSE: (FALSE_DENIAL,),
    "pseudo_negation": (PSEUDO,),
}


class WordingSample(NamedTuple):
    """What is asked of the validation studies."""

    texts: tuple[str, ...]
    groups: tuple[str, ...]  # of each text
    holds: Int[np.ndarray, "text image"]  # 1, 0, or -1 where unknown: a denial's where the condition is lacking


def wording_sample(
    studies: Sequence[Sequence[Example]], taught: Collection[str], vocabulary: Vocabulary
) -> WordingSample:
    """``studies``: the lines about each image. Conditions that fewer than LEAST have, or lack, are not asked for."""
    facts = facts_by_study(example for lines in studies for example in lines)
    claims = [Claim(finding=condition, polarity="present") for condition in vocabulary.conditions]
    present = truth_table(claims, [facts.get(lines[0].study_id, ()) for lines in studies], vocabulary)
    enough = ((present == 1).sum(1) >= LEAST) & ((present == 0).sum(1) >= LEAST)
    asked = np.flatnonzero(enough)
    texts, groups, holds = [], [], []
    if len(asked):
        every = [ways(vocabulary.conditions[row], vocabulary) for row in asked]
        for place, way in enumerate(every[0]):
            for step in range(min(CONDITIONS, len(asked))):
                at = (place * CONDITIONS + step) % len(asked)
                known = present[asked[at]]
                texts.append(every[at][way].towards[0])
                groups.append(way.group(taught))
                holds.append(np.where(known < 0, -1, 1 - known) if way.denies else known)
    return WordingSample(tuple(texts), tuple(groups), np.array(holds, int).reshape(-1, len(studies)))


def wording_means(areas: Float[np.ndarray, " text"], groups: Sequence[str]) -> dict[str, float]:
    """FIGURES of the AUROC of each text; what no text tells is left out."""
    found = {}
    for name, of in FIGURES.items():
        rows = np.isin(groups, of)
        if np.isfinite(areas[rows]).any():
            found[name] = float(np.nanmean(areas[rows]))
    return found
