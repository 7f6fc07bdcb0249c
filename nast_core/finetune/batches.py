"""Which images, captions and statements each step compares: decided by the seed and the step alone, for every arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from nast_core.claims.claim import Claim, Example
from nast_core.finetune.data import Said, Study, Truth, said_by

_ORDER, _DRAW = 4, 2  # of the streams of one seed


@dataclass(frozen=True)
class Batch:
    """One step's work. Every text is there once; what is compared with what is said by index."""

    texts: tuple[str, ...]
    drawn: Int[np.ndarray, " one"]  # numbers of what the sampler drew: studies, or texts
    studies: Int[np.ndarray, " image"]  # numbers of the studies: those spoken of first, then others to compare with
    captions: Int[np.ndarray, " caption"]  # the texts that are captions of the first images, one of each
    fits: Bool[np.ndarray, "caption image"]  # the caption is known to hold of the image; its own is on the diagonal
    ranked: Int[np.ndarray, "pair 2"]  # a statement or caption that is true of its image, and one that contradicts it
    better: Int[np.ndarray, "pair image"]  # which of the two an image bears out: 1, -1 the second, 0 unknown or neither
    spoken: Int[np.ndarray, " pair"]  # the image that the pair is about
    holds: Int[np.ndarray, "text image"]  # whether a text is true of an image: 1, 0, or -1 where unknown
    kept: Int[np.ndarray, " kept"]  # affirmative texts, which should stay where the frozen encoder has them
    denials: Int[np.ndarray, "denial 2"]  # texts that are single denials, and the image each is about; where asked for


def study_order(count: int, size: int, seed: int, step: int) -> Int[np.ndarray, " image"]:
    """The studies of a step: every epoch is a fresh permutation, of which a rest too small for a step is left out."""
    size = min(size, count)
    epoch, place = divmod(step, count // size)
    order = np.random.default_rng([seed, _ORDER, epoch]).permutation(count)
    return order[place * size : (place + 1) * size]


class Sampler(NamedTuple):
    """Batches of some of the studies, by step."""

    studies: Sequence[Study]
    numbers: Int[np.ndarray, " study"]  # the ones drawn from
    truth: Truth
    size: int  # studies that a batch speaks of
    compared: int  # images that it compares with, at least: their features are ready, so they cost next to nothing
    captions: int  # of each study, at most; each with the same caption contradicted
    claims: int  # statements, with all their contradictions, of each study
    seed: int
    alone: int = 0  # the first steps, that have further statements in the captions' place
    denials: bool = False  # of each study a single denial, in the captions' place

    def batch(self, step: int) -> Batch:
        own = self.numbers[study_order(len(self.numbers), self.size, self.seed, step)]
        rng = np.random.default_rng([self.seed, _DRAW, step])
        others = rng.permutation(np.setdiff1d(self.numbers, own))[: max(0, self.compared - len(own))]
        captions = 0 if step < self.alone or self.denials else self.captions
        claims = self.claims + self.captions - captions
        return draw_batch(
            self.studies, own, others, self.truth, captions=captions, claims=claims, denials=self.denials, rng=rng
        )

    def of(self, numbers: Int[np.ndarray, " study"]) -> "Sampler":
        """Of these alone, all in one step, captions included."""
        return self._replace(numbers=numbers, size=len(numbers), alone=0)

    @property
    def unit(self) -> str:
        return "studies"

    @property
    def epoch(self) -> int:
        """Steps until every study was spoken of once."""
        return max(1, len(self.numbers) // self.size)


class TextSampler(NamedTuple):
    """Batches of texts that are to lie where a teacher has them: all of a step's are ``kept``."""

    texts: Sequence[str]
    numbers: Int[np.ndarray, " text"]  # the ones drawn from
    size: int
    seed: int

    def batch(self, step: int) -> Batch:
        own = self.numbers[study_order(len(self.numbers), self.size, self.seed, step)]
        texts, none = tuple(self.texts[i] for i in own), np.zeros(0, int)
        pairs = none.reshape(0, 2)
        return Batch(
            texts=texts,
            drawn=own,
            studies=none,
            captions=none,
            fits=pairs.astype(bool),
            ranked=pairs,
            better=pairs,
            spoken=none,
            holds=pairs,
            kept=np.arange(len(texts)),
            denials=pairs,
        )

    def of(self, numbers: Int[np.ndarray, " text"]) -> "TextSampler":
        """Of these alone, all in one step."""
        return self._replace(numbers=numbers, size=len(numbers))

    @property
    def unit(self) -> str:
        return "texts"

    @property
    def epoch(self) -> int:
        """Steps until every text was read once."""
        return max(1, len(self.numbers) // self.size)


def draw_batch(
    studies: Sequence[Study],
    own: Int[np.ndarray, " study"],
    others: Int[np.ndarray, " other"],
    truth: Truth,
    *,
    captions: int,
    claims: int,
    denials: bool = False,
    rng: np.random.Generator,
) -> Batch:
    """A batch that speaks of the studies numbered ``own``: of each some captions, each with the same caption
    contradicted, and some true statements with all their contradictions. Their images are compared with one another and
    with those of ``others``. The first caption of each is what ``Batch.captions`` names. With ``denials`` a single one
    is drawn of each study that has any."""
    texts: dict[str, int] = {}
    claimed: dict[int, tuple[Claim | None, ...]] = {}
    ranked, better, spoken, anchors, first, single = [], [], [], set(), [], []
    numbers = np.concatenate([own, others])

    def place(statement: Said) -> int:
        index = texts.setdefault(statement.text, len(texts))
        claimed[index] = statement.claims
        if statement.affirmative:
            anchors.add(index)
        return index

    def pair(column: int, true: Said, false: Said) -> None:
        ranked.append((place(true), place(false)))
        better.append(truth.better(true.claims, false.claims, numbers))
        spoken.append(column)
        better[-1][column] = 1  # on record, whether or not the claims are

    for column, number in enumerate(own):
        study = studies[number]
        chosen = [study.captions[i] for i in rng.permutation(len(study.captions))[:captions]]
        first += [place(caption.true) for caption in chosen[:1]]
        for caption in chosen:
            if caption.false is not None:
                pair(column, caption.true, caption.false)
        for i in rng.permutation(len(study.examples))[:claims]:
            true = said_by(study.examples[i])
            place(true)
            for other in study.examples[i].contradictions:
                pair(column, true, said_by(other))
        if denials and (denied := [example for example in study.examples if _denies(example)]):
            single.append((place(said_by(denied[rng.integers(len(denied))])), column))
    holds = np.stack([truth.of_all(claimed[index], numbers) for index in range(len(texts))])
    return Batch(
        tuple(texts),
        own,
        numbers,
        np.array(first, int),
        (holds[first] == 1) | np.eye(len(first), len(numbers), dtype=bool),
        np.array(ranked, int).reshape(-1, 2),
        np.array(better, np.int8).reshape(-1, len(numbers)),
        np.array(spoken, int),
        holds,
        np.array(sorted(anchors), int),
        np.array(single, int).reshape(-1, 2),
    )


def _denies(example: Example) -> bool:
    return example.cue is not None and example.claim.polarity == "absent"
