"""What a page asks about: a split of the chosen dataset, or a file and its images; chosen in one way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from dashboard.parts import asking, datasets, fields, splits, widgets
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset

SOURCES = ["the dataset", "a file"]


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Names of the fields, as an address has them."""

    source: str
    file: str
    images: str
    split: str
    n: str
    seed: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is asked for, in words."""

    title: str
    icon: str
    fields: Fields
    path: str  # what the field of the file is called
    a_file: str  # what belongs in it
    setting: str  # the field of a recipe that names it
    count: str  # what is counted
    counts: Sequence[int]
    usual: int
    part: str  # of the page, which asks before test patients are used


class Chosen(NamedTuple):
    """What is asked about; nothing, where a split ``lacks`` it, for that reason."""

    key: str  # names it
    of: str  # as subtitles say it
    folder: str | None  # of its images
    recipe: dict[str, Any]  # the fields of a recipe that asks it
    lacks: str = ""


def of_dataset(place: Any, label: str, *, key: str, **settings: Any) -> bool:
    """Whether it is the chosen dataset that is asked about, and not a file."""
    return fields.one_of(place, label, SOURCES, key=key, **settings) == SOURCES[0]


def choose(kind: Kind, most: Callable[[Dataset, Split], int]) -> Chosen:
    """``most``: how many a split of a dataset has; its DatasetError is why the split lacks them."""
    source, rest = st.expander(kind.title, icon=kind.icon).columns([1, 3])
    if of_dataset(source, "From", key=kind.fields.source):
        return _a_split(rest, kind, most)
    where, beside = rest.columns(2)
    typed = asking.field(where, kind.path, key=kind.fields.file)
    folder = asking.field(beside, "Folder of its images", key=kind.fields.images)
    if not typed:
        widgets.empty(f"Give the path of {kind.a_file}, or choose the dataset.")
    path, images = widgets.path(typed), widgets.path(folder) if folder else None
    recipe = {kind.setting: path, "images": images}
    return Chosen(f"{path}-{stamp(path)}", path.name, str(images) if images else None, recipe)


def _a_split(place: DeltaGenerator, kind: Kind, most: Callable[[Dataset, Split], int]) -> Chosen:
    from nast_core.errors import DatasetError

    dataset, drawn = datasets.chosen(), 0
    part, count, seed = place.columns(3)
    split = splits.choose(part, dataset, key=kind.fields.split)
    name, of = f"{dataset.fingerprint}-{split}", datasets.of_split(dataset, split)
    folder = str(dataset.images) if dataset.images else None
    try:
        offered = kind.counts if datasets.drawn() else splits.counts(kind.counts, most(dataset, split))
    except DatasetError as error:
        return Chosen(name, of, folder, {}, str(error))
    n = splits.how_many(count, kind.count, offered, kind.usual, key=kind.fields.n)
    if datasets.drawn():
        drawn = int(seed.number_input("Seed", 0, 10_000, 0, key=kind.fields.seed, bind="query-params"))
    splits.need_leave(dataset, split, kind.part)
    recipe = {"dataset": dataset.spec, "n": n, "seed": drawn, "split": split}
    return Chosen(f"{name}-{n}-{drawn}", of, folder, recipe)
