"""Can an item be guessed without its image? A reader of the options alone, trained on other patients. Source: ours.

A benchmark whose options give the answer away measures nothing: chance is 25 %, and a built file must stay there.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Real
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from nast_core.benchmark.items import Item
from nast_core.statistics.rates import Rate, rate

CHANCE, TOLERANCE = 0.25, 0.02
FOLDS = 5
LEAST_ITEMS = 100  # fewer teach a guesser nothing
_RARE = 5  # options a word must stand in


def guesses(items: Sequence[Item], *, seed: int = 0) -> dict[str, Rate]:
    """Accuracy of three guessers over all items, each item guessed by one that never saw its patient.

    ``affirmative`` and ``negated`` know the words and word pairs of every option of that form, its length, and how
    alike it is to the others; ``labels`` knows the assignments. Logistic regression, five folds by patient; 95 %
    intervals by bootstrap over patients. Empty for fewer than 100 items or fewer than 5 patients.
    """
    patients = [item.patient_id for item in items]
    if len(items) < LEAST_ITEMS or len(set(patients)) < FOLDS:
        return {}
    return {
        "affirmative": _accuracy(_of_words([item.affirmative for item in items]), items, patients, seed),
        "negated": _accuracy(_of_words([item.negated for item in items]), items, patients, seed),
        "labels": _accuracy(_of_labels(items), items, patients, seed),
    }


def at_chance(accuracy: Rate) -> bool:
    """Within 2 points of 25 %, or, where items are few, an interval that holds 25 %."""
    return abs(accuracy.value - CHANCE) <= TOLERANCE or accuracy.low <= CHANCE <= accuracy.high


def _accuracy(features: sparse.csr_matrix, items: Sequence[Item], patients: Sequence[str], seed: int) -> Rate:
    """``features`` has four rows an item, in the order of its options."""
    answers = np.array([item.answer_index for item in items])
    truth = (np.arange(4)[None] == answers[:, None]).ravel()
    score = np.empty(len(truth))
    for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(answers, groups=patients):
        rows, unseen = _rows(train), _rows(test)
        model = LogisticRegression(C=0.1, solver="liblinear").fit(features[rows], truth[rows])
        score[unseen] = model.decision_function(features[unseen])
    right = score.reshape(-1, 4).argmax(1) == answers
    return rate(right.astype(float), patients, seed=seed)


def _rows(items: np.ndarray) -> np.ndarray:
    return (items[:, None] * 4 + np.arange(4)).ravel()


def _of_words(options: Sequence[Sequence[str]]) -> sparse.csr_matrix:
    texts = [text for four in options for text in four]
    counter = CountVectorizer(
        ngram_range=(1, 2), binary=True, min_df=min(_RARE, len(texts) // 20), token_pattern=r"[\w'-]+"
    )
    words = counter.fit_transform(texts)
    size = np.asarray(words.sum(1)).reshape(-1, 4)
    shared = np.stack([_shared(words[i : i + 4]) for i in range(0, words.shape[0], 4)])
    plain = np.stack([_ranks(size), _ranks(shared), size / size.mean(), shared / shared.mean()], -1).reshape(
        len(texts), -1
    )
    return sparse.hstack([words, sparse.csr_matrix(plain)], format="csr")


def _shared(four: sparse.csr_matrix) -> Float[np.ndarray, " option"]:
    """Words that each option shares with the other three: wrong options may be variants of the right one."""
    alike = (four @ four.T).toarray().astype(float)
    return alike.sum(1) - alike.diagonal()


def _ranks(values: Real[np.ndarray, "item option"]) -> Float[np.ndarray, "item option"]:
    return (values[:, :, None] > values[:, None]).sum(-1) / 3


def _of_labels(items: Sequence[Item]) -> sparse.csr_matrix:
    names = sorted({condition for item in items for condition in item.conditions})
    rows = []
    for item in items:
        options = np.array(item.assignments)
        majority = options.mean(0) - 0.5
        for option in options:
            states = dict(zip(item.conditions, option, strict=True))
            distance = [int(n) for n in (options != option).sum(1)]
            rows.append(
                [states.get(name, -1) == state for name in names for state in (0, 1)]
                + [int(option.sum()) == n for n in range(4)]
                + [float((majority * (2 * option - 1)).sum()), sum(distance), max(distance)]
                + [distance.count(n) for n in (1, 2, 3)]
            )
    return sparse.csr_matrix(np.array(rows, float))
