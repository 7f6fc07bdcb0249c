"""Each term of the loss on numbers small enough to work out by hand, and what its gradient pushes."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from nast_core.finetune.batches import TextSampler
from nast_core.finetune.loop import weigh
from nast_core.finetune.losses import (
    Targets,
    across_image_loss,
    alignment_loss,
    caption_loss,
    claim_loss,
    losses,
    paper_losses,
    same_image_loss,
)
from nast_core.finetune.objectives import OBJECTIVES
from nast_core.finetune.recipe import FinetuneRecipe


def nll(*logits: float) -> float:
    """-log of the softmax share of the first."""
    return math.log(sum(math.exp(x) for x in logits)) - logits[0]


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


def test_captions_are_told_from_one_another_both_ways():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    by_caption = (nll(2, 1) + nll(3, 0)) / 2
    by_image = (nll(2, 0) + nll(3, 1)) / 2
    found = caption_loss(logits, torch.eye(2, dtype=torch.bool))
    assert float(found) == pytest.approx((by_caption + by_image) / 2)


def test_an_image_of_which_a_caption_holds_too_is_not_held_against_it():
    logits = torch.tensor([[2.0, 9.0], [0.0, 3.0]])
    fits = torch.tensor([[True, True], [False, True]])  # the first caption is true of both images
    by_caption = (nll(2) + nll(3, 0)) / 2
    by_image = (nll(2, 0) + nll(3)) / 2
    assert float(caption_loss(logits, fits)) == pytest.approx((by_caption + by_image) / 2)


def test_further_images_are_there_for_captions_to_be_told_from():
    logits = torch.tensor([[2.0, 1.0, 4.0], [0.0, 3.0, 1.0]])
    fits = torch.eye(2, 3, dtype=torch.bool)
    by_caption = (nll(2, 1, 4) + nll(3, 0, 1)) / 2
    by_image = (nll(2, 0) + nll(3, 1)) / 2  # the third has no caption here
    assert float(caption_loss(logits, fits)) == pytest.approx((by_caption + by_image) / 2)


def test_of_two_texts_the_one_that_an_image_bears_out_is_ranked_above_the_other():
    margins = torch.tensor([[1.0, -2.0, 3.0, 9.0], [0.5, 9.0, 9.0, 9.0]])  # by pair, on four images
    better = torch.tensor([[1, -1, -1, 0], [-1, 0, 0, 0]], dtype=torch.int8)
    first = (softplus(-1) + (softplus(-2) + softplus(3)) / 2) / 2  # one image of a side weighs as two of the other
    second = softplus(0.5)
    assert float(same_image_loss(margins, better)) == pytest.approx((first + second) / 2)


def test_a_text_wins_nothing_by_being_true_more_often():
    margins = torch.zeros(1, 4, requires_grad=True)
    same_image_loss(margins, torch.tensor([[1, 1, 1, -1]])).backward()
    assert float(margins.grad.sum()) == pytest.approx(0)  # a text that scores higher on every image


def test_a_statement_ranks_images_where_it_holds_above_those_where_it_does_not():
    logits = torch.tensor([[1.0, 2.0, 5.0, 4.0], [0.0, 1.0, 2.0, 3.0]])
    holds = torch.tensor([[1, 0, 0, -1], [0, 1, 1, -1]], dtype=torch.int8)
    first = (softplus(2 - 1) + softplus(5 - 1)) / 2
    second = (softplus(0 - 1) + softplus(0 - 2)) / 2
    assert float(across_image_loss(logits, holds)) == pytest.approx((first + second) / 2)


def test_a_statement_that_holds_of_all_or_of_none_has_nothing_to_rank():
    logits = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    holds = torch.tensor([[1, 1], [0, -1], [1, 0]], dtype=torch.int8)
    assert float(across_image_loss(logits, holds)) == pytest.approx(softplus(1))
    assert float(across_image_loss(logits[:2], holds[:2])) == 0


def test_what_is_unknown_of_an_image_does_not_move_it():
    logits = torch.tensor([[1.0, 2.0, 7.0]], requires_grad=True)
    across_image_loss(logits, torch.tensor([[1, 0, -1]])).backward()
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]
    assert logits.grad[0, 2] == 0


def test_alignment_is_one_minus_the_cosine_to_the_frozen_vectors():
    now = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    assert float(alignment_loss(now, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))) == pytest.approx((0 + 0.4) / 2)


def test_a_batch_without_pairs_or_kept_texts_costs_nothing_for_them():
    assert float(same_image_loss(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.int8))) == 0
    assert float(same_image_loss(torch.ones(1, 3), torch.zeros(1, 3, dtype=torch.int8))) == 0
    assert float(alignment_loss(torch.zeros(0, 2), torch.zeros(0, 2))) == 0


def test_terms_pick_their_texts_and_images_by_index():
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], requires_grad=True)
    images = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    found = losses(
        texts,
        Targets(
            images=images,
            captions=torch.tensor([1, 0]),
            fits=torch.eye(2, dtype=torch.bool),
            ranked=torch.tensor([[0, 2]]),
            better=torch.tensor([[0, 1]]),
            spoken=torch.tensor([0]),
            holds=torch.tensor([[-1, -1], [-1, -1], [1, 0]]),
            kept=torch.tensor([2]),
            frozen=torch.tensor([[0.0, 1.0]]),
            denials=torch.zeros(0, 2, dtype=torch.long),
        ),
        scale=2.0,
    )
    assert found["caption"].item() == pytest.approx(nll(2, 0))
    assert found["same_image"].item() == pytest.approx(softplus(1.2 - 2))
    assert found["across_image"].item() == pytest.approx(softplus(1.2 - 1.6))
    assert found["alignment"].item() == pytest.approx(0.2)
    sum(found.values()).backward()
    assert torch.isfinite(texts.grad).all()


def test_the_same_image_term_joins_after_its_share_of_the_steps():
    terms = {name: torch.tensor(1.0) for name in ("caption", "same_image", "across_image", "alignment")}
    asked = FinetuneRecipe(
        data=Path("claims.jsonl"), steps=10, statements_first=0.3,
        caption_weight=1, same_image_weight=10, across_image_weight=100, alignment_weight=1000,
    )  # fmt: skip
    assert [float(weigh(terms, asked, step)) for step in (0, 2, 3, 9)] == [1101, 1101, 1111, 1111]


def test_a_claims_share_is_taken_among_all_claims_that_stand_beside_it_about_its_image():
    # text 0 about image 0 against two others, and text 3 about image 1 against one
    true, false = torch.tensor([2.0, 2.0, 1.0]), torch.tensor([1.0, 0.5, 3.0])
    found = claim_loss(true, false, torch.tensor([0, 0, 3]), torch.tensor([0, 0, 1]))
    assert float(found) == pytest.approx((nll(2, 1, 0.5) + nll(1, 3)) / 2)
    same_text = claim_loss(true, false, torch.tensor([0, 0, 0]), torch.tensor([0, 0, 1]))
    assert float(same_text) == pytest.approx(float(found))  # of another image it is another choice
    assert float(claim_loss(true[:0], false[:0], torch.zeros(0).long(), torch.zeros(0).long())) == 0


def test_the_papers_terms_are_infonce_of_single_denials_and_the_softmax_of_claims():
    texts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], requires_grad=True)
    images = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.8, 0.6]])
    nothing = torch.zeros(0, 3)
    targets = Targets(
        images=images,
        captions=torch.zeros(0).long(),
        fits=nothing.bool(),
        ranked=torch.tensor([[0, 1], [0, 2]]),
        better=nothing,
        spoken=torch.tensor([1, 1]),
        holds=nothing,
        kept=torch.zeros(0).long(),
        frozen=torch.zeros(0, 2),
        denials=torch.tensor([[1, 0], [2, 2]]),  # text 1 is of image 0, text 2 of image 2
    )
    found = paper_losses(texts, targets, scale=2.0)
    square = 2 * torch.tensor([[1.0, 0.6], [0.8, 0.96]])  # cosines of those texts with those images, no third one
    by_text = (nll(square[0, 0], square[0, 1]) + nll(square[1, 1], square[1, 0])) / 2
    by_image = (nll(square[0, 0], square[1, 0]) + nll(square[1, 1], square[0, 1])) / 2
    assert found["negated_captions"].item() == pytest.approx(float(by_text + by_image) / 2)
    assert found["claims"].item() == pytest.approx(nll(2, 0, 1.2))
    sum(found.values()).backward()
    assert torch.isfinite(texts.grad).all()


def test_the_papers_terms_share_one_weight():
    terms = {"negated_captions": torch.tensor(1.0), "claims": torch.tensor(10.0)}
    asked = FinetuneRecipe(objective="paper", balance=0.25)
    assert [float(weigh(terms, asked, step)) for step in (0, 399)] == [7.75, 7.75]


def test_a_distilled_text_costs_one_minus_its_cosine_to_the_teachers_vector():
    texts = TextSampler(("a", "b", "c"), np.arange(3), size=3, seed=0).batch(0)
    assert sorted(texts.texts) == ["a", "b", "c"]
    assert list(texts.kept) == [0, 1, 2]
    none, pairs = torch.zeros(0).long(), torch.zeros(0, 2).long()
    targets = Targets(
        torch.zeros(0, 2), none, pairs.bool(), pairs, pairs, none, pairs,
        kept=torch.arange(3), frozen=torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), denials=pairs,
    )  # fmt: skip
    now = torch.tensor([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0]])
    ((name, found),) = OBJECTIVES["distil"].terms(now, targets, 14.3).items()
    assert float(found) == pytest.approx((0 + 0.2 + 2) / 3)
    assert float(weigh({name: found}, FinetuneRecipe(objective="distil"), 0)) == pytest.approx(float(found))
