"""Kind ``trace``: which states of the text encoder carry the negation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError, DatasetError
from nast_core.files.gate import as_path, shown
from nast_core.interpret.plan import Method, PatchPlan, Positions
from nast_core.models.components import Component
from nast_core.progress import Tick
from nast_core.recipe import OfDataset, Recipe, Reporter
from nast_core.runs.kinds import Kind
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


class TraceRecipe(OfDataset):
    """Causal tracing effect of a file of pairs: trace.nc, and for exact ones vectors.h5 to score other images with."""

    files: ClassVar = ("pairs", "image", "images")
    folders: ClassVar = ("images",)
    how: ClassVar = Recipe.how | {"memory"}

    kind: Literal["trace"] = "trace"
    pairs: Path | None = None  # without: the dataset's, of the conditions the model knows
    image: Path | None = None  # one image for every pair; without: each pair's own, or images of the dataset
    per_pair: int = Field(default=1, ge=1, le=1000)  # images of the dataset that a pair is scored on, and averaged over
    with_finding: bool = True  # False: on images that lack the pair's finding, where its denial is what is true
    images: Path | None = None  # a folder: the effect averaged over all of its images, for every pair
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

    @model_validator(mode="after")
    def _one_source_of_images(self) -> Self:
        if self.image and self.images:
            raise ValueError("image and images are both given; give one image, or a folder to average over")
        return self

    def image_files(self) -> Sequence[Path]:
        """Those of the dataset that a pair may be scored on."""
        if self.dataset == PHANTOMS or self.image or self.images:
            return ()
        from nast_core.dataset.opened import open_folder

        dataset = open_folder(as_path(self.dataset, DatasetError))
        return [dataset.manifest.images / name for name in dataset.images_for("")]

    @property
    def present(self) -> bool:
        """As ``Dataset.pairs`` takes it: False where the dataset's images that lack a pair's finding are needed."""
        return self.with_finding or bool(self.image or self.images)

    @property
    def plan(self) -> PatchPlan:
        return PatchPlan(component=self.component, positions=self.positions, window=self.window)


def trace(recipe: TraceRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """trace.nc, vectors.h5 after exact tracing, warnings.json where an image may not show what it should.

    Figures: pairs, those of them whose CTE is undefined, and such images where there are any.
    """
    from nast_core.benchmark.run import write_told
    from nast_core.encoding.images import in_doubt
    from nast_core.interpret.profiles import undefined

    encoder = model or load(recipe)
    pairs = aligned_pairs(recipe.pairs, encoder, report, recipe.dataset, present=recipe.present)
    doubts: dict[str, str] = {}
    images, names, averaged = _images(recipe, encoder, pairs, report, doubts)
    trace_some = _estimated if recipe.method == "attribution" else _exact
    longest = max(pair.length for pair in pairs)

    def compute(mine: Sequence[tuple[AlignedPair, list[str]]]) -> list[tuple[xr.Dataset, dict[str, str]]]:
        own, tick = [pair for pair, _ in mine], ticks(report, len(mine), "pairs")
        image_vectors = images(own, [names for _, names in mine])
        return [(trace_some(recipe, encoder, own, image_vectors, tick, folder, longest), doubts)]

    shares = sharded(list(zip(pairs, names, strict=True)), compute)
    dataset = joined([share for share, _ in shares])
    for _, theirs in shares:
        doubts |= theirs
    if doubts and is_main():
        report.say(in_doubt(doubts))
        write_told({}, doubts, folder)
    dataset = dataset.assign_coords(scored_on=("pair", ["; ".join(own) for own in names]))
    dataset = dataset.assign_coords(image=averaged) if averaged else dataset
    save(dataset, recipe, folder / FILE)
    figures: dict[str, float] = {"pairs": len(pairs), "undefined": undefined(dataset)}
    return figures | ({"warnings": len(doubts)} if doubts else {})


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


Images = Callable[[Sequence["AlignedPair"], Sequence[list[str]]], "Tensor"]


def _images(
    recipe: TraceRecipe, model: DualEncoder, pairs: Sequence[AlignedPair], report: Reporter, doubts: dict[str, str]
) -> tuple[Images, list[list[str]], list[str]]:
    """From pairs and the names of their images to what tracing takes of them: vectors [pair, dim], or [pair, image,
    dim]; the names; and those of the images that are averaged over for every pair. ``doubts`` as in
    ``encode_named``."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.encoding.cache import default_cache
    from nast_core.encoding.images import encode_folder
    from nast_core.encoding.showcase import image_sets, images_for_pairs

    if recipe.images:
        if not recipe.images.is_dir():
            raise DataError(f"there is no folder {recipe.images}; images names a folder to average over")
        names, vectors, unreadable = encode_folder(model, recipe.images, doubts)
        for name, reason in unreadable.items():
            report.say(f"not used: {shown(name)}: {reason}")
        report.say(f"averaged over {len(names)} images, {len(unreadable)} not readable")
        return lambda own, _: vectors.expand(len(own), -1, -1), [[str(recipe.images)]] * len(pairs), names
    dataset = open_dataset(recipe.dataset)

    def having(finding: str) -> Sequence[str]:
        return dataset.images_for(finding, present=recipe.with_finding)

    def encode(own: Sequence[AlignedPair], names: Sequence[list[str]]) -> Tensor:
        beside = recipe.pairs.parent if recipe.pairs else Path()  # a pair's own image, or the recipe's
        folder = None if recipe.image else dataset.images
        return images_for_pairs(
            model, own, names, beside, folder, cache=default_cache() if folder else None, doubts=doubts
        )

    if recipe.image:
        return encode, [[str(recipe.image)]] * len(pairs), []
    return encode, image_sets(pairs, recipe.per_pair, having), []


def result(run: Run) -> xr.Dataset:
    return dataset(run.folder / FILE)


TRACE = Kind(
    TraceRecipe, "Causal tracing", "the causal tracing effect of every pair, layer and position", trace, result
)
