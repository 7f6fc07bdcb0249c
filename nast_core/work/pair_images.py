"""The images that pairs are scored on, for every kind that scores pairs: which, what they are called, and vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import Field, model_validator

from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError, DatasetError
from nast_core.files.gate import as_path, shown
from nast_core.recipe import OfDataset, Reporter
from nast_core.work.shares import is_main

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


class OnImages(OfDataset):
    """A recipe of a kind that scores pairs on images."""

    pairs: Path | None = None  # without: the dataset's, of the conditions the model knows
    image: Path | None = None  # one image for every pair; without: each pair's own, or images of the dataset
    per_pair: int = Field(default=1, ge=1, le=1000)  # images of the dataset that a pair is scored on, and averaged over
    with_finding: bool = True  # False: on images that lack the pair's finding, where its denial is what is true
    images: Path | None = None  # a folder: averaged over all of its images, for every pair

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


class Images(NamedTuple):
    encode: Callable[[Sequence[AlignedPair], Sequence[list[str]]], Tensor]  # vectors [pair, dim] or [pair, image, dim]
    names: list[list[str]]  # of each pair's
    averaged: list[str]  # those that are averaged over for every pair
    doubts: dict[str, str]  # as in ``encode_named``, filled as they are read

    def told(self, result: xr.Dataset, shares: Sequence[dict[str, str]], folder: Path, report: Reporter) -> xr.Dataset:
        """A result with what its pairs were scored on; warnings.json, where an image may not show what it should."""
        from nast_core.benchmark.run import write_told
        from nast_core.encoding.images import in_doubt

        for theirs in shares:
            self.doubts.update(theirs)
        if self.doubts and is_main():
            report.say(in_doubt(self.doubts))
            write_told({}, self.doubts, folder)
        result = result.assign_coords(scored_on=("pair", ["; ".join(own) for own in self.names]))
        return result.assign_coords(image=self.averaged) if self.averaged else result


def images_of(recipe: OnImages, model: DualEncoder, pairs: Sequence[AlignedPair], report: Reporter) -> Images:
    """What the recipe's pairs are scored on. Raises NastError where there is no such image or folder."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.encoding.cache import default_cache
    from nast_core.encoding.images import encode_folder
    from nast_core.encoding.showcase import image_sets, images_for_pairs

    doubts: dict[str, str] = {}
    if recipe.images:
        if not recipe.images.is_dir():
            raise DataError(f"there is no folder {recipe.images}; images names a folder to average over")
        names, vectors, unreadable = encode_folder(model, recipe.images, doubts)
        for name, reason in unreadable.items():
            report.say(f"not used: {shown(name)}: {reason}")
        report.say(f"averaged over {len(names)} images, {len(unreadable)} not readable")
        of_folder = [[str(recipe.images)]] * len(pairs)
        return Images(lambda own, _: vectors.expand(len(own), -1, -1), of_folder, names, doubts)
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
        return Images(encode, [[str(recipe.image)]] * len(pairs), [], doubts)
    return Images(encode, image_sets(pairs, recipe.per_pair, having), [], doubts)
