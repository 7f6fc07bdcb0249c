"""PadChest: labels with localisations, sentence by sentence, of the 39,053 images whose reports physicians labelled.

Bustos et al. 2020, arXiv:1901.07441; the table comes inside torchxrayvision. Labels list what a report finds, so one
side on record is the only side; a report labelled normal, and nothing else, denies every finding. There is no severity.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from pathlib import Path

import pandas as pd

from nast_core.claims.anatomy import Anatomy, anatomy
from nast_core.claims.claim import Claim
from nast_core.claims.study import Source, Study, consistent
from nast_core.data.label_layouts import python_list
from nast_core.data.label_words import may_stand_for, plain, rules_of
from nast_core.data.labels import packaged_table
from nast_core.errors import DataError
from nast_core.files.documents import packaged
from nast_core.files.gate import shown
from nast_core.files.tables import open_table, read_table
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

COLUMNS = ("ImageID", "ImageDir", "StudyID", "PatientID", "Projection", "MethodLabel", "LabelsLocalizationsBySentence")
_FRONTAL = ("PA", "AP", "AP_horizontal")


@lru_cache(maxsize=1)
def _rules() -> dict:
    return packaged("nast_core.claims", "padchest.yaml")


@lru_cache(maxsize=16)
def _conditions(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Label, without its side -> the conditions that it states."""
    by_label: dict[str, list[str]] = {}
    not_claimed = _rules()["not_claimed"] if vocabulary == chest() else {}
    for condition, labels in rules_of("padchest", vocabulary).present.items():
        for label in labels - set(map(plain, not_claimed.get(condition, ()))):
            by_label.setdefault(label, []).append(condition)
    return {label: tuple(conditions) for label, conditions in by_label.items()}


def _without_side(label: str) -> str:
    return plain(re.sub(_rules()["side_ending"], "", label))


def _doubted(sentences: Iterable[Iterable[str]], notes: Counter, vocabulary: Vocabulary) -> frozenset[str]:
    """The conditions that labels outside the vocabulary may stand for; ``notes`` counts the labels."""
    labels = {label for sentence in sentences for label in sentence if label and not label.startswith("loc ")}
    foreign = {label for label in labels if _without_side(label) not in rules_of("padchest", vocabulary).known}
    if foreign:
        notes["labels outside the vocabulary, of which nothing is claimed"] += len(foreign)
    return frozenset().union(*(may_stand_for(label, vocabulary) for label in foreign))


def padchest_studies(path: Path | None = None, most: int | None = None, vocabulary: Vocabulary | None = None) -> Source:
    """Frontal, physician-labelled studies. ``path``: the table, .csv or .csv.gz; by default torchxrayvision's.
    ``most``: only the first so many studies are looked at.

    Raises DataError for a table without PadChest's columns.
    """
    vocabulary = given(vocabulary)
    table = _read(path or packaged_table("padchest"))
    notes: Counter = Counter()
    notes["images labelled by a network, not by a physician"] = int((table.MethodLabel != "Physician").sum())
    table = table[table.MethodLabel == "Physician"]
    notes["images that are not frontal"] = int((~table.Projection.isin(_FRONTAL)).sum())
    table = table[table.Projection.isin(_FRONTAL)]
    first = table.drop_duplicates("StudyID")
    notes["further images of a study"] = len(table) - len(first)
    studies = []
    for row in first.head(len(first) if most is None else most).itertuples():
        try:
            sentences = _sentences(row.LabelsLocalizationsBySentence)
        except ValueError:
            notes["studies whose labels cannot be read"] += 1
            continue
        doubted = _doubted(sentences, notes, vocabulary)
        certain = (c for c in claims_of(sentences, vocabulary) if c.polarity == "present" or c.finding not in doubted)
        claims = consistent(certain, notes, vocabulary)
        if claims:
            studies.append(
                Study(
                    str(row.StudyID), str(row.PatientID), _exhaustive(claims, doubted), f"{row.ImageDir}/{row.ImageID}"
                )
            )
        else:
            notes["studies without a claim"] += 1
    return Source("PadChest", studies, "PadChest: research use, by agreement with BIMCV", notes)


def _read(path: Path) -> pd.DataFrame:
    header = open_table(path, absent="give PadChest's table of labels").header
    if missing := [name for name in COLUMNS if name not in header]:
        raise DataError(
            f"{shown(path)} is not PadChest's table: it has no column {missing[0]!r}; needed: {', '.join(COLUMNS)}"
        )
    return read_table(path, COLUMNS)


def _sentences(cell: str) -> list[list[str]]:
    value = python_list(cell)
    if not all(isinstance(sentence, list) for sentence in value):
        raise ValueError("labels by sentence must be a list of lists")
    return [[str(label).strip() for label in sentence] for sentence in value]


def claims_of(sentences: Iterable[Iterable[str]], vocabulary: Vocabulary | None = None) -> Iterator[Claim]:
    """What a study's labels state. A place belongs to its sentence's finding where there is but one."""
    vocabulary = given(vocabulary)
    label_lists = [list(sentence) for sentence in sentences]
    if label_lists and all(set(map(plain, sentence)) == {"normal"} for sentence in label_lists):
        # a report may call lungs normal and not speak of the pacemaker beside them
        spoken_of = [condition for condition, entry in vocabulary.entries.items() if not entry.device]
        yield from (Claim(finding=condition, polarity="absent", sentence="normal") for condition in spoken_of)
        return
    for sentence in label_lists:
        labels = [label for label in sentence if not label.startswith("loc ") and plain(label) != "unchanged"]
        places = [label for label in sentence if label.startswith("loc ")]
        if list(map(plain, labels)) == ["normal"]:
            for place in places:
                if (finding := _rules()["normal_at"].get(place)) in vocabulary:
                    yield Claim(finding=finding, polarity="absent", sentence=", ".join(sentence))
        alone = len(labels) == 1
        for label in labels:
            for finding in _conditions(vocabulary).get(_without_side(label), ()):
                words = [label, *places] if alone else [label]
                yield _present(finding, words, ", ".join(sentence), anatomy(vocabulary)[finding])


def _present(finding: str, words: list[str], sentence: str, can: Anatomy) -> Claim:
    sides, zones = (_entries(words, name) for name in ("sides", "zones"))
    side = sides[0] if len(sides) == 1 else "bilateral" if sides else None
    return Claim.model_validate(
        {
            "finding": finding,
            "polarity": "present",
            "laterality": side if can.sided else None,
            "zone": zones[0] if len(zones) == 1 and zones[0] in can.zones else None,
            "sentence": sentence,
        }
    )


def _entries(words: list[str], table: str) -> list[str]:
    text = " ".join(words)
    return [name for name, parts in _rules()[table].items() if any(f" {part} " in f" {text} " for part in parts)]


def _exhaustive(claims: tuple[Claim, ...], doubted: Set[str]) -> tuple[Claim, ...]:
    """A finding on record at one side, and in one claim, is nowhere else."""
    present = Counter(claim.finding for claim in claims if claim.polarity == "present")
    return tuple(
        claim.model_copy(update={"only": True})
        if claim.polarity == "present"
        and present[claim.finding] == 1
        and claim.laterality in ("left", "right")
        and claim.finding not in doubted
        else claim
        for claim in claims
    )
