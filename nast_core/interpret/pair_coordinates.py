"""The pairs of texts a result is about, as its coordinates."""

from collections.abc import Sequence

import numpy as np

from nast_core.negation.pairs import AlignedPair


def pair_coordinates(pairs: Sequence[AlignedPair]) -> dict[str, tuple[str, np.ndarray]]:
    def column(values: Sequence[str]) -> tuple[str, np.ndarray]:
        return "pair", np.array(values, dtype=object)

    return {
        "affirmative": column([p.pair.affirmative for p in pairs]),
        "negated": column([p.pair.negated for p in pairs]),
        "finding": column([p.pair.finding for p in pairs]),
        "cue": column([p.cue.text for p in pairs]),
    }
