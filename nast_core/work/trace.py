"""Kind ``trace``: which states of the text encoder carry the negation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from nast_core.interpret.plan import Method, PatchPlan, Positions
from nast_core.models.components import Component
from nast_core.progress import Tick
from nast_core.recipe import Recipe, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.pair_images import OnImages, images_of
from nast_core.work.pairs import aligned_pairs, joined, save
from nast_core.work.results import dataset
from nast_core.work.shares import is_main, load, sharded, ticks

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair
    from nast_core.runs.store import Run

FILE = "trace.nc"
VECTORS = "vectors.h5"  # what another image is scored with


class TraceRecipe(OnImages):
    """Causal tracing effect of a file of pairs: trace.nc, and for exact ones vectors.h5 to score other images with."""

    files: ClassVar = ("pairs", "image", "images")
    folders: ClassVar = ("images",)
    how: ClassVar = Recipe.how | {"memory"}

    kind: Literal["trace"] = "trace"
    component: Component = "block"  # what is swapped in
    positions: Positions = "each"  # for heads: all
    window: int = Field(default=1, ge=1, le=1000)  # layers swapped together
    method: Method = "exact"  # attribution: a first-order estimate, with its correlation to exact
    memory: int | None = Field(
        default=None, ge=1, le=2**20
    )  # MiB of states in flight; without: as the device gains from

    @model_validator(mode="before")
    @classmethod
    def _heads_at_all_positions(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and fields.get("component") == "head":
            return {"positions": "all"} | dict(fields)
        return fields

    @property
    def plan(self) -> PatchPlan:
        return PatchPlan(component=self.component, positions=self.positions, window=self.window)


def trace(recipe: TraceRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """trace.nc, vectors.h5 after exact tracing, warnings.json where an image may not show what it should.

    Figures: pairs, those of them whose CTE is undefined, and such images where there are any.
    """
    from nast_core.interpret.profiles import undefined

    encoder = model or load(recipe)
    pairs = aligned_pairs(recipe.pairs, encoder, report, recipe.dataset, present=recipe.present)
    on = images_of(recipe, encoder, pairs, report)
    trace_some = _estimated if recipe.method == "attribution" else _exact
    longest = max(pair.length for pair in pairs)

    def compute(mine: Sequence[tuple[AlignedPair, list[str]]]) -> list[tuple[xr.Dataset, dict[str, str]]]:
        own, tick = [pair for pair, _ in mine], ticks(report, len(mine), "pairs")
        image_vectors = on.encode(own, [names for _, names in mine])
        return [(trace_some(recipe, encoder, own, image_vectors, tick, folder, longest), on.doubts)]

    shares = sharded(list(zip(pairs, on.names, strict=True)), compute)
    dataset = on.told(joined([share for share, _ in shares]), [doubts for _, doubts in shares], folder, report)
    save(dataset, recipe, folder / FILE)
    figures: dict[str, float] = {"pairs": len(pairs), "undefined": undefined(dataset)}
    return figures | ({"warnings": len(on.doubts)} if on.doubts else {})


def _exact(
    recipe: TraceRecipe,
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    image_vectors: Tensor,
    tick: Tick,
    folder: Path,
    longest: int,
) -> xr.Dataset:
    from contextlib import nullcontext

    from nast_core.interpret.effects import trace
    from nast_core.interpret.patched_runs import vector_file

    with vector_file(folder / VECTORS, longest) if is_main() else nullcontext() as keep:  # the first pairs are its own
        return trace(
            model, pairs, image_vectors, plan=recipe.plan, memory_budget=_bytes(recipe), keep=keep, progress=tick
        )


def _estimated(
    recipe: TraceRecipe,
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    image_vectors: Tensor,
    tick: Tick,
    folder: Path,
    longest: int,
) -> xr.Dataset:
    """With how well it agrees with exact tracing, on a sample of the main process's pairs."""
    from nast_core.interpret.gradients import attribution_trace, with_agreement

    estimate = attribution_trace(
        model, pairs, image_vectors, plan=recipe.plan, memory_budget=_bytes(recipe), progress=tick
    )
    return with_agreement(estimate, model, pairs, image_vectors, plan=recipe.plan) if is_main() else estimate


def _bytes(recipe: TraceRecipe) -> int | None:
    return recipe.memory * 2**20 if recipe.memory else None


def result(run: Run) -> xr.Dataset:
    return dataset(run.folder / FILE)


TRACE = Kind(
    TraceRecipe, "Causal tracing", "the causal tracing effect of every pair, layer and position", trace, result
)
