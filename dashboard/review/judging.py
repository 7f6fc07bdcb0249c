"""Judging on the Review page: who judges, and one item or mapping at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from dashboard.review.subjects import Opened
    from nast_core.review.judgements import Judgement

REVIEWER = "review-as"  # who judges in this session; no widget's key, so that it outlives a change of view


def judge(opened: Opened) -> None:
    """One after another, in the reviewer's own order, from the first that is not judged."""
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
            f":material/info: {changed:,} of your judgements no longer count: the {opened.of.many} were changed"
            " since, and come again."
        )
    if not left:
        st.success(f"All {opened.of.many} are judged. The figures are under Agreement.", icon=":material/check_circle:")
        _undo(opened, name, lines, judged)
        return
    item = left[0]
    opened.of.draw(item, opened)
    comment = st.text_input(
        "Comment (optional)",
        st.session_state.get("review-comment", ""),
        key=f"review-comment-{item.item_id}-{len(lines)}",
        placeholder="What is wrong or unclear; then press a button, or leave this field and press its key.",
    )
    wording = opened.of.wording(item, opened, f"{len(lines)}") if opened.of.wording else ""
    with st.container(horizontal=True):
        for button in opened.of.buttons:
            if button.offered(wording, key=f"review-{button.name}"):
                with widgets.advice():
                    opened.reviews.judge(item, name, button.verdict, comment, wording or "")
                st.session_state.pop("review-comment", None)
                st.rerun()
        _undo(opened, name, lines, judged)
    st.caption(f"{opened.of.rule} You do not see what others judge. Keys: {opened.of.keys}, and Z to go back.")


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
            f" these {opened.of.many}, last on {before[-1].time:%Y-%m-%d}. If that was not you, change the name, so"
            " that the two are not mixed.",
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
