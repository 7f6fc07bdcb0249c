"""What the Repair page is asked for: methods, their strengths, what they are measured on, and trainings beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import streamlit as st

from dashboard.parts import datasets, fields, finetunes, jobs, keeper, repairing, splits, widgets
from dashboard.parts.items import EVERY, items_for
from dashboard.parts.text import code, plain
from nast_core.repair.methods import TRIED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nast_core.data.studies import Split
    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder
    from nast_core.work.repair import RepairRecipe

_FIRST = ["rewrite", "region", "project"]  # the reference line, what reads best, and arithmetic
_STRENGTHS = ["chosen on validation", "given"]
_COUNTS, _USUAL = [200, 500, 1000, 2000], 500
_TEXTS = 6  # of a question and a study, new ones
_FIGURES, _A_QUESTION, _CURVE = 5.0, 0.02, 10.0  # seconds of one core: intervals and AUROCs; a curve of strengths


class Asked(NamedTuple):
    """What is measured, before anything is."""

    own: str  # the model that is repaired, without a repair of its own
    recipes: list[RepairRecipe]  # a run each; those of ``own`` first
    dataset: Dataset
    split: Split
    n: int

    @property
    def of(self) -> str:
        """As subtitles say it."""
        return f"{self.n:,} questions and as many studies of {datasets.of_split(self.dataset, self.split)}"


def choose(own: str, fingerprint: str) -> Asked:
    """The page's fields; a choice that cannot be is a sentence, and the page ends."""
    methods = st.pills(
        "Methods",
        TRIED,
        selection_mode="multi",
        default=_FIRST,
        key="repair-methods",
        bind="query-params",
        help=repairing.clauses(),
    )
    how, beside = st.columns([2, 3], vertical_alignment="bottom")
    given = fields.one_of(how, "Strength", _STRENGTHS, key="repair-strength") == "given"
    strengths = _strengths(methods) if given else {}
    trained = _trained(own, fingerprint, beside)
    dataset = datasets.chosen()
    part, count = st.columns(2)
    split = splits.choose(part, dataset, key="repair-split")
    with widgets.lacking():
        most = EVERY if dataset.drawn else len(items_for(dataset, EVERY, 0, split))
        offered = _COUNTS if dataset.drawn else splits.counts(_COUNTS, most)
    n = splits.how_many(count, "Questions, and studies", offered, _USUAL, key="repair-n")
    splits.need_leave(dataset, split, "repair")
    if not methods:
        widgets.empty("Choose a method.")
    common: dict[str, Any] = {"dataset": dataset.spec, "n": n, "split": split}
    recipes = [_recipe(spec, method, strengths, common) for spec in (own, *trained) for method in methods]
    return Asked(own, recipes, dataset, split, n)


def _recipe(spec: str, method: str, strengths: dict[str, float], common: dict[str, Any]) -> RepairRecipe:
    from nast_core.work.kinds import RepairRecipe

    return jobs.made(RepairRecipe, {"model": spec, "method": method, "strength": strengths.get(method), **common})


def _strengths(methods: list[str]) -> dict[str, float]:
    """A number for each method that has one."""
    turned = [method for method in methods if repairing.method_of(method).strength]
    found = {}
    for place, method in zip(st.columns(max(len(turned), 1)), turned, strict=False):
        one = repairing.method_of(method)
        name = str(one.strength)
        what = one.parameters[name]
        step = 1.0 if what.whole else 0.01
        found[method] = place.number_input(
            f"{method}: {name}",
            what.low,
            what.high,
            float(what.default),
            step,
            key=f"repair-strength-{method}",
            bind="query-params",
            help=what.said,
        )
    return found


def _trained(own: str, fingerprint: str, place: Any) -> list[str]:
    """Fine-tunes of this model, measured beside its repairs."""
    known = finetunes.of_base(own, fingerprint)
    return place.multiselect(
        "Trainings of this model beside them",
        list(known),
        key="repair-with",
        bind="query-params",
        placeholder="none" if known else "there is none yet",
        disabled=not known,
        help="Measured as they are, and repaired too: train or repair, or both?  \n"
        + "  \n".join(f"{code(spec)}: {plain(about)}" for spec, about in known.items()),
    )


def said_of(own: str) -> None:
    """Where the sidebar's model is a repaired one: what this page is about."""
    if own != keeper.spec():
        st.caption(f"The sidebar's model is repaired already; here it is {plain(own)} that repairs are tried on.")


def seconds(model: DualEncoder, recipes: Sequence[RepairRecipe]) -> float:
    """What so many runs take, about: images once; texts of each, and the figures, which cost what they cost."""
    from dashboard.parts import pace
    from nast_core.work.repair import CHOOSING

    if not recipes:
        return 0.0
    n = recipes[0].n
    models = len({recipe.model for recipe in recipes})
    choosing = sum(recipe.chooses for recipe in recipes)
    texts = _TEXTS * (n * (models + len(recipes)) + CHOOSING * choosing)
    encoding = pace.seconds(model, images=2 * (n + CHOOSING), texts=texts)
    return encoding + len(recipes) * (_FIGURES + _A_QUESTION * n) + choosing * _CURVE
