"""What lies beside a data set, or is found out of it: its card, rejected drafts, what wording alone gives away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.data import charts
from dashboard.parts import fields, item_cards, memo, widgets
from dashboard.parts.text import document, plain
from nast_core.files.gate import MB, read_text
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nast_core.benchmark.drafts import TurnedDown
    from nast_core.benchmark.items import Item
    from nast_core.statistics.rates import Rate

_CARD = MB  # bytes of a dataset card; they have a few thousand
_GUESSERS = {
    "negated": "words, negated form",
    "affirmative": "words, affirmative form",
    "labels": "assignments alone",
}


def choose_view(views: dict[str, str]) -> str:
    return fields.one_of(st, "View", views, key="data-view", label_visibility="collapsed")


@memo.copied("Guessing from the wording alone")
def _guess_items(_items: list[Item], key: str) -> dict[str, Rate]:
    from nast_core.benchmark.guesser import guesses

    return guesses(_items)


def item_guessing(items: list[Item], path: Path) -> None:
    """What a reader of the options alone guesses of these items."""
    from nast_core.benchmark.guesser import CHANCE, LEAST_ITEMS, at_chance

    guessed = _guess_items(items, key_of(path, [item.item_id for item in items]))
    if not guessed:
        widgets.empty(f"At least {LEAST_ITEMS} items of 5 patients are needed to teach a guesser anything.")
    table = {_GUESSERS[name]: guessed[name] for name in _GUESSERS}
    telling = [guesser for guesser, rate in table.items() if not at_chance(rate)]
    if telling:
        st.warning(
            f"Not at chance: {', '.join(telling)}. The options give something away; a filter, or few items, can do that"
            " too.",
            icon=":material/warning:",
        )
    else:
        st.success(
            "All three guessers are at chance: the options alone do not give the answer away.",
            icon=":material/check_circle:",
        )
    guess_figure(
        table, CHANCE, f"logistic regression, five folds by patient; n = {len(items):,}; 95 % intervals over patients"
    )


def guess_figure(table: Mapping[str, Rate], chance: float, subtitle: str) -> None:
    widgets.figure(
        charts.guess_bars(table, chance=chance, title="What is guessed without the image", subtitle=subtitle),
        key="data-guesses",
        data=pd.DataFrame([{"guesser": name, **rate._asdict()} for name, rate in table.items()]),
        how_to_read=(
            "A reader of the text alone, trained on other patients. Each interval should hold the dotted line: to the"
            " right of it, the wording gives something away."
        ),
        alt="Accuracy of guessers that see no image",
    )


def key_of(path: Path, names: list[str]) -> str:
    """Names a file as it stands and the lines of it that are shown, for caches."""
    return f"{path} {stamp(path)} {hash(tuple(names))}"


def rejected(path: Path) -> None:
    """Why drafts were turned down, by reason, and each one with what was said of it."""
    from nast_core.benchmark.drafts import drafts_path, read_drafts
    from nast_core.benchmark.verify import REASONS

    drafts = read_drafts(path)
    if not drafts:
        widgets.empty(
            f"No draft of these items was turned down, or none was kept: there is no file {drafts_path(path).name}"
            " beside them."
        )
    table = pd.DataFrame(
        [
            {
                "item": d.item_id,
                "attempt": d.attempt,
                "given up": d.given_up,
                "reason": d.reason,
                "what was wrong": " ".join(d.said),
                "conditions": ", ".join(d.conditions),
            }
            for d in drafts
        ]
    )
    counts = (
        table.groupby("reason")
        .agg(drafts=("item", "size"), tasks_given_up=("given up", "sum"))
        .reset_index()
        .rename(columns={"tasks_given_up": "tasks given up"})
    )
    counts["meaning"] = counts.reason.map(REASONS).fillna("no draft came back")
    st.caption(
        f"Drafts turned down: {len(drafts):,}. Tasks given up after their last draft: {int(table['given up'].sum()):,}."
        " The others were written again and became items."
    )
    st.dataframe(counts, hide_index=True)
    reason = st.selectbox("Reason", counts.reason.tolist(), key="data-reason", bind="query-params")
    some = [d for d in drafts if d.reason == reason]
    number = st.number_input(f"Draft, of {len(some):,}", 1, len(some), 1, key=f"data-draft-{reason}") - 1
    _draw_draft(some[number])
    st.download_button(
        "All rejected drafts as CSV",
        table.to_csv(index=False),
        f"{path.stem}-rejected.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _draw_draft(draft: TurnedDown) -> None:
    """One draft, what was wrong with it, and what had been asked for."""
    st.markdown(
        f"**{plain(draft.item_id)}**, attempt {draft.attempt}{', given up' if draft.given_up else ', written again'}"
    )
    for complaint in draft.said:
        st.markdown(f":red[:material/cancel:] {plain(complaint)}")
    asked = pd.DataFrame(draft.assignments, columns=list(draft.conditions), index=list("ABCD"))
    st.caption("Asked for, by option: 1 present, 0 absent.")
    st.dataframe(asked, width="content")
    if draft.negated and draft.affirmative:
        left, right = st.columns(2)
        for column, heading, texts in (
            (left, "Affirmative", draft.affirmative),
            (right, "With negations", draft.negated),
        ):
            with column:
                st.markdown(f"##### {heading}")
                item_cards.draw_four(texts, None)


def card(path: Path) -> None:
    """The dataset card of the build."""
    beside = path.with_suffix(".card.md")
    if not beside.is_file():
        widgets.empty(f"There is no dataset card beside this file ({beside.name}); builds of this app write one.")
    draw_card(beside)


def draw_card(path: Path) -> None:
    """A card, to be read and downloaded."""
    with widgets.advice():
        text = read_text(path, most=_CARD)
    st.download_button(
        "Card as Markdown", text, path.name, "text/markdown", icon=":material/download:", on_click="ignore"
    )
    with st.container(border=True):
        st.markdown(document(text))
