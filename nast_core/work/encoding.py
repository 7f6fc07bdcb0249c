"""Work that scores texts against images: both are encoded in shares, and scored together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.recipe import MOST_WORKERS, OfDataset, Recipe, Reporter
from nast_core.work.shares import sharded, ticks

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.encoding.cache import VectorCache
    from nast_core.models import DualEncoder


class EncodingRecipe(OfDataset):
    """A recipe of a kind that encodes images which its files name."""

    image_folder: ClassVar = "images"
    scored: ClassVar[str] = "claim could be scored"  # of which there must be one
    how: ClassVar = Recipe.how | {"cache", "workers"}
    computed: ClassVar = True

    images: Path | None = (
        None  # the folder of the images that the lines name; without, the dataset's; phantoms need none
    )
    cache: bool = True  # vectors of images and texts are kept, and those that were kept are taken
    # processes that read images ahead of the tower, of each process of the run; without: one a core
    workers: int | None = Field(default=None, ge=0, le=MOST_WORKERS)


class Images(NamedTuple):
    vectors: dict[str, Tensor]  # unit vector, by image name
    failed: dict[str, str]  # image name -> why it could not be read
    doubts: dict[str, str]  # image name -> why it may not show what it should


def encoded_images(recipe: EncodingRecipe, model: DualEncoder, names: Iterable[str], report: Reporter) -> Images:
    """Each image encoded by one process. Raises BenchmarkError where none can be read."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.encoding.images import encode_named, in_doubt

    folder = recipe.images or open_dataset(recipe.dataset).images

    def compute(mine: Sequence[str]) -> list[Images]:
        tick, doubts = ticks(report, len(mine), "images"), dict[str, str]()
        cache = _cache(recipe)
        vectors, failed = encode_named(
            model, mine, folder, cache=cache, progress=tick, doubts=doubts, workers=recipe.workers
        )
        return [Images(vectors, failed, doubts)]

    every = Images({}, {}, {})
    for share in sharded(list(dict.fromkeys(names)), compute):
        every.vectors.update(share.vectors)
        every.failed.update(share.failed)
        every.doubts.update(share.doubts)
    if every.doubts:
        report.say(in_doubt(every.doubts))
    if not every.vectors:
        name, reason = next(iter(every.failed.items()))
        raise BenchmarkError(
            f"no {recipe.scored}: {len(every.failed)} images cannot be read; first {shown(name)!r}: {reason}"
        )
    return every


def encoded_texts(
    recipe: EncodingRecipe, model: DualEncoder, texts: Sequence[str], report: Reporter
) -> dict[str, Tensor]:
    """Vectors by text, each text encoded by one process."""
    from nast_core.encoding.cache import encode_distinct

    def compute(mine: Sequence[str]) -> list[dict[str, Tensor]]:
        return [encode_distinct(model, mine, cache=_cache(recipe), progress=ticks(report, len(mine), "texts"))]

    vectors: dict[str, Tensor] = {}
    for share in sharded(texts, compute):
        vectors |= share
    return vectors


def _cache(recipe: EncodingRecipe) -> VectorCache | None:
    from nast_core.encoding.cache import default_cache

    return default_cache() if recipe.cache else None
