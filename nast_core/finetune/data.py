"""Training data: claims.jsonl as studies with their statements, captions, and what is known to hold of which."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
from jaxtyping import Int

from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.truth import facts_by_study, truth_table
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.finetune.recipe import CAPTIONS
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.phrases import JOINS, frames, sentence_case
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

STATEMENTS = (
    2,
    3,
)  # in a caption, least and most: what a cue denies shows only among others, and single ones are read anyway
_DRAW = 1  # of the captions' stream among those of one seed


@dataclass(frozen=True)
class Said:
    """One text, and what it claims, all of it together."""

    text: str
    claims: tuple[Claim | None, ...]  # None: a claim that is not on record
    affirmative: bool  # no negation cue in it


@dataclass(frozen=True)
class Caption:
    """True statements of a study in one text, and the same with one of them contradicted, where it can be."""

    true: Said
    false: Said | None


@dataclass(frozen=True)
class Study:
    """One image, what is said of it truly and falsely, and captions made of what is true."""

    study_id: str
    patient_id: str
    image: str
    examples: tuple[Example, ...]
    captions: tuple[Caption, ...]


@dataclass(frozen=True)
class TrainingData:
    train: tuple[Study, ...]
    validation: tuple[Study, ...]
    truth: "Truth"  # over train, then validation studies
    imageless: int  # lines without an image, which teach nothing here
    unread: int  # lines with a text longer than the model's context
    vocabulary: Vocabulary = field(default_factory=chest)

    @cached_property
    def cues(self) -> frozenset[str]:
        """Every negation cue that a training text has."""
        texts = (text for study in self.train for example in study.examples for text in texts_of(example))
        return frozenset(cue.text for text in texts for cue in denying_cues(text, self.vocabulary))

    @property
    def denials(self) -> frozenset[str]:
        """The cues by which a training text denies a finding; those of contrasts alone are not among them."""
        said: Iterator[Example | Contradiction] = chain.from_iterable(
            (example, *example.contradictions) for study in self.train for example in study.examples
        )
        return frozenset(part.cue for part in said if part.cue and part.claim and part.claim.polarity == "absent")


def nothing(vocabulary: Vocabulary) -> TrainingData:
    """No study at all."""
    return TrainingData((), (), Truth([], []), 0, 0, vocabulary)


def training_data(
    examples: Sequence[Example],
    *,
    most_validation: int,
    seed: int = 0,
    fits: Callable[[str], bool] = lambda text: True,
    vocabulary: Vocabulary | None = None,
) -> TrainingData:
    """Studies to train on and to validate on; lines of the test split are not looked at.

    ``fits``: whether the model can read a text. Lines that have one which it cannot are set aside, and captions are
    shortened until it can. Raises DataError: a statement that is true and false of one study, a study with two images,
    two patients or lines in both splits, fewer than two studies to train on or to validate on.
    """
    vocabulary = given(vocabulary)
    every = frames(vocabulary)
    used = [example for example in examples if example.split != "test"]
    with_image = [example for example in used if example.image is not None]
    readable = [example for example in with_image if all(map(fits, texts_of(example)))]
    train, validation = (
        _studies([example for example in readable if example.split == split], seed, fits, every)
        for split in ("train", "validation")
    )
    for split, studies in (("train", train), ("validation", validation)):
        if len(studies) < 2:
            raise DataError(
                f"the training file has {len(studies)} {split} studies with an image and texts that the model can "
                "read, and at least 2 are needed; give its lines a split of train or validation, by patient"
            )
    if shared := sorted({study.study_id for study in train} & {study.study_id for study in validation}):
        raise DataError(
            f"{len(shared)} studies have train and validation lines, first {shared[0]}; give each study one split "
            "and an id of its own"
        )
    if len(validation) > most_validation:
        places = np.random.default_rng(_DRAW).permutation(len(validation))[:most_validation]  # the same for every seed
        validation = tuple(validation[i] for i in sorted(places))
    both = (*train, *validation)
    facts = facts_by_study(example for study in both for example in study.examples)
    claims = {claim for study in both for claim in _claims(study.examples)}
    truth = Truth(sorted(claims, key=repr), [facts[study.study_id] for study in both], vocabulary)
    return TrainingData(
        train, validation, truth, len(used) - len(with_image), len(with_image) - len(readable), vocabulary
    )


def _claims(examples: Iterable[Example]) -> Iterable[Claim]:
    for example in examples:
        yield example.claim.meaning
        yield from (other.claim.meaning for other in example.contradictions if other.claim)


def texts_of(example: Example) -> Iterable[str]:
    return (example.text, *(other.text for other in example.contradictions))


def _studies(
    examples: Sequence[Example], seed: int, fits: Callable[[str], bool], every: tuple[str, ...]
) -> tuple[Study, ...]:
    grouped: dict[str, list[Example]] = {}
    for example in examples:
        grouped.setdefault(example.study_id, []).append(example)
    return tuple(
        _study(group, np.random.default_rng([seed, _DRAW, number]), fits, every)
        for number, group in enumerate(grouped.values())
    )


def _study(
    examples: list[Example], rng: np.random.Generator, fits: Callable[[str], bool], every: tuple[str, ...]
) -> Study:
    first = examples[0]
    if len(patients := {example.patient_id for example in examples}) > 1:
        raise DataError(
            f"study {first.study_id} belongs to {len(patients)} patients, {' and '.join(sorted(patients)[:2])}; "
            "give each study an id of its own"
        )
    if len(images := {str(example.image) for example in examples}) > 1:
        raise DataError(
            f"study {first.study_id} has {len(images)} images, {' and '.join(sorted(images)[:2])}; "
            "give each image a study_id of its own"
        )
    true = {_plain(example.text) for example in examples}
    for example in examples:
        for other in example.contradictions:
            if _plain(other.text) in true:
                raise DataError(
                    f"{shown(other.text)!r} is given as true and as false of study {first.study_id}; take one of the "
                    "two out"
                )
    plain = [example for example in examples if example.cue is None]
    return Study(
        first.study_id,
        first.patient_id,
        str(first.image),
        tuple(examples),
        tuple(_caption(examples if i else plain or examples, rng, fits, every) for i in range(CAPTIONS)),
    )


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".")


def _caption(
    examples: Sequence[Example], rng: np.random.Generator, fits: Callable[[str], bool], every: tuple[str, ...]
) -> Caption:
    """Some of the statements, at most one a finding, in one of ``every`` frame and joined as reports do, as many as
    there are and fit."""
    wanted, chosen = int(rng.integers(*STATEMENTS, endpoint=True)), dict[str, Example]()
    for i in rng.permutation(len(examples)):
        chosen.setdefault(examples[i].claim.finding, examples[i])
    statements = list(chosen.values())[:wanted]
    frame, join = every[rng.integers(len(every))], JOINS[rng.integers(len(JOINS))]

    def write(texts: Sequence[str]) -> str:
        return sentence_case(frame.format(join.join(_clause(text, every) for text in texts)))

    while len(statements) > 1 and not fits(write([example.text for example in statements])):
        statements.pop()
    parts: list[Example | Contradiction] = list(statements)
    true, false = _together(parts, write), None
    if not fits(true.text):  # the frame is what is too much
        true = _together(parts, "".join)
    if places := [place for place, example in enumerate(statements) if example.contradictions]:
        place = places[rng.integers(len(places))]
        parts[place] = statements[place].contradictions[rng.integers(len(statements[place].contradictions))]
        false = _together(parts, write)
    return Caption(true, false if false and fits(false.text) else None)


def said_by(part: Example | Contradiction) -> Said:
    return _together([part], "".join)


def _together(parts: Sequence[Example | Contradiction], write: Callable[[Sequence[str]], str]) -> Said:
    return Said(
        write([part.text for part in parts]),
        tuple(part.claim.meaning if part.claim else None for part in parts),
        all(part.cue is None for part in parts),
    )


def _clause(text: str, every: tuple[str, ...]) -> str:
    """A sentence without its frame, full stop and capital, to stand among others;
    an abbreviation keeps its capitals."""
    bare = text.strip().rstrip(".")
    for lead in (frame.partition("{}")[0] for frame in every):
        if lead and bare.lower().startswith(lead):
            bare = bare[len(lead) :]
    return bare if bare[1:2].isupper() else bare[:1].lower() + bare[1:]


class Truth:
    """What holds of which study: 1, 0, or -1 where that is unknown.

    Kept by what a study's facts say about one finding, of which there are few kinds, however many studies there are.
    """

    def __init__(self, claims: Sequence[Claim], facts: Sequence[Sequence[Claim]], vocabulary: Vocabulary | None = None):
        self._place: dict[Claim, tuple[int, int]] = {}  # claim -> (finding, row of its table)
        self._tables: list[Int[np.ndarray, "claim kind"]] = []
        self._kinds = np.zeros((len(facts), len({claim.finding for claim in claims})), np.int32)  # [study, finding]
        for column, finding in enumerate(sorted({claim.finding for claim in claims})):
            about = [tuple(fact.meaning for fact in known if fact.finding == finding) for known in facts]
            kinds = {known: i for i, known in enumerate(dict.fromkeys(about))}
            self._kinds[:, column] = [kinds[known] for known in about]
            of_finding = [claim for claim in claims if claim.finding == finding]
            self._place |= {claim: (column, row) for row, claim in enumerate(of_finding)}
            self._tables.append(truth_table(of_finding, list(kinds), vocabulary))

    def of(self, claims: Sequence[Claim | None], studies: Int[np.ndarray, " study"]) -> Int[np.ndarray, "claim study"]:
        """Rows of claims (without their sources) over studies by number; a claim that is None is unknown of all."""
        values = np.full((len(claims), len(studies)), -1, np.int8)
        for row, claim in enumerate(claims):
            if claim is not None:
                column, place = self._place[claim]
                values[row] = self._tables[column][place, self._kinds[studies, column]]
        return values

    def of_all(self, claims: Sequence[Claim | None], studies: Int[np.ndarray, " study"]) -> Int[np.ndarray, " study"]:
        """Whether all of the claims hold together: 0 where one does not, else -1 where one is unknown, else 1."""
        each = self.of(claims, studies)
        return np.where((each == 0).any(0), 0, each.min(0)).astype(np.int8)

    def better(
        self, first: Sequence[Claim | None], second: Sequence[Claim | None], studies: Int[np.ndarray, " study"]
    ) -> Int[np.ndarray, " study"]:
        """Of two texts that differ in some claims, which one a study bears out in them: 1 where the first's hold and
        the second's do not, -1 where it is the other way round, else 0."""
        differ = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        if not differ:  # neither is on record
            return np.zeros(len(studies), np.int8)
        one, two = (self.of_all(side, studies) for side in zip(*differ, strict=True))
        return np.select([(one == 1) & (two == 0), (one == 0) & (two == 1)], [1, -1], 0).astype(np.int8)
