"""A dataset that 'nast dataset build' made: opened, looked at, and asked. Images stay where they are.

Opened without torch: the sidebar does so before a page is painted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nast_core.benchmark.items import Item, read_items
from nast_core.claims.examples import read_claims
from nast_core.data.studies import SPLITS, Split
from nast_core.dataset.interface import LEAST_PATIENTS, too_few
from nast_core.dataset.manifest import CLAIMS, FILES, ITEMS, MANIFEST, PAIRS, STUDIES, Manifest, read_manifest
from nast_core.dataset.study_file import StudyFile
from nast_core.errors import DataError, DatasetError
from nast_core.files.gate import shown
from nast_core.vocabulary.file import read_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import SHIPPED, shipped

if TYPE_CHECKING:
    from nast_core.claims.claim import Example
    from nast_core.claims.evidence import Evidence
    from nast_core.negation.pairs import PolarityPair

_LOOKED_AT: tuple[Split, ...] = ("validation", "train")  # a model is never looked at on a test patient


class FolderDataset:
    """Raises DatasetError where the folder is none, is not whole, or its images or labels have gone or changed."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.manifest = read_manifest(folder)
        if missing := [name for name in FILES if not os.path.isfile(folder / name)]:
            raise DatasetError(f"{shown(folder)} lacks {missing[0]}; build the dataset anew with 'nast dataset build'")
        self.vocabulary = self._vocabulary()
        self.studies = StudyFile(folder / STUDIES, self.vocabulary.conditions)

    def _vocabulary(self) -> Vocabulary:
        """The shipped one that the manifest names, or the folder's own copy, which may have been reviewed since."""
        named = self.manifest.vocabulary
        if isinstance(named, str):
            if named not in SHIPPED:
                raise DatasetError(
                    f"{shown(self.folder)} was built with the vocabulary {shown(named)!r}, which does not come with "
                    "this version; build the dataset anew"
                )
            return shipped(named)
        own = read_vocabulary(self.folder / named.file)
        if own.fingerprint != named.fingerprint:
            raise DatasetError(
                f"{shown(self.folder / named.file)} was changed after the dataset was built; build it anew with "
                "'nast dataset build', or put the file back (reviews alone may be added)"
            )
        return own

    picture = "image"
    drawn = False

    @property
    def spec(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def images(self) -> Path | None:
        return self.manifest.images

    @property
    def fingerprint(self) -> str:
        return self.manifest.fingerprint

    @property
    def splits(self) -> tuple[Split, ...]:
        return tuple(split for split in SPLITS if self._of(split) > 0)

    def _of(self, split: Split) -> int:
        return self.manifest.splits[split].studies if split in self.manifest.splits else 0

    @cached_property
    def _items(self) -> list[Item]:
        any_built = any(part.items for part in self.manifest.splits.values())
        return read_items(self.folder / ITEMS) if any_built else []

    @cached_property
    def _claims(self) -> list[Example]:
        any_built = any(part.claims for part in self.manifest.splits.values())
        return read_claims(self.folder / CLAIMS, self.vocabulary) if any_built else []

    def items(self, split: Split, n: int, seed: int = 0) -> list[Item]:
        some = [item for item in self._items if item.split == split][:n]  # the builder drew them in random order
        if not some:
            raise DatasetError(f"{self.name} has no question about its {split} split: {self._why(split)}")
        return some

    def statements(self, splits: Sequence[Split], n: int, seed: int = 0) -> list[Example]:
        some: list[Example] = []
        for split in splits:
            lines = [example for example in self._claims if example.split == split]
            studies = list(dict.fromkeys(example.study_id for example in lines))
            drawn = set(studies)
            if len(studies) > n:
                drawn = {studies[i] for i in np.random.default_rng(seed).permutation(len(studies))[:n]}
            some += [example for example in lines if example.study_id in drawn]
        if not some:
            raise DatasetError(f"{self.name} has no statement of its {' or '.join(splits)} split")
        return some

    def evidence(self, split: Split, n: int, seed: int = 0) -> Evidence:
        from nast_core.claims.evidence import evidence, labels_alone

        try:
            return self.labelled(evidence(self.statements([split], n, seed), split, self.vocabulary))
        except DatasetError as error:
            table = self.studies.about()
            table = table[table.split == split].rename(columns={"study": "study_id", "patient": "patient_id"})
            some = table.sample(min(n, len(table)), random_state=seed).sort_index()[["image", "study_id", "patient_id"]]
            try:
                return labels_alone(some, self.studies.presence(some.image.tolist()), split, self.vocabulary)
            except DataError as reason:
                raise DatasetError(f"{error}, and {reason}") from None

    def labelled(self, known: Evidence) -> Evidence:
        """Statements with what the table of labels says of their images."""
        return known.with_labels(self.studies.presence(known.images.image.tolist()))

    def training(self, seed: int = 0) -> list[Example]:
        return self.statements(("train", "validation"), sys.maxsize, seed)

    def watched(self, seed: int = 0) -> list[Item]:
        return [item for item in self._items if item.split == "validation"]

    def pairs(self, conditions: Sequence[str] = (), *, present: bool | None = True) -> list[PolarityPair]:
        from nast_core.negation.pairs import read_pairs

        own = [condition for condition in conditions if condition in self.vocabulary]  # a model may know other words
        known = [pair for pair in read_pairs(self.folder / PAIRS) if not own or pair.finding in own]
        if not known:
            raise DatasetError(
                f"{self.name} has no pair about a condition that the model knows; choose another dataset or model"
            )
        needed = () if present is None else (True,) if present else (True, False)
        seen = {pair.finding for pair in known}
        seen = {finding for finding in seen if all(self.images_for(finding, present=state) for state in needed)}
        if not seen:
            raise DatasetError(
                f"{self.name} has no image of a {' or '.join(_LOOKED_AT)} patient who "
                f"{'has' if present else 'lacks'} what a pair is "
                "about, and a model is never looked at on a test patient; build it with shares for these, or choose "
                "another dataset"
            )
        return [pair for pair in known if pair.finding in seen]

    def images_for(self, condition: str, *, present: bool = True) -> list[str]:
        return self.studies.images(condition, present=present, split=self.looked_at())

    def findings(self, image: str) -> str:
        states = self.studies.presence([image])[0]
        if np.isnan(states).all():
            return ""
        return ", ".join(
            c.lower() for c, state in zip(self.vocabulary.conditions, states, strict=True) if state == 1
        ) or ("none of the labelled findings")

    def looked_at(self) -> Split:
        """Validation, or where it has too few patients, train."""
        people = {split: part.patients for split, part in self.manifest.splits.items()}
        return next((split for split in _LOOKED_AT if people.get(split, 0) >= LEAST_PATIENTS), _LOOKED_AT[-1])

    def lacks(self) -> list[str]:
        manifest = self.manifest
        said = [
            f"no image of the {split} split: nothing can be {_WITHOUT[split]} it"
            for split in SPLITS
            if split not in self.splits
        ]
        for split in self.splits:
            counts = manifest.splits[split]
            if split != "train" and not counts.items:
                said.append(f"no question about the {split} split: {self._why(split)}")
            if not counts.claims:
                said.append(f"no statement about the {split} split")
        said += too_few(self.studies.patients_having())
        if manifest.reports is None:
            said.append("no side, zone or grade: its statements come from labels, which name none")
        return said

    def _why(self, split: Split) -> str:
        return manifest_note(self.manifest, split)


_WITHOUT = dict(zip(SPLITS, ("learnt from", "chosen by", "reported of"), strict=True))


def manifest_note(manifest: Manifest, split: Split) -> str:
    """Why a split has no questions, as the build found it."""
    lead = f"{split}: "
    return next((note.removeprefix(lead) for note in manifest.notes if note.startswith(lead)), "none was built")


def is_dataset(folder: Path) -> bool:
    return os.path.isfile(folder / MANIFEST)  # which, unlike Path's, never raises
