"""Retrieval: images for a statement and statements for an image, R@1/5/10 and mAP (method.md section 6).

Relevance is a fact, not a file name: every image that a statement holds for is a right answer, and an image that is not
known to have it or not stays out of that query. A tie goes against the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.statistics.rates import rate

DEPTHS = (1, 5, 10)
MEASURES = (*(f"R@{depth}" for depth in DEPTHS), "AP")
CueGroup = Literal["affirmative", "negated", "seen", "unseen"]
CUE_GROUPS: tuple[CueGroup, ...] = ("affirmative", "negated", "seen", "unseen")
"""Queries by the cue in the statement: none; any; one that training texts may hold; one that they never hold."""
_ROWS_AT_ONCE = 256


def rank_quality(
    scores: Float[np.ndarray, "query candidate"], relevant: Int[np.ndarray, "query candidate"]
) -> pd.DataFrame:
    """A row a query: R@k (1 if one of the k best is relevant), AP (average precision), chance (share relevant).

    ``relevant``: 1 yes, 0 no, -1 unknown. NaN where a query has nothing relevant, or nothing else.
    """
    blocks = [
        _block(scores[i : i + _ROWS_AT_ONCE], relevant[i : i + _ROWS_AT_ONCE])
        for i in range(0, len(scores), _ROWS_AT_ONCE)
    ]
    columns = [*MEASURES, "chance"]
    return pd.DataFrame(np.concatenate(blocks) if blocks else np.empty((0, len(columns))), columns=columns)


def _block(scores: np.ndarray, relevant: np.ndarray) -> Float[np.ndarray, "query measure"]:
    known = relevant >= 0
    order = np.lexsort((relevant, np.where(known, -scores, np.inf)), axis=-1)  # ties: the irrelevant first
    hits = np.take_along_axis(relevant == 1, order, 1)
    count, candidates = hits.sum(1), known.sum(1)
    rank = np.arange(1, scores.shape[1] + 1)
    hit_count = hits.cumsum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits, hit_count / rank, 0).sum(1) / count
        chance = count / candidates
    at = [hits[:, :depth].any(1).astype(float) for depth in DEPTHS]
    measures = np.stack([*at, precision, chance], axis=1)
    measures[(count == 0) | (count == candidates)] = np.nan
    return measures


@dataclass(frozen=True)
class Retrieval:
    """Both directions, a row a query, with patient_id and the measures."""

    images_for_statement: pd.DataFrame  # and statement, cue, study_id
    statements_for_image: pd.DataFrame  # and image, cues: affirmative or negated candidates


def retrieve(
    scores: Float[np.ndarray, "statement image"],
    holds: Int[np.ndarray, "statement image"],
    cues: Sequence[str | None],
    sources: pd.DataFrame,
    images: pd.DataFrame,
) -> Retrieval:
    """``scores`` and ``holds`` of distinct statements with distinct images; ``cues`` of the statements.

    ``sources``: a row per use of a statement as a query, columns statement (its row in ``scores``), study_id and
    patient_id. ``images``: a row an image, columns image and patient_id.
    """
    column = pd.Series(cues, dtype=object)
    forward = sources.reset_index(drop=True).join(rank_quality(scores, holds), on="statement")
    forward = forward.join(column.rename("cue"), on="statement")
    backward = []
    for name, chosen in _cue_masks(column).items():
        part = rank_quality(scores[chosen].T, holds[chosen].T)
        backward.append(pd.concat([images.reset_index(drop=True), part], axis=1).assign(cues=name))
    return Retrieval(forward, pd.concat(backward, ignore_index=True))


def _cue_masks(cues: pd.Series) -> dict[CueGroup, np.ndarray]:
    negated, unseen = cues.notna().to_numpy(), cues.isin(HELD_OUT_CUES).to_numpy()
    return {"affirmative": ~negated, "negated": negated, "seen": negated & ~unseen, "unseen": unseen}


def summarise_retrieval(retrieval: Retrieval, *, seed: int = 0) -> dict:
    """Direction -> group of cues -> R@1, R@5, R@10, mAP and chance, each {value, low, high, n}.

    Intervals by bootstrap over the queries' patients; the gallery is held fixed. Chance: what R@1 and, nearly, mAP are
    for scores that know nothing.
    """
    masks = _cue_masks(retrieval.images_for_statement.cue)
    back = retrieval.statements_for_image
    return {
        "images_for_statement": {
            name: _rates(retrieval.images_for_statement[mask], seed) for name, mask in masks.items()
        },
        "statements_for_image": {name: _rates(back[back.cues == name], seed) for name in masks},
    }


def _rates(part: pd.DataFrame, seed: int) -> dict[str, dict]:
    names = {**{name: name for name in MEASURES}, "AP": "mAP", "chance": "chance"}
    return {
        names[name]: rate(part[name].to_numpy(), part.patient_id.to_numpy(), seed=seed)._asdict()
        for name in (*MEASURES, "chance")
    }
