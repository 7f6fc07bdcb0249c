"""The vocabulary that a file of items or claims was built with: a copy of it lies beside the file, where it is not the
13's."""

import os
from collections.abc import Iterator
from pathlib import Path

from nast_core.vocabulary.file import FILE, read_vocabulary, write_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest

_DATASET = "dataset.yaml"  # beside which a vocabulary.yaml is the dataset's


def beside(path: Path) -> Path:
    """items.jsonl -> items.vocabulary.yaml."""
    return path.with_suffix(".vocabulary.yaml")


def copies(path: Path) -> Iterator[Path]:
    """Where the vocabulary of a file may lie: beside it, or in its dataset's folder."""
    if path.name:
        yield beside(path)
    if os.path.isfile(path.parent / _DATASET):
        yield path.parent / FILE


def vocabulary_of(path: Path) -> Vocabulary:
    """Of items or claims. Raises VocabularyError for a copy that is none."""
    there = next(filter(os.path.isfile, copies(path)), None)  # which, unlike Path's, never raises
    return chest() if there is None else read_vocabulary(there)


def write_beside(path: Path, vocabulary: Vocabulary) -> None:
    """The copy beside a file of items or claims; none of the 13."""
    if vocabulary != chest():
        write_vocabulary(beside(path), vocabulary)


def told(vocabulary: Vocabulary) -> str:
    """As cards name it: name and fingerprint; empty for the 13, of which old cards say nothing."""
    return "" if vocabulary == chest() else f"{vocabulary.name} ({vocabulary.fingerprint[:12]})"
