"""Vocabularies on pages: which one is meant, its file as it stands, and a copy of one that comes with NAST."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.parts import asking, datasets, memo, sets, widgets
from nast_core.files.stamps import stamp
from nast_core.vocabulary.file import FILE
from nast_core.vocabulary.names import CHEXPERT, SHIPPED

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


def choose_next(key: str, path: Path) -> None:
    """The next run of the page begins on this file: a field's value may only be set before it is drawn."""
    asking.allow(key, path)
    st.session_state[f"{key}-next"] = str(path)


def choose(place: Any, *, key: str) -> str:
    """A shipped name or a path: the dataset's first, then those in the folder of data sets and those that come with
    NAST; any other is typed."""
    if f"{key}-next" in st.session_state:
        st.session_state[key] = st.session_state.pop(f"{key}-next")
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


def ships(spec: str) -> bool:
    return spec in SHIPPED


def may_change(spec: str) -> bool:
    """Whether its words may be changed in its place: not what comes with NAST, nor what a dataset was built with."""
    return not ships(spec) and not is_of_dataset(widgets.path(spec))


def copy_of(spec: str) -> Path:
    """Its copy in the folder of data sets, made where there is none: what may be changed."""
    from nast_core.files.writing import write_text

    opened = read(spec)
    name = "-".join(re.findall(r"[^\W_]+", opened.vocabulary.name))
    path = sets.home() / f"{name}.vocabulary.yaml"
    if not path.exists():
        with widgets.advice():
            write_text(path, opened.text)
    return path


def is_of_dataset(path: Path) -> bool:
    """Whether a file is the vocabulary of a dataset, which keeps the words that it was built with."""
    from nast_core.dataset.folder import is_dataset

    return path.name == FILE and is_dataset(path.parent)
