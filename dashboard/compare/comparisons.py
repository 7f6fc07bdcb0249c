"""What the Compare page computes: two models, and all that is between them; kept, so that a link opens it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.compare import charts
from dashboard.compare.report import Sections
from dashboard.finetune import prepare
from dashboard.parts import datasets, keeper, memo, widgets
from dashboard.parts.items import evidence_for, items_for

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.compare.asked_for import Asked
    from nast_core.benchmark.items import Item
    from nast_core.claims.evidence import Evidence
    from nast_core.compare.tables import Comparison
    from nast_core.compare.two_models import SharedPairs
    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder


class Two(NamedTuple):
    a: DualEncoder
    b: DualEncoder


def load(a: str, b: str) -> Two:
    """Both models; one that does not load is a sentence, and the page ends."""
    with widgets.advice():
        return Two(keeper.load(a), keeper.load(b))


@memo.shared("Aligning the pairs")
def _shared(_two: Two, _dataset: Dataset, of: tuple[str, str, str], count: int) -> SharedPairs:
    from nast_core.compare.composing import pairs_of

    return pairs_of(_two.a, _two.b, _dataset, count)


def shared(two: Two, asked: Asked) -> SharedPairs:
    """The dataset's pairs that both models can be shown. Raises DatasetError or PairError where there are none."""
    dataset = datasets.load(asked.dataset)
    return _shared(two, dataset, (two.a.fingerprint, two.b.fingerprint, dataset.fingerprint), asked.pairs)


def evidence(asked: Asked) -> Evidence:
    """Claims about studies of the dataset's split, and their labels. Raises DatasetError where it has neither."""
    from nast_core.compare.travelling import STUDIES

    return evidence_for(datasets.load(asked.dataset), STUDIES, 0, asked.split)


def items(asked: Asked) -> list[Item]:
    """The questions. Raises DatasetError where the split has none."""
    return items_for(datasets.load(asked.dataset), asked.questions, 0, asked.split)


def comparison(asked: Asked) -> Comparison:
    """Everything compared: as it was found before, here, on disk or where NAST was made, else computed under a bar."""
    from nast_core.compare.kept import keep, kept_folder, read_kept
    from nast_core.compare.tables import summary_files
    from nast_core.compare.travelling import read_travelling

    if found := memo.find("comparison", *asked.identity):
        return found
    with widgets.advice():
        summaries = summary_files(asked.specs)  # a run that is gone is said so, kept or not
    if came := read_travelling(*asked):
        return memo.keep(came, "comparison", *asked.identity)
    folder = kept_folder(*asked.identity)
    result = read_kept(folder) if folder else None
    if result is None:
        result = _compute(asked, summaries)
        if folder:
            keep(result, folder)
    return memo.keep(result, "comparison", *asked.identity)


def confirm(comparison: Comparison, asked: Asked, two: Two) -> None:
    """The names still stand for the weights that were compared; else it is compared anew.

    One that came with NAST was found by the models' files, and its weights were merged on another processor.
    """
    from nast_core.compare.kept import forget, kept_folder

    if "came_with" in comparison.about:
        return
    if [comparison.about[model]["model_fingerprint"] for model in "ab"] != [model.fingerprint for model in two]:
        memo.forget("comparison", *asked.identity)
        if folder := kept_folder(*asked.identity):
            forget(folder)
        st.rerun()


def _recorded(summaries: dict[str, Path], moved: pd.DataFrame) -> None:
    """What the fine-tunes wrote down when they ended: there at once, to look at while the rest is computed."""
    from nast_core.runs.store import Run

    if not summaries:
        return
    with widgets.advice():
        rows = [Run(path.parent).read() for path in summaries.values()]
    st.caption(
        "What the run wrote down when it ended, on its own validation studies; everything else is being compared."
    )
    st.dataframe(prepare.results(rows), hide_index=True, column_config=prepare.RESULT_COLUMNS)
    st.plotly_chart(
        charts.moved_bars(moved, title="Which layers moved", subtitle="norm of the change / norm of the weights"),
        key="compare-recorded",
    )


def _compute(asked: Asked, summaries: dict[str, Path]) -> Comparison:
    from nast_core.compare.tables import moved_layers

    bar, meanwhile = st.progress(0.0, "Loading the models"), st.empty()
    with widgets.advice(), meanwhile.container():
        moved = moved_layers(summaries)
        _recorded(summaries, moved)

    from nast_core.compare.composing import IMAGES, compare_on, gathered

    two, dataset = load(asked.a, asked.b), datasets.load(asked.dataset)

    def told(done: int, total: int, label: str) -> None:
        said = f"{label}: {done:,} of {total:,}" if label == IMAGES else label
        bar.progress(done / total / 2 + (0 if label == IMAGES else 0.5), said)

    with widgets.advice():
        parts = gathered(lambda: shared(two, asked), lambda: items(asked), lambda: evidence(asked))
        found = compare_on(
            two.a,
            two.b,
            parts,
            dataset.images,
            having=dataset.images_for,
            parameters=moved,
            told=told,
        )
    bar.empty()
    meanwhile.empty()
    return found


class View(NamedTuple):
    """What the page draws."""

    asked: Asked
    comparison: Comparison
    names: dict[str, str]  # A and B as they are called in charts
    sections: Sections

    @property
    def pairs(self) -> int:
        """Of texts, as many as both models could be shown."""
        return self.comparison.about["pairs"]

    def lacks(self, part: str, *, again: bool = False) -> bool:
        """Whether there are no pairs, questions or claims; said with the reason, or ``again``, shortly."""
        reason = self.comparison.about.get("lacks", {}).get(part)
        if reason and again:
            st.caption(f"Without {part} there is nothing to show here; the reason stands above.")
        elif reason:
            widgets.hint(f"{reason}.")
        return bool(reason)

    @property
    def questions(self) -> str:
        """How many there are of them, and about what."""
        count = self.comparison.about["items"]
        return f"{count:,} questions about {datasets.of_split(datasets.load(self.asked.dataset), self.asked.split)}"


def view(asked: Asked) -> View:
    """Compares, or finds again what was compared."""
    result = comparison(asked)
    return View(asked, result, names(result), Sections())


def names(comparison: Comparison) -> dict[str, str]:
    """A and B as they are called in charts."""
    return {model: f"{model}: {comparison.about[model.lower()]['model']}" for model in ("A", "B")}
