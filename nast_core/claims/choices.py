"""The true claim among several about one image, and how the paper's tables stand beside such figures.

A choice has one true statement and three false ones of the same form, all affirmative or all denials, so that the form
gives nothing away and chance is 25 % in either. Source: ours, after the paper's claim accuracy (method.md section 6,
reference figures), whose choices are not known.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

FALSE = 3  # statements beside the true one
DRAWS = 8  # choices of an image and form, so that which were drawn matters little
_STREAM = 0xC401


MEASURES = {  # what the paper's tables have -> the measure of a comparison
    "recall_1": "retrieval by denials, recall at 1",
    "recall_5": "retrieval by denials, recall at 5",
    "affirmative": "claim accuracy, affirmative",
    "negated": "claim accuracy, negated",
}


class Quoted(NamedTuple):
    """A row of the paper's tables 1 and 3, per cent and points; at second hand, on its own images and texts."""

    model: str
    recall_1: float
    recall_5: float
    accuracy: float
    gap: float  # affirmative - negated


QUOTED = (
    Quoted("CLIP", 23.5, 34.7, 24.6, 21.6),
    Quoted("NegCLIP", 36.2, 52.4, 41.3, 12.8),
    Quoted("ConCLIP", 39.7, 55.8, 44.9, 10.7),
    Quoted("CLIP tuned on NegBench", 43.1, 59.2, 48.7, 10.2),
    Quoted("NAST", 49.5, 65.7, 55.6, 4.2),
)


def claim_accuracy(
    scores: Float[np.ndarray, "statement image"],
    holds: Int[np.ndarray, "statement image"],
    chosen: Bool[np.ndarray, " statement"],
    *,
    seed: int = 0,
) -> Float[np.ndarray, " image"]:
    """Of each image, the share of DRAWS choices among ``chosen`` statements in which the true one scores highest.

    ``holds``: 1 true of the image, 0 false, -1 unknown. A tie counts as wrong. NaN where an image has no true statement
    or fewer than FALSE false ones. Equal seeds make equal choices for every model.
    """
    rng = np.random.default_rng([seed, _STREAM])
    shares = np.full(scores.shape[1], np.nan)
    for image in range(scores.shape[1]):
        true, false = (np.flatnonzero(chosen & (holds[:, image] == value)) for value in (1, 0))
        if not len(true) or len(false) < FALSE:
            continue
        own = scores[true[rng.integers(len(true), size=DRAWS)], image]
        others = false[rng.random((DRAWS, len(false))).argsort(1)[:, :FALSE]]
        shares[image] = (own > scores[others, image].max(1)).mean()
    return shares


def beside_the_paper(own: Mapping[str, Mapping[str, float]]) -> list[dict[str, object]]:
    """Rows in the shape of the paper's tables 1 and 3: ``own`` models first, then those that it has, so marked.

    ``own``: model -> recall_1, recall_5 (of denials), affirmative and negated (claim accuracy), all shares.
    """
    rows: list[dict[str, object]] = [
        {
            "model": name,
            "R@1, denials (%)": 100 * figures["recall_1"],
            "R@5, denials (%)": 100 * figures["recall_5"],
            "claim accuracy (%)": 50 * (figures["affirmative"] + figures["negated"]),
            "affirmative - negated (points)": 100 * (figures["affirmative"] - figures["negated"]),
        }
        for name, figures in own.items()
    ]
    rows += [
        dict(zip(rows[0], (f"{row.model} (quoted, second-hand)", *row[1:]), strict=True)) for row in QUOTED if rows
    ]
    return rows
