"""What the Benchmark page asks of the engine: questions, models and their answers, kept by what they depend on."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.parts import asking, fields, finetunes, jobs, keeper, memo, widgets
from dashboard.parts.items import items_of, phantom_items
from dashboard.parts.text import plain
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.models import DualEncoder
    from nast_core.work.kinds import BenchmarkRecipe

SOON = 60.0  # seconds: what takes less is answered on the page, what takes more is a run of its own
PHANTOM_COUNTS = [200, 500, 1000, 2000, 3000]


@dataclass(frozen=True)
class Questions:
    """The items asked, what names them, the folder of their images, and the recipe that asks the same."""

    items: list[Item]
    key: str
    folder: str | None
    recipe: dict[str, object]


@dataclass(frozen=True)
class Answers:
    """One model's answers; ``scored`` as ``score_items`` gives them."""

    spec: str
    name: str
    fingerprint: str
    scored: pd.DataFrame
    failed: dict[str, str]  # image -> why it could not be read


def choose_questions() -> Questions:
    """Phantoms, or any items file; a file that is none is a sentence, and the page ends."""
    with st.expander("Questions", icon=":material/quiz:"):
        source, rest = st.columns([1, 3])
        kind = fields.one_of(source, "From", ["phantoms", "a file"], key="from")
        if kind == "phantoms":
            count, seed = rest.columns(2)
            n = count.select_slider("Number of items", PHANTOM_COUNTS, value=500, key="n", bind="query-params")
            drawn = int(seed.number_input("Seed", 0, 10_000, 0, key="seed", bind="query-params"))
            items = phantom_items(n, drawn, "test")
            return Questions(items, f"phantom-test-{n}-{drawn}", None, {"n": n, "seed": drawn})
        where, beside = rest.columns(2)
        typed = asking.field(where, "items.jsonl, of 'nast benchmark build'", key="items")
        folder = asking.field(beside, "Folder of its images", key="images") or None
        if not typed:
            widgets.empty("Give the path of an items file, or choose phantoms.")
        path = widgets.path(typed)
        with widgets.advice():
            items = items_of(path)
        images = widgets.path(folder) if folder else None
        return Questions(items, f"{path}-{stamp(path)}", folder, {"items": path, "images": images})


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
    return list(dict.fromkeys([own, *(spec.strip() for spec in others)]))


def ask(specs: list[str], questions: Questions) -> dict[str, Answers]:
    """Answers by spec. A model that does not load is its sentence; a slow one is offered as a run; the others go on."""
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
    from nast_core.benchmark.scoring import distinct_texts
    from nast_core.opening import stamp_of
    from nast_core.runs.pace import duration
    from nast_core.work.identity import find_run

    name = ("answers", spec, stamp_of(spec), questions.key, questions.folder)
    answers = memo.find(*name)
    if answers is None:
        model = keeper.load(spec)
        run = find_run(_recipe(spec, questions), model_fingerprint=model.fingerprint)
        if run is None:
            seconds = seconds_left(model, distinct_texts(questions.items), {item.image for item in questions.items})
            if seconds > SOON:
                label = f"Ask {plain(model.card.name)}: {duration(seconds)}"
                jobs.offer(_recipe(spec, questions), model.fingerprint, label, key=f"benchmark-ask-{spec}")
                return None
            run = jobs.run_now(_recipe(spec, questions), model, "Encoding images and texts")
        scored, failed = read_results(run.folder)
        answers = Answers(spec, model.card.name, model.fingerprint, scored, failed)
    return memo.keep(answers, *name)


def _recipe(spec: str, questions: Questions) -> BenchmarkRecipe:
    from nast_core.work.kinds import BenchmarkRecipe

    return BenchmarkRecipe.model_validate({"model": spec, **questions.recipe})


def seconds_left(model: DualEncoder, texts: Collection[str], images: Collection[str]) -> float:
    """What is left to encode will take about so long; texts come last, so that nothing is left where all are kept."""
    from nast_core.encoding.cache import default_cache

    cache = default_cache()
    shelf = cache.texts(model) if cache else None
    missing = sum(text not in shelf for text in texts) if shelf else len(texts)
    if not missing:
        return 0.0
    an_image, a_text = _pace(model, model.fingerprint)
    return an_image * len(images) + a_text * missing


@memo.copied("Timing a few images and texts")
def _pace(_model: DualEncoder, fingerprint: str) -> tuple[float, float]:
    from nast_core.encoding.images import encode_named

    took = []
    for work in (
        lambda: encode_named(_model, [f"phantom:{seed}" for seed in range(4)]),
        lambda: _model.encode_texts([f"There is no edema, and {n} other findings are not seen." for n in range(16)]),
    ):
        work()  # the first call pays for what later ones find ready
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return took[0] / 4, took[1] / 16


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
