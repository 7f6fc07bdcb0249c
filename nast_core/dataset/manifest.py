"""dataset.yaml: what a dataset's folder holds, where its images are, and what tells that it has changed."""

import hashlib
import json
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nast_core.data.studies import Split
from nast_core.errors import DatasetError, what_is_wrong
from nast_core.files.documents import read_yaml
from nast_core.files.gate import open_regular, shown
from nast_core.files.writing import write_text
from nast_core.vocabulary.file import FILE
from nast_core.vocabulary.shipped import CHEXPERT

FORMAT = 1  # of the folder: a dataset of another one is built anew
MANIFEST, STUDIES, ITEMS, CLAIMS, PAIRS, CARD = (
    "dataset.yaml",
    "studies.parquet",
    "items.jsonl",
    "claims.jsonl",
    "pairs.jsonl",
    "card.md",
)
_PIECE = 2**20  # bytes that are hashed at once
FILES = (STUDIES, ITEMS, CLAIMS, PAIRS, CARD)


class SplitCounts(BaseModel):
    """What a split holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    patients: int = 0
    studies: int = 0  # each with an image
    items: int = 0
    claims: int = 0


class Table(BaseModel):
    """The file of labels that the dataset was built from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: str  # as 'nast dataset build --labels' takes it
    path: Path
    sha256: str
    size: int  # bytes


class VocabularyFile(BaseModel):
    """The copy of a vocabulary in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    file: Literal["vocabulary.yaml"] = FILE  # type: ignore[assignment]
    fingerprint: str  # of all but its reviews, which may be added


class Manifest(BaseModel):
    """All of dataset.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str = Field(min_length=1, max_length=200)
    source: str  # key of labels.yaml
    licence: str
    vocabulary: str | VocabularyFile = CHEXPERT  # the 13 conditions, which need no copy, or a file of the folder
    images: Path  # the folder they are under, absolute; they stay there
    labels: Table
    reports: str | None = None  # as given
    seed: int
    splits: dict[Split, SplitCounts]
    conditions: dict[str, dict[Split, tuple[int, int]]]  # studies that have and that lack each
    counts: dict[str, int]  # what was left out, or disagreed, on the way
    notes: tuple[str, ...] = ()
    versions: dict[str, str]
    files: dict[str, str]  # name -> SHA-256

    @property
    def fingerprint(self) -> str:
        """Of everything that figures depend on: another text for other studies, questions, statements or pairs."""
        parts = {name: value for name, value in self.files.items() if name != CARD}
        if isinstance(self.vocabulary, VocabularyFile):
            parts[self.vocabulary.file] = self.vocabulary.fingerprint
        return hashlib.sha256(json.dumps([self.format, parts], sort_keys=True).encode()).hexdigest()

    @property
    def patients(self) -> int:
        return sum(part.patients for part in self.splits.values())

    @property
    def image_count(self) -> int:
        return sum(part.studies for part in self.splits.values())


def read_manifest(folder: Path) -> Manifest:
    """Raises DatasetError for a folder that is no dataset, was edited into none, or was built in another format."""
    value = read_yaml(
        folder / MANIFEST,
        error=DatasetError,
        absent="a dataset is a folder that 'nast dataset build' made; give one, or 'phantoms'",
    )
    built = value.get("format") if isinstance(value, dict) else None
    if built != FORMAT:
        raise DatasetError(
            f"{shown(folder)} was built in format {shown(built)}, and this version reads format {FORMAT}; build it "
            "anew with 'nast dataset build'"
        )
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise DatasetError(
            f"{shown(folder / MANIFEST)} is not as 'nast dataset build' writes it: {what_is_wrong(error)}; build it "
            "anew"
        ) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    write_text(
        folder / MANIFEST,
        yaml.safe_dump(manifest.model_dump(mode="json"), sort_keys=False, allow_unicode=True, default_flow_style=None),
    )


def digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces. Raises DatasetError for what is no file."""
    about = hashlib.sha256()
    with open_regular(path, error=DatasetError, absent="build the dataset anew") as file:
        while piece := file.read(_PIECE):
            about.update(piece)
    return about.hexdigest()
