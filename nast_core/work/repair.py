"""Kind ``repair``: a model repaired, its strength chosen on validation, and what that gains and costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from nast_core.data.studies import HeldOut
from nast_core.errors import RepairError
from nast_core.files.parquet import read_parquet
from nast_core.recipe import MOST, MOST_WORKERS, OfDataset, Recipe, Reporter, RunError, run_name
from nast_core.repair.record import RECORD, WORDS, RepairRecord
from nast_core.repair.spec import Repair, read_repair
from nast_core.runs.kinds import Kind
from nast_core.vocabulary.names import CHEXPERT
from nast_core.work.precision import in_precision
from nast_core.work.results import summary
from nast_core.work.shares import is_main, load

if TYPE_CHECKING:
    import pandas as pd

    from nast_core.dataset.interface import Dataset
    from nast_core.encoding.cache import VectorCache
    from nast_core.models import DualEncoder
    from nast_core.repair.evaluate import Sample
    from nast_core.repair.repaired import Repaired
    from nast_core.repair.strength import Curve
    from nast_core.runs.store import Run

CHOOSING = 300  # questions and studies of validation that a strength is chosen by, at most


class RepairRecipe(OfDataset):
    """A repaired model, and figures of it beside the model as it is: summary.json, items.parquet and curve.parquet."""

    how: ClassVar = Recipe.how | {"cache", "workers"}
    computed: ClassVar = True

    kind: Literal["repair"] = "repair"
    method: str = "rewrite"  # with numbers beside the strength: project(anchor=0)
    strength: float | None = None  # without: chosen on the dataset's validation split, where the method has one
    n: int = Field(default=2000, ge=1, le=MOST)  # questions, and studies, of the split at most
    split: HeldOut = "test"
    cache: bool = True  # vectors of images and texts are kept, and those that were kept are taken
    workers: int | None = Field(default=None, ge=0, le=MOST_WORKERS)  # processes that read images ahead

    @model_validator(mode="after")
    def _there_is_such_a_repair(self) -> Self:
        try:
            self.repair()
        except RepairError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def chooses(self) -> bool:
        """Whether the strength is left to validation: the method has one, and neither the field nor its brackets say
        it."""
        if (strength := self.repair().method.strength) is None or self.strength is not None:
            return False
        parts = [part.partition("=") for part in self.method.removesuffix(")").partition("(")[2].split(",")]
        return not any(key.strip() and (not equals or key.strip() == strength) for key, equals, _ in parts)

    def repair(self, vocabulary: str | None = None) -> Repair:
        """Raises RepairError for a method or a number there is none of."""
        name, _, arguments = self.method.removesuffix(")").partition("(")
        repair = read_repair(name.strip(), arguments)
        repair = repair if self.strength is None else repair.at(self.strength)
        return repair if vocabulary is None else replace(repair, vocabulary=vocabulary)


class Repairing(NamedTuple):
    """What a repair run made."""

    spec: str  # run:ID, as load_model takes it
    repair: str  # with the strength that was taken
    summary: dict[str, Any]  # summary.json
    scored: pd.DataFrame  # a row a model, item and form
    curve: pd.DataFrame | None  # a row a strength of validation; None where there was nothing to choose


def repair(recipe: RepairRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """Chooses the strength, measures both models on the split, and leaves what ``run:ID`` opens. Figures: negated
    accuracy and AUROC of denials, and the same of the model as it is, with _before behind the name."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.encoding.cache import default_cache
    from nast_core.files.parquet import write_parquet
    from nast_core.files.writing import write_json, write_text
    from nast_core.models.remembering import remembering
    from nast_core.repair.evaluate import UNREPAIRED, evaluate
    from nast_core.repair.repaired import repair_model
    from nast_core.vocabulary.file import vocabulary_text

    base = remembering(in_precision(recipe, model or load(recipe), folder, report))  # both models ask for its texts
    dataset, cache = open_dataset(recipe.dataset), default_cache() if recipe.cache else None
    words = vocabulary_spec(dataset, folder)
    if words.endswith(WORDS) and is_main():
        write_text(folder / WORDS, vocabulary_text(dataset.vocabulary))
    repaired = repair_model(base, recipe.repair(words), dataset.vocabulary)
    curve = None
    if recipe.chooses:
        curve = chosen(repaired, _sample(recipe, dataset, base, "validation", CHOOSING, cache, report), report)
        repaired = repaired.at(curve.best)
        report.say(f"strength chosen on validation: {repaired.repair}")
    sample = _sample(recipe, dataset, base, recipe.split, recipe.n, cache, report)
    name = str(replace(repaired.repair, vocabulary=CHEXPERT))  # the words are the dataset's, and stand in the record
    found = evaluate({UNREPAIRED: base, name: repaired}, sample, seed=recipe.seed, cache=cache)
    if not is_main():
        return {}
    told = base.fingerprint if base.dtype.itemsize >= 4 else ""  # a fingerprint is of wide weights
    record = RepairRecord(base=recipe.model, base_fingerprint=told, repair=name, words=words)
    about = {"repair": name, "split": recipe.split, "curve": curve.summary() if curve else None, **found.summary()}
    if curve is not None:
        write_parquet(folder / "curve.parquet", curve.table)
    write_parquet(folder / "items.parquet", found.scored)
    write_json(folder / "summary.json", about)
    write_json(folder / RECORD, record.model_dump())  # last: a run with a record is whole
    return {
        f"{figure}{behind}": found.figures[which][figure]["value"]
        for which, behind in ((name, ""), (UNREPAIRED, "_before"))
        for figure in ("acc_negated", "gap_points", "denials_unseen")
        if figure in found.figures[which]
    }


def vocabulary_spec(dataset: Dataset, folder: Path) -> str:
    """As a repair names the vocabulary of a dataset: one that is shipped by its name, another as a file of the run."""
    from nast_core.vocabulary.names import SHIPPED
    from nast_core.vocabulary.shipped import shipped

    named = (name for name in SHIPPED if shipped(name) == dataset.vocabulary)
    return next(named, str(folder / WORDS))


def chosen(model: Repaired, sample: Sample, report: Reporter) -> Curve:
    """The curve of a validation sample, by which the strength is chosen."""
    from nast_core.repair.strength import strength_curve, strengths
    from nast_core.work.shares import ticks

    return strength_curve(model, sample, progress=ticks(report, len(strengths(model)), "strengths"))


def _sample(
    recipe: RepairRecipe,
    dataset: Dataset,
    base: DualEncoder,
    split: HeldOut,
    n: int,
    cache: VectorCache | None,
    report: Reporter,
) -> Sample:
    from nast_core.repair.evaluate import sample_of
    from nast_core.work.shares import ticks

    tick = ticks(report, 2 * n, "images")
    return sample_of(base, dataset, split, n, seed=recipe.seed, cache=cache, workers=recipe.workers, progress=tick)


def result(run: Run) -> Repairing:
    def table(name: str) -> pd.DataFrame:
        return read_parquet(run.folder / name, error=RunError, absent="delete the run, and make it anew")

    about = summary(run)
    curve = table("curve.parquet") if about["curve"] is not None else None
    return Repairing(run_name(run.id), about["repair"], about, table("items.parquet"), curve)


REPAIR = Kind(
    RepairRecipe, "Repair", "a repaired model, its strength, and figures beside the model as it is", repair, result
)
