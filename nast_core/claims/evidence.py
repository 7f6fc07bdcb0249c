"""What a claims file asks of a model, as arrays: statements, images, and which statement holds of which image."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from nast_core.claims.claim import Claim, Example
from nast_core.claims.truth import facts_by_study, truth_table
from nast_core.data.studies import Split
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

MOST_IMAGES = 2000  # of a retrieval gallery: beyond, the table of what holds of what outgrows memory
LEAST = 5  # images with a finding, and without, for its AUROC to count: with fewer it is mostly noise


@dataclass(frozen=True)
class Evidence:
    """The lines of one split that have an image, and what is known of those images."""

    split: str  # "all" where a file without test lines was taken whole
    examples: tuple[Example, ...]
    images: pd.DataFrame  # a row an image: image, study_id, patient_id
    imageless: int  # lines of the split without an image
    labels: Float[np.ndarray, "image condition"] | None = None  # of a table; else, what the statements tell
    vocabulary: Vocabulary = field(default_factory=chest)

    def with_labels(self, labels: Float[np.ndarray, "image condition"]) -> "Evidence":
        """The same, with what a table says of each image: 1, 0, NaN unknown, for the vocabulary's conditions."""
        return replace(self, labels=labels)

    @cached_property
    def facts(self) -> list[tuple[Claim, ...]]:
        """What is known of each image."""
        by_study = facts_by_study(self.examples)
        return [by_study.get(study, ()) for study in self.images.study_id]

    @cached_property
    def presence(self) -> Float[np.ndarray, "image condition"]:
        """1 present, 0 absent, NaN unknown, for the vocabulary's conditions."""
        if self.labels is not None:
            return self.labels
        claims = [Claim(finding=condition, polarity="present") for condition in self.vocabulary.conditions]
        table = truth_table(claims, self.facts, self.vocabulary).T.astype(float)
        return np.where(table < 0, np.nan, table)

    @property
    def conditions(self) -> list[str]:
        """Those with at least LEAST images that have them and LEAST that have not."""
        enough = ((self.presence == 1).sum(0) >= LEAST) & ((self.presence == 0).sum(0) >= LEAST)
        return [
            condition for condition, sufficient in zip(self.vocabulary.conditions, enough, strict=True) if sufficient
        ]

    def presence_of(self, conditions: Sequence[str]) -> Float[np.ndarray, "image condition"]:
        return self.presence[:, [self.vocabulary.conditions.index(condition) for condition in conditions]]

    def gallery(self, seed: int = 0) -> "Gallery":
        """At most MOST_IMAGES of the images, drawn by ``seed``, and the true statements about them."""
        places = np.sort(np.random.default_rng(seed).permutation(len(self.images))[:MOST_IMAGES])
        images = self.images.iloc[places].reset_index(drop=True)
        inside = set(images.image)
        examples = [example for example in self.examples if example.image in inside]
        row = {text: number for number, text in enumerate(dict.fromkeys(example.text for example in examples))}
        first = {example.text: example for example in reversed(examples)}
        sources = pd.DataFrame(
            [(row[example.text], example.study_id, example.patient_id) for example in examples],
            columns=["statement", "study_id", "patient_id"],
        )
        facts = [self.facts[place] for place in places]
        holds = truth_table([first[text].claim for text in row], facts, self.vocabulary)
        denied = np.array(
            [first[text].cue is not None and first[text].claim.polarity == "absent" for text in row], bool
        )
        return Gallery(images, tuple(row), tuple(first[text].cue for text in row), holds, denied, sources)


@dataclass(frozen=True)
class Gallery:
    """Statements and images that look for one another."""

    images: pd.DataFrame
    statements: tuple[str, ...]
    cues: tuple[str | None, ...]
    holds: Int[np.ndarray, "statement image"]  # 1, 0, or -1 where unknown
    denied: Bool[np.ndarray, " statement"]  # says by a negation cue that something is absent
    sources: pd.DataFrame  # a row a line: statement (row of ``holds``), study_id, patient_id


def labels_alone(
    images: pd.DataFrame,
    labels: Float[np.ndarray, "image condition"],
    split: Split,
    vocabulary: Vocabulary | None = None,
) -> Evidence:
    """Images of which nothing is said, and what a table says of them: AUROC can be measured, and nothing else.

    Raises DataError where no condition is had, and lacked, by LEAST of them.
    """
    known = Evidence(split, (), images.reset_index(drop=True), 0, labels, given(vocabulary))
    if not known.conditions:
        raise DataError(
            f"no condition is known of {LEAST} images of the {split} split that have it and {LEAST} that lack it"
        )
    return known


def evidence(examples: Sequence[Example], split: Split | None = None, vocabulary: Vocabulary | None = None) -> Evidence:
    """The lines of ``split``; without one, the test lines, or all of a file that has no test line.

    Raises DataError where the split has no line, none with an image, or one image stands for two studies.
    """
    there = {example.split for example in examples}
    if split is None and "test" in there:
        split = "test"
    if split is not None and split not in there:
        raise DataError(f"no line of the claims is of split {shown(split)!r}; it has {', '.join(sorted(there))}")
    of_split = [example for example in examples if split in (None, example.split)]
    with_image = tuple(example for example in of_split if example.image)
    if not with_image:
        raise DataError(
            f"none of the {len(of_split)} claims names an image, so nothing can be scored; build them with images"
        )
    rows = list(dict.fromkeys((example.image, example.study_id, example.patient_id) for example in with_image))
    images = pd.DataFrame(rows, columns=["image", "study_id", "patient_id"])
    if (twice := images.image[images.image.duplicated()]).size:
        raise DataError(f"the image {shown(twice.iloc[0])!r} stands for two studies; give each study its own image")
    return Evidence(split or "all", with_image, images, len(of_split) - len(with_image), None, given(vocabulary))


def without(evidence: Evidence, failed: set[str]) -> Evidence:
    """The evidence without images that could not be read."""
    read = (~evidence.images.image.isin(failed)).to_numpy()
    examples = tuple(example for example in evidence.examples if example.image not in failed)
    labels = evidence.labels[read] if evidence.labels is not None else None
    return Evidence(
        evidence.split,
        examples,
        evidence.images[read].reset_index(drop=True),
        evidence.imageless,
        labels,
        evidence.vocabulary,
    )
