"""Can a pair be ranked without its image? A reader of the two texts alone, trained on other patients. Source: ours.

Half of the pairs is what wording may give away; a file that gives more cannot tell reading from guessing. Reports give
more than phantoms do: a left finding on record leaves the right side open, so its contradictions alone say "not".
"""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from nast_core.claims.claim import KINDS, Example, Kind
from nast_core.statistics.rates import Rate, rate

FOLDS = 5
LEAST_PAIRS = (
    300  # fewer teach a guesser nothing, and it falls below a half: of balanced pairs, those held back lean away
)
MOST_PAIRS = 20_000  # enough to know a rate to half a point


def guesses(examples: Sequence[Example], *, seed: int = 0) -> dict[Kind, Rate]:
    """Kind -> share of pairs that words and word pairs rank rightly, ties half, with intervals over patients.

    Each pair is ranked by a logistic regression that never saw its patient (five folds). Kinds with fewer than 300
    pairs or 5 patients are left out.
    """
    by_kind: dict[Kind, Rate] = {}
    for kind in KINDS:
        pairs = [(e, c) for e in examples for c in e.contradictions if c.kind == kind]
        if len(pairs) > MOST_PAIRS:
            pairs = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))[:MOST_PAIRS]]
        patients = np.array([e.patient_id for e, _ in pairs])
        if len(pairs) < LEAST_PAIRS or len(set(patients)) < FOLDS:
            continue
        counter = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2, token_pattern=r"[\w'-]+")
        words = counter.fit_transform([text for e, c in pairs for text in (e.text, c.text)])
        truth = np.tile([1, 0], len(pairs))
        right = np.empty(len(pairs))
        folds = GroupKFold(FOLDS, shuffle=True, random_state=seed)
        for train, test in folds.split(patients, groups=patients):
            rows = np.stack([2 * train, 2 * train + 1], axis=1).ravel()
            reader = LogisticRegression(C=0.1, solver="liblinear").fit(words[rows], truth[rows])
            margin = reader.decision_function(words[2 * test]) - reader.decision_function(words[2 * test + 1])
            right[test] = np.where(np.abs(margin) < 1e-9, 0.5, margin > 0)
        by_kind[kind] = rate(right, patients.tolist(), seed=seed)
    return by_kind
