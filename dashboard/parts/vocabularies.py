"""Vocabularies on pages: which one is meant, its file as it stands, and a copy of one that comes with NAST."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.parts import asking, datasets, memo, sets, widgets
from nast_core.files.stamps import stamp
from nast_core.vocabulary.file import FILE
from nast_core.vocabulary.shipped import CHEXPERT, SHIPPED

if TYPE_CHECKING:
    from nast_core.vocabulary.changing import Opened
    from nast_core.vocabulary.model import Vocabulary


def of_dataset() -> str:
    """The chosen dataset's: a shipped name, or the file in its folder."""
    from nast_core.dataset.folder import FolderDataset

    dataset = datasets.if_there()
    if isinstance(dataset, FolderDataset) and (dataset.folder / FILE).is_file():
        return str(dataset.folder / FILE)
    return CHEXPERT


def choose(place: Any, *, key: str) -> str:
    """A shipped name or a path: the dataset's first, then those in the folder of data sets and those that come with
    NAST; any other is typed."""
    here = sorted(map(str, sets.home().glob("*.vocabulary.yaml")))
    options = list(dict.fromkeys([of_dataset(), *here, *SHIPPED]))
    return (
        asking.one_of(
            place,
            "Vocabulary",
            options,
            key=key,
            help="The dataset's own, one that comes with NAST, or the path of a vocabulary.yaml.",
        )
        or options[0]
    )


def read(spec: str) -> Opened:
    """As its file stands; for one that cannot be read, its reason in one sentence, and the page ends."""
    with widgets.advice():
        return _read(spec, "" if spec in SHIPPED else stamp(widgets.path(spec)))


@memo.shared("Reading the vocabulary")
def _read(spec: str, stamped: str) -> Opened:
    from nast_core.vocabulary import changing

    return changing.open_shipped(spec) if spec in SHIPPED else changing.open_file(widgets.path(spec))


def of(spec: str) -> Vocabulary:
    return read(spec).vocabulary


def copy_of(name: str) -> Path:
    """The copy of a shipped vocabulary in the folder of data sets, made where there is none: what may be changed."""
    from nast_core.files.writing import write_text

    path = sets.home() / f"{name}.vocabulary.yaml"
    if not path.exists():
        with widgets.advice():
            write_text(path, read(name).text)
    return path


def is_of_dataset(path: Path) -> bool:
    """Whether a file is the vocabulary of a dataset, which keeps the words that it was built with."""
    from nast_core.dataset.folder import is_dataset

    return path.name == FILE and is_dataset(path.parent)
