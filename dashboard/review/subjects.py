"""What is reviewed: a file of items, or a vocabulary's mappings; which one, how it is shown, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from dashboard.parts import asking, datasets, fields, item_cards, sources, splits, widgets
from dashboard.parts.items import items_of
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.review.judgements import Reviews, Verdict


class Button(NamedTuple):
    """What is pressed to judge. ``worded``: only with a better wording. Streamlit keeps the keys C and R for itself."""

    verdict: Verdict
    label: str
    icon: str
    shortcut: str
    worded: bool = False

    @property
    def name(self) -> str:
        return "better" if self.worded else self.verdict

    def offered(self, wording: str | None, *, key: str, disabled: bool = False) -> bool:
        """Whether it was pressed. ``wording``: None where what is typed cannot be one, and nothing can be pressed."""
        off = disabled or wording is None or (self.worded and not wording)
        return st.button(self.label, icon=self.icon, shortcut=self.shortcut, key=key, disabled=off, width=160)


class Subject(NamedTuple):
    """One kind of what is judged."""

    one: str
    many: str
    buttons: tuple[Button, ...]
    rule: str  # when it is right
    drawn: str  # what intervals are over
    draw: Callable[[Any, Opened], None]
    wording: Callable[[Any, Opened, str], str | None] | None = None  # a field for what would be better

    @property
    def keys(self) -> str:
        return ", ".join(button.shortcut for button in self.buttons)

    @property
    def labels(self) -> dict[Verdict, str]:
        """Verdict -> what it is called."""
        return {button.verdict: button.label.lower() for button in self.buttons if not button.worded}


class Opened(NamedTuple):
    path: Path
    items: list[Any]  # Item or PhraseMapping, as ``of`` says
    reviews: Reviews
    of: Subject
    images: str | None = None  # the folder of items' images


def open_items() -> Opened:
    """The items under review: the chosen dataset's, or a file's."""
    from nast_core.review.judgements import Reviews, review_folder

    if "review-opened" in st.session_state:  # a widget's value may only be set before it is drawn
        st.session_state["review-items"] = st.session_state.pop("review-opened")
    path, images = _of_dataset() if _from_dataset() else _of_file()
    with widgets.advice():
        items = items_of(path)
    st.caption(f"{len(items):,} items. Judgements are saved at once, in {plain(review_folder(path))}.")
    return Opened(path, items, Reviews(path), ITEMS, images)


def _from_dataset() -> bool:
    """Asked where there is a choice: drawn patients have no file until one is written."""
    if datasets.drawn():
        return False
    if not fields.fresh("review-items"):
        fields.start(**{"review-from": sources.SOURCES[1]})  # an address of before, or the demo's items just opened
    return sources.of_dataset(st, "Items from", key="review-from", label_visibility="collapsed")


def _of_dataset() -> tuple[Path, str | None]:
    """Its file of questions; without any, why there are none, and the page ends. Test patients are among them."""
    from nast_core.dataset.folder import FolderDataset, manifest_note
    from nast_core.dataset.manifest import ITEMS

    dataset = datasets.chosen()
    assert isinstance(dataset, FolderDataset)  # the others are drawn
    items = {split: part.items for split, part in dataset.manifest.splits.items()}
    if not sum(items.values()):
        reasons = "; ".join(f"{split}: {manifest_note(dataset.manifest, split)}" for split in splits.HELD_OUT)
        widgets.empty(f"{dataset.name} has no question to review. {reasons}. Choose another dataset, or give a file.")
    if items.get(splits.HELD_OUT[0]):
        splits.need_leave(dataset, splits.HELD_OUT[0], "review")
    return dataset.folder / ITEMS, str(dataset.images)


def _of_file() -> tuple[Path, str | None]:
    """A file that is typed; without any, an offer of the demo's."""
    left, right = st.columns([5, 3])
    typed = asking.field(left, "Items file", key="review-items", placeholder="items.jsonl, of the Data page")
    images = asking.field(right, "Folder of its images", key="review-images", help="Drawn ones need none.")
    if not typed:
        if st.button(
            f"Start on {item_cards.DEMO_ITEMS} demo items",
            type="primary",
            icon=":material/play_arrow:",
            key="review-demo",
        ):
            with widgets.advice(), st.spinner("Writing the demo items"):
                demo = item_cards.demo_items()
            asking.allow("review-items", demo)
            st.session_state["review-opened"] = str(demo)
            st.rerun()
        widgets.empty("Name an items file, or start on the demo items: drawn chest radiographs, ready in a moment.")
    return widgets.path(typed), images or None


def _draw_item(item: Item, opened: Opened) -> None:
    st.markdown(f"**{plain(item.question)}** {item_cards.badges(item)}")
    item_cards.draw_item(item, images=opened.images)


ITEMS = Subject(
    "item",
    "items",
    (
        Button("correct", "Correct", ":material/check:", "1"),
        Button("wrong", "Wrong", ":material/close:", "2"),
        Button("unclear", "Unclear", ":material/question_mark:", "3"),
    ),
    "Correct: the marked option, and no other, is true of the image, and both forms say the same.",
    "patients",
    _draw_item,
)
