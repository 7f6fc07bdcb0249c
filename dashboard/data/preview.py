"""A look before the build: the first items or claims, as the build will have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.data import tables
from dashboard.parts import item_cards, memo, widgets
from dashboard.parts.text import plain
from nast_core.data.drawn import is_drawn
from nast_core.data.label_names import DRAWN
from nast_core.data.studies import needed_of_a_study
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.benchmark.builder import Built
    from nast_core.benchmark.items import Item
    from nast_core.claims.claim import Example
    from nast_core.claims.manner import Manner
    from nast_core.data.labels import LabelTable
    from nast_core.vocabulary.model import Vocabulary
    from nast_core.work.kinds import BuildClaimsRecipe, BuildItemsRecipe

_LOOK, _READ = 3, 40  # items shown before a build; reports read to show claims


@memo.shared("Reading the labels")
def _labels(
    spec: str,
    count: int,
    split: str | None,
    images: Path | None,
    images_only: bool,
    stamped: str,
    _vocabulary: Vocabulary,
    fingerprint: str,
) -> LabelTable:
    from nast_core.benchmark.sources import labelled_studies

    return labelled_studies(spec, count, split=split, images=images, images_only=images_only, vocabulary=_vocabulary)


def _stamped(path: Path | None) -> str:
    return stamp(path) if path else ""


def _table(recipe: BuildItemsRecipe) -> LabelTable:
    count = recipe.n if recipe.labels == DRAWN else 0  # only how many are drawn depends on it
    words, table = recipe.words, _stamped(recipe.table)
    return _labels(
        recipe.labels_spec, count, recipe.split, recipe.images, recipe.images_only, table, words, words.fingerprint
    )


@memo.copied("Writing the first items")
def _first_items(
    _table: LabelTable,
    recipe_json: str,
    labels: str,
    seed: int,
    balance: bool,
    count: int,
    _vocabulary: Vocabulary,
    fingerprint: str,
) -> Built:
    from nast_core.benchmark.builder import build_items
    from nast_core.benchmark.writers import writer_named

    return build_items(
        _table.studies,
        count,
        writer_named("template", labels, _vocabulary),
        seed=seed,
        source=_table.source,
        balance=balance,
        vocabulary=_vocabulary,
    )


def first_items(recipe: BuildItemsRecipe, count: int = _LOOK) -> list[Item]:
    """The first items that the template writer would give to this build."""
    asked = f"{recipe.model_dump_json(exclude={'out'})} {_stamped(recipe.table)}"
    count = min(count, recipe.n)
    words, labels = recipe.words, recipe.labels_spec
    built = _first_items(_table(recipe), asked, labels, recipe.seed, recipe.balance, count, words, words.fingerprint)
    return built.items


def draw_items(recipe: BuildItemsRecipe) -> None:
    """How many studies there are to ask about, and the first items; of a language model, what it would be sent."""
    st.subheader("A look before the build")
    with widgets.advice():
        table = _table(recipe)
    counts = table.counts
    st.caption(
        f"{len(table.studies):,} eligible studies ({needed_of_a_study(len(recipe.words.conditions))})"
        + (f", of {counts['studies']:,}" if "studies" in counts else "")
        + (f"; {counts['uncertain_labels']:,} uncertain labels are not used" if counts.get("uncertain_labels") else "")
        + "."
    )
    for note in table.notes:
        with st.container(border=True):
            st.text(note)  # labels of a file: text, never Markdown
    if recipe.writer == "llm":
        _preview_llm(recipe, table)
        return
    with widgets.advice():
        items = first_items(recipe)
    st.caption(f"The first {len(items)} of the {recipe.n:,} items, as the build will have them.")
    _draw(items, recipe.images)


def _draw(items: list[Item], images: Path | None) -> None:
    for item in items:
        with st.container(border=True):
            st.markdown(f"**{plain(item.question)}** {item_cards.badges(item)}")
            item_cards.draw_item(
                item, images=str(images) if images else None, picture=bool(images) or is_drawn(item.image)
            )


def _preview_llm(recipe: BuildItemsRecipe, table: LabelTable) -> None:
    """What the endpoint is asked first, and its answer where the user wants one now."""
    import numpy as np

    from nast_core.benchmark.builder import build_items, task_of
    from nast_core.benchmark.design import draw_plans
    from nast_core.benchmark.llm import prompt
    from nast_core.work.build_items import writer_of

    with widgets.advice():
        rng, words = np.random.default_rng(recipe.seed), recipe.words
        plan = next(draw_plans(table.studies, rng, balance=recipe.balance, vocabulary=words))
    with st.expander("What the endpoint is sent for the first item", icon=":material/outgoing_mail:", expanded=True):
        for message in prompt(task_of(plan, recipe.seed, 0), words):
            st.caption(message["role"])
            st.code(message["content"], language=None, wrap_lines=True, height=180)
    if st.button(
        "Ask it now", icon=":material/send:", help="The answer is kept, and the build does not ask for it again."
    ):
        with widgets.advice(), st.spinner("Asking"):
            built = build_items(
                table.studies,
                1,
                writer_of(recipe, patience=1),
                seed=recipe.seed,
                source=table.source,
                balance=recipe.balance,
                vocabulary=words,
            )
        for draft in built.turned_down:
            st.warning(
                f"Draft {draft.attempt} turned down, {plain(draft.reason)}: {plain(draft.said[0])}",
                icon=":material/undo:",
            )
        _draw(built.items, recipe.images)


@memo.copied("Reading the first reports")
def _first_claims(
    source: str, split: str | None, seed: int, stamped: str, manner: Manner, _vocabulary: Vocabulary, fingerprint: str
) -> list[Example]:
    from nast_core.claims.build import build_examples
    from nast_core.claims.sources import read_source

    read = read_source(source, split=split, seed=seed, most=_READ, vocabulary=_vocabulary)  # type: ignore[arg-type]
    return build_examples(read.studies, seed=seed, balanced=False, manner=manner, vocabulary=_vocabulary).examples


def draw_claims(recipe: BuildClaimsRecipe) -> None:
    """Statements of the first studies."""
    st.subheader("A look before the build")
    with widgets.advice():
        words, reports = recipe.words, _stamped(recipe.reports)
        examples = _first_claims(
            recipe.source_spec, recipe.split, recipe.seed, reports, recipe.manner, words, words.fingerprint
        )
    st.caption(
        f"Statements from {_READ} studies, before balancing. Each contradicts its neighbour in one attribute. "
        "A star marks a cue held out of training lines."
    )
    st.dataframe(tables.claim_rows(examples), hide_index=True, height=360)
