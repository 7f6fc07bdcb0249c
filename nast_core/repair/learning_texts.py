"""Texts that a method learns a model's ways from: one statement or several, affirmed and denied, in a vocabulary's
words and in the cues that training texts may hold. Source: ours."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from nast_core.errors import TextError
from nast_core.models.tower import TextTower
from nast_core.negation.phrases import JOINS, SEEN_DENIALS, frames, sentence_case
from nast_core.vocabulary.model import Noun, Vocabulary

One = TypeVar("One")
_PRESENT = ("{phrase}", "there {is} {phrase}", "{noun} {is} present")


def paired_texts(tower: TextTower, vocabulary: Vocabulary, count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(affirmative, negated), ``count`` or as many as the tower has room for: every pair in one frame and of one
    noun."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        noun, frame = _noun(vocabulary, rng), _one(frames(vocabulary), rng)
        affirmative = sentence_case(frame.format(_said(_one(_PRESENT, rng), noun)))
        pairs.append((affirmative, sentence_case(frame.format(_said(_one(SEEN_DENIALS, rng).template, noun)))))
    return [pair for pair in pairs if all(_fits(tower, text) for text in pair)]


def denying_texts(tower: TextTower, vocabulary: Vocabulary, count: int, seed: int = 0) -> list[str]:
    """Texts of one to three statements, one of them at least a denial, each once; fewer than ``count`` in a small
    vocabulary or tower."""
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(count):
        nouns = [_noun(vocabulary, rng) for _ in range(int(rng.integers(1, 4)))]
        denied = int(rng.integers(len(nouns)))
        said = [
            _said(_one(SEEN_DENIALS, rng).template if place == denied or rng.random() < 0.5 else _one(_PRESENT, rng), n)
            for place, n in enumerate(nouns)
        ]
        texts.append(sentence_case(_one(frames(vocabulary), rng).format(_one(JOINS, rng).join(said))))
    return [text for text in dict.fromkeys(texts) if _fits(tower, text)]


def _fits(tower: TextTower, text: str) -> bool:
    try:
        tower.tokenize([text])
    except TextError:
        return False
    return True


def _noun(vocabulary: Vocabulary, rng: np.random.Generator) -> Noun:
    return _one(vocabulary[_one(vocabulary.conditions, rng)].prompt_nouns, rng)


def _said(template: str, noun: Noun) -> str:
    return template.format(noun=noun.text, phrase=noun.phrase, **{"is": noun.verb})


def _one(among: Sequence[One], rng: np.random.Generator) -> One:
    return among[int(rng.integers(len(among)))]
