"""Kind ``encode``: vectors of texts or of images, for scripts of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError, DatasetError
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, as_path, read_text, shown
from nast_core.models.precision import BF16, Part, with_bf16
from nast_core.recipe import Reporter, RunError
from nast_core.runs.kinds import Kind
from nast_core.work.encoding import EncodingRecipe, encoded_images, encoded_texts
from nast_core.work.precision import in_precision
from nast_core.work.shares import is_main, load, ticks

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from nast_core.dataset.folder import FolderDataset
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run

FILE = "vectors.npz"
_MOST = 1_000 * MB  # of a file of texts or names


class EncodeRecipe(EncodingRecipe):
    """Unit vectors of a file of texts, or of images: vectors.npz.
    Without names, of every image of the dataset, or in the folder."""

    files: ClassVar = ("texts", "names")
    scored: ClassVar = "image could be encoded"
    in_shares: ClassVar = True

    kind: Literal["encode"] = "encode"
    texts: Path | None = None  # a text a line
    # an image a line: phantom:SEED, or a path in ``images``, else in the dataset's folder, else in the file's own
    names: Path | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        of_images = self.names is not None or self.images is not None or self.dataset != PHANTOMS
        if (self.texts is not None) == of_images:
            raise ValueError(
                "give texts, a file; or images, a folder, or names, a file of images, or a dataset; not both kinds"
            )
        if self.executor.array > 1 and not self.cache:
            raise ValueError("the jobs of an array meet in the cache of vectors; leave cache out")
        return self

    @property
    def parts(self) -> Sequence[Part]:
        """What is encoded."""
        return ("images",) if self.texts is None else ("texts",)

    @property
    def folder(self) -> Path | None:
        """Of the images."""
        if self.images is None and self.dataset != PHANTOMS:
            return _dataset(self).images
        return self.images or (self.names and self.names.parent)

    def image_files(self) -> Sequence[Path]:
        from nast_core.encoding.images import places_of

        return list(places_of(_names(self), self.folder).values()) if self.texts is None and self.folder else ()


def encode(recipe: EncodeRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """vectors.npz; of images also unreadable.json and warnings.json, where there are any.
    Figures: how many, and of what size."""
    from nast_core.benchmark.run import TOLD, write_told
    from nast_core.files.arrays import save_arrays
    from nast_core.files.writing import whole_folder

    encoder = in_precision(recipe, model or load(recipe), folder, report, recipe.parts)
    failed, doubts = dict[str, str](), dict[str, str]()
    if recipe.texts is not None:
        names = _lines(recipe.texts)
        vectors = encoded_texts(recipe, encoder, names, report)
    else:
        names = _names(recipe)
        vectors, failed, doubts = encoded_images(_in_its_folder(recipe), encoder, names, report)
    if not is_main():
        return {}
    names = [name for name in names if name in vectors]
    with whole_folder(folder, [*TOLD, FILE]) as temporary:
        save_arrays(temporary / FILE, _arrays(names, vectors))
        write_told(failed, doubts, temporary)
    return {"vectors": len(names), "numbers": encoder.text.dim, "unreadable": len(failed)}


def share(recipe: EncodeRecipe, number: int, of: int, report: Reporter) -> None:
    """Encodes one share into the cache of vectors, where the run that comes after finds them. Raises RunError without a
    cache.

    Shares end where chunks of the cache do: images come in the batches in which one process would take them.
    """
    from nast_core.encoding.cache import TEXTS_A_CHUNK, default_cache, encode_distinct
    from nast_core.encoding.images import CHUNK, encode_named

    if (cache := default_cache()) is None:
        raise RunError("a share of a run is kept in the cache of vectors, and NAST_CACHE is off; name a folder with it")
    encoder = with_bf16(load(recipe), recipe.parts if recipe.precision == BF16 else ())
    if recipe.texts is not None:
        mine = _share_of(_lines(recipe.texts), number, of, TEXTS_A_CHUNK)
        encode_distinct(encoder, mine, cache=cache, progress=ticks(report, len(mine), "texts"))
    else:
        mine = _share_of(_names(recipe), number, of, CHUNK)
        tick = ticks(report, len(mine), "images")
        encode_named(encoder, mine, recipe.folder, cache=cache, progress=tick, workers=recipe.workers)


def unreadable(run: Run) -> dict[str, str]:
    """Of a run on images: name -> why it could not be read."""
    path = run.folder / "unreadable.json"
    return read_json(path, error=RunError) if path.exists() else {}


def result(run: Run) -> dict[str, Any]:
    """``names`` and ``vectors``, a row a name."""
    return read_vectors(run.folder / FILE, RunError)


def read_vectors(path: Path, error: type[DataError] | type[RunError] = DataError) -> dict[str, np.ndarray]:
    """What 'nast encode' writes. Raises ``error`` for another file."""
    from nast_core.files.arrays import read_arrays

    return read_arrays(path, ["names", "vectors"], error=error, absent="make it with 'nast encode'")


def _share_of(names: Sequence[str], number: int, of: int, chunk: int) -> list[str]:
    """Of the distinct names, whole chunks."""
    distinct = list(dict.fromkeys(names))
    chunks = -(-len(distinct) // chunk)
    return distinct[number * chunks // of * chunk : (number + 1) * chunks // of * chunk]


def _in_its_folder(recipe: EncodeRecipe) -> EncodeRecipe:
    return recipe.model_copy(update={"images": recipe.folder})


def _names(recipe: EncodeRecipe) -> list[str]:
    if recipe.names is not None:
        return _lines(recipe.names)
    if recipe.dataset != PHANTOMS:
        return [name for name in dict.fromkeys(_dataset(recipe).studies.about().image) if name]
    from nast_core.data.image_folders import images_in

    assert recipe.images is not None
    return images_in(recipe.images)


def _dataset(recipe: EncodeRecipe) -> FolderDataset:
    from nast_core.dataset.opened import open_folder

    return open_folder(as_path(recipe.dataset, DatasetError))


def _lines(path: Path) -> list[str]:
    """Lines that are not blank. Raises DataError where there is none."""
    text = read_text(path, most=_MOST, absent="give a file of a text, or of an image's name, a line")
    if not (lines := [line for part in text.split("\n") if (line := part.strip())]):
        raise DataError(f"{shown(path)} has no line; give a text, or an image's name, a line")
    return lines


def _arrays(names: Sequence[str], vectors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """Raises DataError where the names take more room than is read of such a file: all take as much as the longest."""
    import numpy as np
    import torch

    from nast_core.files.arrays import MOST

    longest = max(map(len, names))
    if 4 * longest * len(names) > MOST // 2:
        raise DataError(
            f"{len(names):,} names of up to {longest:,} characters are too much for one file; shorten or divide them"
        )
    return {"names": np.array(names), "vectors": torch.stack([vectors[name] for name in names]).float().numpy()}


ENCODE = Kind(
    EncodeRecipe, "Encode", "unit vectors of texts or images, for scripts of one's own", encode, result, share
)
