"""Kind ``build-items``: multiple-choice items from labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from nast_core.recipe import MOST, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.building import FileRecipe, LabelledRecipe

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.benchmark.writer import Writer
    from nast_core.runs.store import Run

Price: TypeAlias = Annotated[float, Field(ge=0)]


class BuildItemsRecipe(FileRecipe, LabelledRecipe):
    """Multiple-choice items from labels, as 'nast benchmark build': items, card and rejected drafts at ``out``."""

    files: ClassVar = ("table", "vocabulary")

    kind: Literal["build-items"] = "build-items"
    labels: str = "phantom"
    n: int = Field(default=2000, ge=1, le=MOST)
    writer: Literal["template", "llm"] = "template"
    images: Path | None = None
    images_only: bool = False
    balance: bool = False
    base_url: str | None = None  # of an OpenAI-compatible endpoint; without: the environment's, else OpenAI's own
    llm_model: str | None = None
    jobs: int = Field(default=8, ge=1, le=64)  # questions to the endpoint at a time
    prices: tuple[Price, Price] | None = None  # per million tokens of prompts, and of answers

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.writer == "llm" and not self.llm_model:
            raise ValueError("the llm writer needs a model; give llm_model")
        return self


def build_items(recipe: BuildItemsRecipe, folder: Path, report: Reporter, model: object = None) -> dict[str, float]:
    """Figures: items, tasks given up, drafts written again, and what the negated options give away without an image."""
    from nast_core.benchmark.dataset import build_dataset
    from nast_core.benchmark.llm import LLMWriter

    writer, done = writer_of(recipe), 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        label = "items"
        if isinstance(writer, LLMWriter):
            label += f", {writer.spent.prompt_tokens + writer.spent.answer_tokens:,} tokens"
        report.progress(done, recipe.n, label)

    report.progress(0, recipe.n, "items; reading the labels")
    dataset = build_dataset(
        recipe.labels_spec,
        recipe.out,
        writer,
        count=recipe.n,
        seed=recipe.seed,
        split=recipe.split,
        images=recipe.images,
        images_only=recipe.images_only,
        balance=recipe.balance,
        progress=tick,
        vocabulary=recipe.words,
    )
    for note in dataset.table.notes:
        report.say(note)
    for name, value in writer.notes().items():
        report.say(f"{name}: {value}")
    guessed = {f"guessed_{form}": rate.value for form, rate in dataset.guessed.items()}
    built = dataset.built
    return {
        "items": len(built.items),
        "rejected": built.rejected.total(),
        "written_again": built.rewritten.total(),
        **guessed,
    }


def writer_of(recipe: BuildItemsRecipe, patience: int | None = None) -> Writer:
    """The writer a recipe names. An LLM's key is in the environment, and its answers are kept beside the items.

    ``patience``: questions in a row that may stay without an answer.
    """
    from nast_core.benchmark.writers import llm_writer, writer_named

    if recipe.writer != "llm":
        return writer_named(recipe.writer, recipe.labels_spec, recipe.words)
    return llm_writer(
        recipe.llm_model,
        recipe.out.with_suffix(".answers"),
        base_url=recipe.base_url,
        jobs=recipe.jobs,
        prices=recipe.prices,
        patience=patience,
        vocabulary=recipe.words,
    )


def result(run: Run) -> list[Item]:
    from nast_core.benchmark.items import read_items

    return read_items(run.recipe.out)  # type: ignore[attr-defined]


BUILD_ITEMS = Kind(BuildItemsRecipe, "Build items", "items, their card and the rejected drafts", build_items, result)
