"""The dataset that is chosen beside the model: every page obeys it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import memo, sets
from dashboard.parts.widgets import advice
from nast_core.data.studies import PHANTOMS
from nast_core.errors import NastError
from nast_core.files.gate import as_path
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset
    from nast_core.vocabulary.model import Vocabulary

DRAWN = PHANTOMS  # the dataset that comes with NAST
START = os.environ.get("NAST_DATASET") or PHANTOMS  # what is chosen first; 'nast app --dataset' says it
_OFFERED = 30  # folders of the home of data sets, the newest first


def spec() -> str:
    """As recipes name it."""
    typed = (st.session_state.get("dataset") or START).strip()
    if typed == PHANTOMS:
        return typed
    try:
        return str(as_path(typed).absolute())
    except NastError:
        return typed  # whoever opens it says what is wrong


def drawn(name: str | None = None) -> bool:
    """Whether a dataset, or the chosen one, is the phantom world."""
    return (name or spec()) == DRAWN


def chosen() -> Dataset:
    """The chosen dataset; for one that cannot be used, its reason in one sentence, and the page ends."""
    with advice():
        return load(spec())


def if_there() -> Dataset | None:
    """The chosen dataset, or None where it cannot be used; the page has said why."""
    try:
        return load(spec())
    except NastError:
        return None


def vocabulary() -> Vocabulary:
    """What sentences are read by: the chosen dataset's, or CheXpert's 13 where it cannot be used."""
    from nast_core.vocabulary.shipped import chest

    dataset = if_there()
    return dataset.vocabulary if dataset else chest()


def load(name: str) -> Dataset:
    """A dataset, kept for all sessions while its folder stays. Raises DatasetError for one that cannot be used."""
    from nast_core.dataset.folder import FolderDataset
    from nast_core.dataset.opened import images_there, open_dataset

    if name == PHANTOMS:
        return open_dataset(name)
    dataset = _opened(name, stamp(Path(name)))
    assert isinstance(dataset, FolderDataset)
    images_there(dataset)  # which may go while the folder stays
    return dataset


@memo.shared("Opening the dataset")
def _opened(name: str, stamped: str) -> Dataset:
    from nast_core.dataset.opened import open_dataset

    return open_dataset(name)


def offered() -> list[str]:
    """Specs to choose from: the phantoms, those that lie where data sets go, and those that runs have built."""
    from nast_core.dataset.folder import is_dataset
    from nast_core.runs.store import RunStore

    here = [folder for folder in _folders(sets.home()) if is_dataset(folder)]
    built = [Path(run.recipe.out) for run in RunStore().runs() if run.id.startswith("dataset-")]  # type: ignore[attr-defined]
    there = [folder for folder in built if is_dataset(folder)]
    return list(dict.fromkeys([PHANTOMS, START, *map(str, [*there, *here])]))


def _folders(home: Path) -> list[Path]:
    try:
        folders = [Path(entry.path) for entry in os.scandir(home) if entry.is_dir()]
        return sorted(folders, key=lambda folder: -folder.stat().st_mtime)[:_OFFERED]
    except OSError:
        return []


def of_split(dataset: Dataset, split: Split) -> str:
    """What a figure is of, as captions say it."""
    return f"{split} {dataset.picture}s" if dataset.drawn else f"the {split} split of {dataset.name}"


def disclaimer() -> str:
    """What has to be said of drawings, to end a sentence with."""
    return "; until you do, all radiographs are **drawings, not patients**" if drawn() else ""


def image_with(finding: bool = True, several: int = 1) -> str:
    """What each pair is scored on, as headings say it."""
    what = chosen().picture
    kind = "with its finding" if finding else "without its finding"
    return (
        f"a {what} {kind}".replace("a image", "an image") if several == 1 else f"the mean of {several} {what}s {kind}"
    )
