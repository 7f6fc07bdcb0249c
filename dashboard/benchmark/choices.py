"""What the Benchmark page asks of the engine: questions, models and their answers, kept by what they depend on."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.parts import asking, datasets, finetunes, jobs, keeper, memo, repairing, sources, widgets
from dashboard.parts.items import EVERY, items_for, items_of
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.runs.store import Run

_TIMED = 4  # images
SOON = 60.0  # seconds: what takes less is answered on the page, what takes more is a run of its own
_QUESTIONS = sources.Kind(
    title="Questions",
    icon=":material/quiz:",
    fields=sources.Fields(source="from", file="items", images="images", split="benchmark-split", n="n", seed="seed"),
    path="items.jsonl, of 'nast benchmark build'",
    a_file="an items file",
    setting="items",
    count="Number of items",
    counts=[200, 500, 1000, 2000, 3000],
    usual=500,
    part="benchmark",
)


class Questions(NamedTuple):
    """The items asked, none where the split lacks them, and what they are."""

    items: list[Item]
    of: sources.Chosen


@dataclass(frozen=True)
class Answers:
    """One model's answers; ``scored`` as ``score_items`` gives them."""

    spec: str
    name: str
    fingerprint: str
    scored: pd.DataFrame
    failed: dict[str, str]  # image -> why it could not be read


def choose_questions() -> Questions:
    """The chosen dataset's, or any items file; a file that is none is a sentence, and the page ends."""
    chosen = sources.choose(_QUESTIONS, lambda dataset, split: len(items_for(dataset, EVERY, 0, split)))
    asked = chosen.recipe
    with widgets.advice():
        if "items" in asked:
            return Questions(items_of(asked["items"]), chosen)
        if chosen.lacks:
            return Questions([], chosen)
        return Questions(items_for(datasets.chosen(), asked["n"], asked["seed"], asked["split"]), chosen)


def choose_models() -> list[str]:
    """The sidebar's model, and any others to put beside it."""
    own, known = keeper.spec(), finetunes.offered()
    others = st.multiselect(
        "Beside the sidebar's model",
        [spec for spec in known if spec != own],
        key="with",
        bind="query-params",
        on_change=asking.typed,
        args=("with",),
        accept_new_options=True,
        placeholder="Choose a model, or type one",
        help=(
            "demo, demo-tuned, run:ID of a finished fine-tune, a folder, a name from the Models page, or"
            " open_clip:ARCH/PRETRAINED. All"
            " models answer the same questions."
        ),
    )
    finetunes.listed(known)
    with widgets.advice():
        repaired = repairing.choose()
    return list(dict.fromkeys([own, *([repaired] if repaired else []), *(spec.strip() for spec in others)]))


def ask(specs: list[str], questions: Questions) -> dict[str, Answers]:
    """Answers by spec. A model that does not load is its sentence; a slow one is offered as a run; the others go on.

    Where there are no questions, no answers: the models alone.
    """
    from nast_core.errors import NastError

    answers: dict[str, Answers] = {}
    for spec in specs:
        try:
            answer = _ask(spec, questions)
        except NastError as error:
            widgets.fault(f"{spec}: {error}" if len(specs) > 1 else error)
            continue
        if answer is not None:
            answers[spec] = answer
    if not answers:
        widgets.end_page()
    return answers


