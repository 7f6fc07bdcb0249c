"""Prompts of a condition, and a model's score of images for them: zero-shot and negated-prompt AUROC share this."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import DENIALS, sentence_case
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given


class Prompt(NamedTuple):
    """The score is the mean over ``towards`` less the mean over ``away``, in logits."""

    towards: tuple[str, ...]
    away: tuple[str, ...] = ()


def presence_prompt(condition: str, vocabulary: Vocabulary | None = None) -> Prompt:
    """The condition's nouns against its affirmative equivalents of absence: "normal heart size"."""
    words = given(vocabulary)[condition]
    return Prompt(
        tuple(f"There {noun.verb} {noun.phrase}." for noun in words.prompt_nouns),
        tuple(sentence_case(f"{text}.") for text in words.prompt_equivalents),
    )


def denial_prompt(condition: str, vocabulary: Vocabulary | None = None) -> Prompt:
    """ "There is no X.": a score for the absence of X."""
    noun = given(vocabulary)[condition].prompt_nouns[0]
    return Prompt((f"There {noun.verb} no {noun.text}.",))


def denial_prompts_by_cue(condition: str, vocabulary: Vocabulary | None = None) -> dict[str, Prompt]:
    """Cue -> the condition's first noun denied in every template of that cue."""
    noun = given(vocabulary)[condition].prompt_nouns[0]
    texts: dict[str, list[str]] = {}
    for denial in DENIALS:
        sentence = denial.template.format(noun=noun.text, **{"is": noun.verb})
        texts.setdefault(denial.cue, []).append(sentence_case(f"{sentence}."))
    return {cue: Prompt(tuple(sentences)) for cue, sentences in texts.items()}


def prompt_scores(
    model: DualEncoder,
    images: Float[Tensor, "image dim"],
    prompts: Sequence[Prompt],
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
) -> Float[np.ndarray, "image prompt"]:
    """Scores of unit image vectors for prompts, in logits.

    Each prompt's texts are encoded by themselves: a batch's make-up moves the last digits of a vector, and a prompt's
    score should not depend on which others are asked for. ``texts``: their unit vectors, where they are at hand.
    """

    def mean(said: Sequence[str]) -> Float[Tensor, " image"]:
        vectors = model.encode_texts(said) if texts is None else torch.stack([texts[text] for text in said])
        return model.score(vectors, images).mean(0)

    if not prompts:
        return np.zeros((len(images), 0))
    columns = [mean(p.towards) - mean(p.away) if p.away else mean(p.towards) for p in prompts]
    return torch.stack(columns, dim=1).numpy()
