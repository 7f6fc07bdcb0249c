"""Kind ``dataset``: a folder of studies, questions, statements and pairs from labels, images and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nast_core.recipe import MOST, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.building import LabelledRecipe, SaidRecipe

if TYPE_CHECKING:
    from nast_core.dataset.build import Order
    from nast_core.dataset.folder import FolderDataset
    from nast_core.runs.store import Run


class BuildDatasetRecipe(LabelledRecipe, SaidRecipe):
    """A dataset, as 'nast dataset build': the folder ``out``, which must not be there."""

    files: ClassVar = ("table", "reports", "vocabulary")
    folders: ClassVar = ("reports",)

    kind: Literal["dataset"] = "dataset"
    images: Path  # the folder they are in; they stay there
    reports: Path | None = (
        None  # MIMIC-CXR's folder, a CSV, ...; without: statements of presence and absence from the labels
    )
    name: str | None = Field(default=None, min_length=1, max_length=200)  # without: the folder's
    items: int = Field(
        default=1000, ge=1, le=MOST
    )  # questions about test images, at most; half as many about validation images
    studies: int = Field(default=10_000, ge=1, le=MOST)  # of each split, at most, that statements are made about
    shares: tuple[float, float, float] = (
        80,
        10,
        10,
    )  # of patients, for train, validation, test; where the table names no split

    @model_validator(mode="after")
    def _shares_add_up(self) -> Self:
        if min(self.shares) < 0 or not 0 < sum(self.shares) < float("inf"):
            raise ValueError("shares are three numbers of 0 or more, such as 80, 10, 10")
        return self

    @property
    def order(self) -> Order:
        from nast_core.dataset.build import Order

        return Order(
            labels=self.labels_spec,
            images=self.images,
            out=self.out,
            reports=str(self.reports) if self.reports else None,
            name=self.name,
            items=self.items,
            studies=self.studies,
            seed=self.seed,
            shares=self.shares,
            vocabulary=self.words,
            manner=self.manner,
        )


def build_dataset(recipe: BuildDatasetRecipe, folder: Path, report: Reporter, model: object = None) -> dict[str, float]:
    """Figures: patients, images, questions and statements."""
    from nast_core.benchmark.writers import writer_named
    from nast_core.dataset import build

    order = recipe.order
    writer = writer_named("template", recipe.labels, order.vocabulary)
    manifest = build.build_dataset(order, writer, report.progress)
    for note in manifest.notes:
        report.say(note)
    return {
        "patients": manifest.patients,
        "images": manifest.image_count,
        "questions": sum(part.items for part in manifest.splits.values()),
        "statements": sum(part.claims for part in manifest.splits.values()),
    }


def result(run: Run) -> FolderDataset:
    from nast_core.dataset.opened import open_folder

    return open_folder(run.recipe.out)  # type: ignore[attr-defined]


BUILD_DATASET = Kind(
    BuildDatasetRecipe, "Build a dataset", "studies, questions, statements, pairs and their card", build_dataset, result
)