def _ask(spec: str, questions: Questions) -> Answers | None:
    """None where it would take long, and a run is offered."""
    from nast_core.benchmark.run import read_results
    from nast_core.claims.wording_of_items import known_of, texts_asked
    from nast_core.opening import stamp_of
    from nast_core.vocabulary.beside import vocabulary_of
    from nast_core.work.kinds import BenchmarkRecipe

    asked = questions.of
    name = ("answers", spec, stamp_of(spec), asked.key, asked.folder)
    answers = memo.find(*name)
    if answers is None:
        model = keeper.load(spec)
        if asked.lacks:
            return Answers(spec, model.card.name, model.fingerprint, pd.DataFrame({"item_id": []}), {})

        def needed() -> tuple[list[str], list[str]]:
            items = asked.recipe.get("items")
            vocabulary = vocabulary_of(items) if items else datasets.chosen().vocabulary
            texts = texts_asked(questions.items, known_of(questions.items, vocabulary), vocabulary)
            return texts, [item.image for item in questions.items]

        recipe = BenchmarkRecipe.model_validate({"model": spec, **asked.recipe})
        run = done(recipe, model, needed, asked.folder, "Ask {}: {}", key=f"benchmark-ask-{spec}")
        if run is None:
            return None
        scored, failed = read_results(run.folder)
        answers = Answers(spec, model.card.name, model.fingerprint, scored, failed)
    return memo.keep(answers, *name)


def done(
    recipe: Recipe,
    model: DualEncoder,
    needed: Callable[[], tuple[list[str], list[str]]],
    folder: str | None,
    label: str,
    *,
    key: str,
) -> Run | None:
    """The recipe's finished run: found, or carried out here; None where that would take long, and it is offered.

    ``needed``: the texts and the images, named under ``folder``, that it encodes. ``label``: of the button that starts
    it, with room for the model's name and the time.
    """
    from nast_core.runs.pace import duration
    from nast_core.work.identity import find_run

    run = find_run(recipe, model_fingerprint=model.fingerprint)
    if run is None:
        seconds = seconds_left(model, *needed(), folder)
        if seconds > SOON:
            called = label.format(plain(model.card.name), duration(seconds))
            jobs.offer(recipe, model.fingerprint, called, key=key)
            return None
        run = jobs.run_now(recipe, model, "Encoding images and texts")
    return run


def seconds_left(model: DualEncoder, texts: Collection[str], images: Sequence[str], folder: str | None = None) -> float:
    """What is left to encode will take about so long; texts come last, so that nothing is left where all are kept."""
    from nast_core.encoding.cache import default_cache

    cache = default_cache()
    shelf = cache.texts(model) if cache else None
    missing = sum(text not in shelf for text in texts) if shelf else len(texts)
    if not missing:
        return 0.0
    some = list(dict.fromkeys(images))
    an_image, a_text = _pace(model, model.fingerprint, some[:_TIMED], folder)
    return an_image * len(some) + a_text * missing


@memo.copied("Timing a few images and texts")
def _pace(_model: DualEncoder, fingerprint: str, _images: list[str], folder: str | None) -> tuple[float, float]:
    """Seconds an image and a text; images of one folder are taken to be alike."""
    from nast_core.encoding.images import encode_named

    took = []
    for work in (
        lambda: encode_named(_model, _images, widgets.path(folder) if folder else None),
        lambda: _model.encode_texts([f"There is no edema, and {n} other findings are not seen." for n in range(16)]),
    ):
        work()  # the first call pays for what later ones find ready
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return took[0] / max(len(_images), 1), took[1] / 16


@memo.copied()
def summary(_scored: pd.DataFrame, key: tuple) -> dict:
    from nast_core.benchmark.scoring import summarise

    return summarise(_scored)


@memo.copied()
def groups(_scored: pd.DataFrame, _items: list[Item], by: str, key: tuple) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(accuracies and gap by group, their corrected tests); cues held out of training are starred."""
    from nast_core.benchmark.groups import GROUPINGS, by_group, group_tests, grouped
    from nast_core.negation.phrases import HELD_OUT_CUES

    parts = grouped(_items, GROUPINGS[by])
    tables = by_group(_scored, parts), group_tests(_scored, parts)
    if by == "cue":
        for table in tables:
            table["group"] = [f"{cue} *" if cue in HELD_OUT_CUES else cue for cue in table.group]
    return tables


@memo.copied()
def between(_scored: dict[str, pd.DataFrame], key: tuple) -> pd.DataFrame:
    """Paired tests between the models, as ``model_tests`` gives them."""
    from nast_core.benchmark.several_models import model_tests

    return model_tests(_scored)
