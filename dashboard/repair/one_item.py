"""One question looked at: its statements, what the parser splits them into, and their scores as it is and repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.parts import datasets, keeper, repairing, widgets
from dashboard.parts.items import items_for
from dashboard.parts.marks import HOW, marked
from dashboard.parts.pictures import draw_picture, image_vector, named
from dashboard.parts.text import plain
from nast_core.errors import DatasetError, NastError

if TYPE_CHECKING:
    from dashboard.repair.asked_for import Asked
    from dashboard.repair.outcome import Outcome
    from nast_core.benchmark.items import Item
    from nast_core.models import DualEncoder

CASES = 60


def draw(model: DualEncoder, found: Outcome, asked: Asked) -> None:
    """One of a few validation questions; repairs as finished runs have them, others at their usual strength."""
    st.subheader("One question looked at")
    try:
        items = items_for(asked.dataset, CASES, 1, "validation")
    except DatasetError as error:
        widgets.hint(f"No question to show: {error}.")
        return
    number, typed = st.columns([1, 5], vertical_alignment="bottom")
    item = items[number.number_input("Question", 1, len(items), key="repair-case", bind="query-params") - 1]
    text = typed.text_input(
        "One more statement, of your own",
        key="repair-text",
        bind="query-params",
        placeholder="There is no edema, but a small effusion.",
    ).strip()
    models = _models(model, found, asked)
    picture, beside = st.columns([2, 5], gap="medium")
    with picture:
        seen = named(item.image)
        if seen is not None:
            draw_picture(seen)
    with beside:
        _statements(item, text, models)
        if seen is not None:
            with widgets.advice():
                _scores(item, text, models, image_vector(model, seen))


def _models(model: DualEncoder, found: Outcome, asked: Asked) -> dict[str, DualEncoder]:
    """Name -> the model as it is, and repaired by each method that learns nothing beforehand or is finished: at the
    strength that was chosen or given, else at the usual one."""
    done = {one.recipe.method: one.made.repair for one in found.done if one.recipe.model == asked.own}
    models = {asked.own: model}
    for recipe in asked.recipes:
        if recipe.model != asked.own or (repairing.method_of(recipe.method).fit and recipe.method not in done):
            continue
        repair = done.get(recipe.method, str(recipe.repair()))
        try:
            models[repair] = keeper.load(repairing.behind(asked.own, repair))
        except NastError as error:
            st.caption(f"{plain(recipe.method)}: {plain(error)}")
    return models


def _statements(item: Item, text: str, models: dict[str, DualEncoder]) -> None:
    for letter, said in zip("ABCD", item.negated, strict=True):
        tag = " :blue-badge[:material/done: true]" if letter == item.answer else ""
        st.markdown(f"**{letter}**&nbsp;&nbsp;{marked(said)}{tag}", help=HOW if letter == "A" else None)
        repairing.draw_split(repairing.split(said))
    if text:
        st.markdown(f"**Yours**&nbsp;&nbsp;{marked(text)}")
        repairing.draw_split(repairing.split(text))


def _scores(item: Item, text: str, models: dict[str, DualEncoder], vector) -> None:
    """A row a statement, a column a model; the one with the largest score is what it answers."""
    import torch

    image = torch.from_numpy(vector)[None]
    texts = [*item.negated, *([text] if text else [])]
    columns = {name: one.score(one.encode_texts(texts), image)[:, 0].tolist() for name, one in models.items()}
    table = pd.DataFrame(columns).round(2)
    rows = [f"{letter}, true" if letter == item.answer else letter for letter in "ABCD"]
    table.insert(0, "statement", [*rows, *(["yours"] if text else [])])
    answers = {name: "ABCD"[table[name][:4].argmax()] for name in columns}
    numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in columns}
    st.dataframe(table, hide_index=True, width="stretch", height="content", column_config=numbers)
    st.caption(
        "Scores of the image with each statement (logits); the highest of A to D is the answer: "
        + ", ".join(f"{plain(name)} {letter}{' (right)' * (letter == item.answer)}" for name, letter in answers.items())
        + f". {datasets.of_split(datasets.chosen(), 'validation').capitalize()}."
    )
