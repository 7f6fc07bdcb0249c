"""Building items and claims as the work of a run: they go where the recipe says, whole or not at all."""

from pathlib import Path
from typing import TYPE_CHECKING

from nast_core.recipe import Reporter
from nast_core.work.kinds import BuildClaimsRecipe, BuildItemsRecipe

if TYPE_CHECKING:
    from nast_core.benchmark.writer import Writer


def items(recipe: BuildItemsRecipe, folder: Path, report: Reporter) -> dict[str, float]:
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
    made = build_dataset(
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
    )
    for note in made.table.notes:
        print(note, flush=True)
    for name, value in writer.notes().items():
        print(f"{name}: {value}", flush=True)
    guessed = {f"guessed_{form}": rate.value for form, rate in made.guessed.items()}
    built = made.built
    return {
        "items": len(built.items),
        "rejected": built.rejected.total(),
        "written_again": built.rewritten.total(),
        **guessed,
    }


def writer_of(recipe: BuildItemsRecipe, patience: int | None = None) -> "Writer":
    """The writer a recipe names. An LLM's key is in the environment, and its answers are kept beside the items.

    ``patience``: questions in a row that may stay without an answer.
    """
    if recipe.writer == "template":
        from nast_core.benchmark.writers import writer_named

        return writer_named(recipe.writer, recipe.labels_spec)
    from nast_core.benchmark.llm import PATIENCE, LLMWriter, Prices
    from nast_core.benchmark.llm_endpoint import Endpoint

    assert recipe.llm_model is not None  # the recipe sees to it
    prices = Prices(*recipe.prices) if recipe.prices else None
    return LLMWriter(
        Endpoint(recipe.base_url, recipe.llm_model),
        recipe.out.with_suffix(".answers"),
        jobs=recipe.jobs,
        prices=prices,
        patience=patience or PATIENCE,
    )


def claims(recipe: BuildClaimsRecipe, folder: Path, report: Reporter) -> dict[str, float]:
    """Figures: statements, and what wording alone ranks rightly, by kind."""
    from nast_core.claims.dataset import build_claims

    made = build_claims(
        recipe.source_spec,
        recipe.out,
        split=recipe.split,
        n=recipe.n,
        seed=recipe.seed,
        balanced=recipe.balanced,
        progress=lambda done, total: report.progress(done, total, "reports"),
    )
    guessed = {f"guessed_{kind}": rate.value for kind, rate in made.guessed.items()}
    return {"statements": len(made.built.examples), "skipped": len(made.source.skipped), **guessed}
