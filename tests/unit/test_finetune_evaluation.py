"""The figures watched in training, on four hand-made text vectors: none turned round, none lenient, beside
scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, top_k_accuracy_score

from dashboard.finetune.prepare import FIGURES as BOARD
from nast_core.claims.claim import Claim, Example
from nast_core.finetune.card import _SHOWN as CARD
from nast_core.finetune.evaluation import Panel, measure
from nast_core.finetune.wording import FALSE, WordingSample, wording_sample
from nast_core.vocabulary.shipped import chest

UNSEEN_FIGURES = {"denial_unseen", "denial_held_out", "denial_never_taught"}

# twelve images, four texts: the score of text t on image i is IMAGES[i, t]
IMAGES = np.array(
    [
        [0.9, 0.1, 0.3, 0.0],
        [0.8, 0.2, 0.5, 0.1],
        [0.7, 0.9, 0.1, 0.2],
        [0.6, 0.3, 0.7, 0.3],
        [0.5, 0.8, 0.2, 0.4],
        [0.4, 0.4, 0.9, 0.5],
        [0.3, 0.7, 0.6, 0.6],
        [0.2, 0.6, 0.8, 0.7],
        [0.1, 0.5, 0.4, 0.8],
        [0.0, 0.0, 0.0, 0.9],
        [0.55, 0.35, 0.25, 0.05],
        [0.45, 0.15, 0.65, 0.95],
    ]
)
HOLDS = np.array([[1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 1, -1], [0, 0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 1]])
RANKED = np.array([[0, 0, 1], [2, 0, 1], [5, 0, 1], [8, 1, 0]])  # right, wrong, a tie (wrong), right


def panel(**fields) -> Panel:
    texts = ("There is edema.", "There is no edema.", "Edema is absent.", "A caption.")
    none = np.zeros(0, int)
    made = {
        "texts": texts,
        "images": torch.from_numpy(IMAGES).float(),
        "ranked": RANKED,
        "kinds": ["polarity", "polarity", "location", "location"],
        "statements": np.array([0, 1]),
        "negated": np.array([False, True]),
        "affirmative": np.array([True, False]),
        "foreign": np.array([False, False]),
        "holds": HOLDS,
        "retrieved": np.array([[image, 3] for image in (11, 9, 7, 6, 5)]),  # ranked 1st, 2nd, 4th, 5th, 6th
        "kept": none,
        "frozen": torch.zeros(0, 4),
        "items": [],
        "item_images": torch.zeros(0, 4),
        "options": none.reshape(2, 0, 0),
        "unseen": none.astype(bool),
        "worded": none,
        "wording": WordingSample((), (), none.reshape(0, len(IMAGES))),
    }
    return Panel(**(made | fields))


def figures() -> dict[str, float]:
    return measure(panel(), lambda texts: torch.eye(4)[: len(texts)])


def test_a_contradiction_that_ties_counts_as_ranked_wrong():
    found = figures()
    assert found["claim_ranking"] == 0.5
    assert found["claim_ranking_polarity"] == 0.5  # 0.9 > 0.1; 0.7 < 0.9
    assert found["claim_ranking_location"] == 0.5  # 0.4 = 0.4; 0.5 > 0.1


def test_aurocs_are_scikit_learns_and_not_turned_round():
    found = figures()
    for row, name in ((0, "auroc_affirmative"), (1, "auroc_negated")):
        told = HOLDS[row] >= 0
        expected = roc_auc_score(HOLDS[row, told], IMAGES[told, row])
        assert found[name] == pytest.approx(expected)
        assert abs(expected - 0.5) > 0.1  # turned round it would be another
    assert found["auroc_negated_seen"] == found["auroc_negated"]
    assert "auroc_negated_unseen" not in found


def test_recall_at_five_leaves_the_sixth_out():
    found = figures()
    own = np.array([11, 9, 7, 6, 5])
    scores = np.repeat(IMAGES[None, :, 3], len(own), 0)
    assert found["retrieval_5"] == top_k_accuracy_score(own, scores, k=5, labels=range(len(IMAGES))) == 0.8


def test_the_gap_is_affirmative_minus_negated_in_points_and_a_tie_for_the_best_is_wrong():
    class Question:
        def __init__(self, answer: int):
            self.answer_index = answer

    # one image; options are texts: affirmative right twice, negated right once, wrong once by a tie
    found = measure(
        panel(
            items=[Question(0), Question(1)],
            item_images=torch.tensor([[0.9, 0.1, 0.5, 0.5], [0.1, 0.9, 0.4, 0.9]]),
            options=np.array([[[0, 1, 2, 3], [0, 1, 2, 2]], [[0, 1, 2, 3], [0, 1, 2, 3]]]),
            unseen=np.array([False, True]),
        ),
        lambda texts: torch.eye(4)[: len(texts)],
    )
    assert (found["acc_affirmative"], found["acc_negated"], found["gap_points"]) == (1.0, 0.5, 50.0)
    assert (found["acc_negated_seen"], found["gap_points_unseen"]) == (1.0, 100.0)


def studies(present: int, absent: int) -> list[list[Example]]:
    """Of each study one line: edema is there, or is not."""
    return [
        [
            Example(
                study_id=f"s{i}",
                patient_id=f"p{i}",
                image=f"{i}.png",
                split="validation",
                text="edema",
                cue=None,
                claim=Claim(finding="Edema", polarity="present" if i < present else "absent"),
                contradictions=(),
            )
        ]
        for i in range(present + absent)
    ]


def test_wording_is_asked_of_the_conditions_that_enough_studies_have_and_lack():
    found = wording_sample(studies(6, 6), {"no"}, chest())
    every = dict(zip(found.texts, zip(found.groups, found.holds.tolist(), strict=True), strict=True))
    assert len(found.texts) == 51  # of Edema alone, the one condition: each way once
    assert every["No pulmonary edema."] == ("taught", [0] * 6 + [1] * 6)  # a denial holds where it is lacking
    assert every["Pulmonary edema is absent."][0] == "held out"
    assert every["Presence of pulmonary edema."] == ("false denial", [1] * 6 + [0] * 6)
    assert every["Pulmonary edema has not changed."] == ("pseudo-negation", [1] * 6 + [0] * 6)
    assert wording_sample(studies(4, 8), {"no"}, chest()).texts == ()


def test_a_tower_that_takes_all_that_is_new_for_a_denial_gains_in_one_figure_and_loses_in_the_other():
    """Images 0 to 5 show edema; the score of a text is how much its vector says so."""
    sample = wording_sample(studies(6, 6), {"no"}, chest())
    amount = torch.tensor([[1.0 - i / 12] for i in range(12)])
    says = {
        "taught": -1.0,
        "in contrasts": -1.0,
        "held out": -1.0,
        "never taught": -1.0,
        "false denial": -1.0,
        "pseudo-negation": 1.0,
    }
    vectors = torch.tensor([[says[group]] for group in sample.groups])
    none = np.zeros(0, int)
    found = measure(
        panel(
            texts=sample.texts, images=amount, ranked=none.reshape(0, 3), kinds=[], statements=none,
            negated=none.astype(bool), affirmative=none.astype(bool), foreign=none.astype(bool),
            holds=np.zeros((0, 12), int), retrieved=none.reshape(0, 2), worded=np.arange(51), wording=sample,
        ),
        lambda texts: vectors,
    )  # fmt: skip
    assert found == {
        "denial_taught": 1, "denial_unseen": 1, "denial_held_out": 1, "denial_never_taught": 1,
        "false_denial": 0, "pseudo_negation": 1,
    }  # fmt: skip


def test_unseen_denial_is_never_shown_without_false_denial():
    for shown in (list(BOARD), list(CARD)):
        last = max(place for place, name in enumerate(shown) if name in UNSEEN_FIGURES)
        assert shown[last + 1] == FALSE
