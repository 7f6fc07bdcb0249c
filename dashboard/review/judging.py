"""Judging on the Review page: which file, who judges, and one item at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.parts import asking, datasets, fields, item_cards, sources, splits, widgets
from dashboard.parts.items import items_of
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.review.judgements import Judgement, Reviews, Verdict

# verdict -> label, icon, key; Streamlit keeps the letters C and R for itself
BUTTONS: dict[Verdict, tuple[str, str, str]] = {
    "correct": ("Correct", ":material/check:", "1"),
    "wrong": ("Wrong", ":material/close:", "2"),
    "unclear": ("Unclear", ":material/question_mark:", "3"),
}
REVIEWER = "review-as"  # who judges in this session; no widget's key, so that it outlives a change of view


class Opened(NamedTuple):
    path: Path
    items: list[Item]
    reviews: Reviews
    images: str | None


def open_items() -> Opened:
    """The items under review: the chosen dataset's, or a file's."""
    from nast_core.review.judgements import Reviews, review_folder

    if "review-opened" in st.session_state:  # a widget's value may only be set before it is drawn
        st.session_state["review-items"] = st.session_state.pop("review-opened")
    path, images = _of_dataset() if _from_dataset() else _of_file()
    with widgets.advice():
        items = items_of(path)
    st.caption(f"{len(items):,} items. Judgements are saved at once, in {plain(review_folder(path))}.")
    return Opened(path, items, Reviews(path), images)


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


def judge(opened: Opened) -> None:
    """One item after another, in the reviewer's own order, from the first that is not judged."""
    from nast_core.review.judgements import current, outdated, reading_order

    name = _reviewer(opened)
    with widgets.advice():
        lines = opened.reviews.of(name)
    judged = current(lines, opened.items)
    order = reading_order(opened.items, name)
    left = [item for item in order if item.item_id not in judged]
    done = len(order) - len(left)
    st.progress(done / len(order), f"{plain(name)}: {done:,} of {len(order):,} judged")
    if changed := outdated(lines, opened.items):
        st.caption(
            f":material/info: {changed:,} of your judgements no longer count: the items were changed since, and come"
            " again."
        )
    if not left:
        st.success("All items are judged. The figures are under Agreement.", icon=":material/check_circle:")
        _undo(opened, name, lines, judged)
        return
    item = left[0]
    st.markdown(f"**{plain(item.question)}** {item_cards.badges(item)}")
    item_cards.draw_item(item, images=opened.images)
    comment = st.text_input(
        "Comment (optional)",
        st.session_state.get("review-comment", ""),
        key=f"review-comment-{item.item_id}-{len(lines)}",
        placeholder="What is wrong or unclear; then press a button, or leave this field and press its key.",
    )
    with st.container(horizontal=True):
        for verdict, (label, icon, key) in BUTTONS.items():
            if st.button(label, icon=icon, shortcut=key, key=f"review-{verdict}", width=160):
                with widgets.advice():
                    opened.reviews.judge(item, name, verdict, comment)
                st.session_state.pop("review-comment", None)
                st.rerun()
        _undo(opened, name, lines, judged)
    st.caption(
        "Correct: the marked option, and no other, is true of the image, and both forms say the same. You do not see"
        " what others judge. Keys: 1, 2, 3, and Z to go back."
    )


def _reviewer(opened: Opened) -> str:
    """The reviewer's name; one who has judged these items before says that it is the same person.

    Once given, the name is no field any more: keys pressed next would be typed into it.
    """
    from nast_core.review.judgements import file_name

    name = st.session_state.get(REVIEWER) or _asked_name(opened)
    with widgets.advice():
        before, me = opened.reviews.of(name), (str(opened.path), file_name(name))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Judging as **{plain(name)}**", width="content")
        if st.button("Change", icon=":material/person:", type="tertiary", key="review-change"):
            del st.session_state[REVIEWER]
            st.rerun()
    known = st.session_state.setdefault("review-known", set())
    if before and me not in known:
        st.warning(
            f"A reviewer called {plain(before[0].reviewer)} has judged {len({line.item_id for line in before}):,} of"
            f" these items, last on {before[-1].time:%Y-%m-%d}. If that was not you, change the name, so that the two"
            " are not mixed.",
            icon=":material/person_alert:",
        )
        if not st.button("That was me: go on", key="review-me"):
            widgets.end_page()
        known.add(me)
        st.rerun()
    known.add(me)
    return name


def _asked_name(opened: Opened) -> str:
    typed = st.text_input("Your name", key="review-name", placeholder="As it should stand beside your judgements")
    name = " ".join(typed.split())
    if not name:
        widgets.empty("Type your name to begin. You can stop at any time; the same name goes on where it stopped.")
    with widgets.advice():
        opened.reviews.of(name)  # refuses what is no name
    st.session_state[REVIEWER] = name
    st.rerun()


def _undo(opened: Opened, name: str, lines: list[Judgement], judged: dict[str, Judgement]) -> None:
    """Takes back the latest judgement that counts; the item is then the next again, with its comment."""
    last = next((line for line in reversed(lines) if judged.get(line.item_id) is line), None)
    if st.button(
        "Back",
        icon=":material/undo:",
        shortcut="Z",
        disabled=last is None,
        key="review-undo",
        help="Takes your last judgement back.",
    ):
        assert last is not None
        item = next(item for item in opened.items if item.item_id == last.item_id)
        with widgets.advice():
            opened.reviews.judge(item, name, None)
        st.session_state["review-comment"] = last.comment
        st.rerun()
