"""From an image's name in a table to the image: ``phantom:SEED``, or a file in a folder."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from nast_core.data.drawing import render
from nast_core.data.images import read_image
from nast_core.data.phantom import Phantom, sample_phantom
from nast_core.errors import ImageError
from nast_core.models.encoder import DualEncoder

_PREFIX = "phantom:"


def phantom_name(phantom: Phantom) -> str:
    return f"{_PREFIX}{phantom.seed}"


def phantom_of(name: str) -> Phantom | None:
    """The phantom a name stands for; None for any other image."""
    seed = name.removeprefix(_PREFIX)
    return sample_phantom(int(seed)) if name.startswith(_PREFIX) and seed.isdecimal() else None


@lru_cache(maxsize=64)
def phantom_image(seed: int, size: int) -> Image.Image:
    return Image.fromarray(render(sample_phantom(seed), size))


def open_image(name: str, folder: Path | None = None, *, size: int = 112) -> Image.Image:
    """The image a table names. Raises ImageError for one that is not there or cannot be read."""
    if (phantom := phantom_of(name)) is not None:
        return phantom_image(phantom.seed, size).copy()  # the cached one belongs to all sessions
    if folder is None:
        raise ImageError(f"the image {name!r} is a file; say which folder holds it (--images DIR)")
    return read_image(folder / name).pixels


def encode_named(
    model: DualEncoder,
    names: Iterable[str],
    folder: Path | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(unit vector by image name, reason by name of those that could not be read): each image is encoded once."""
    readable: list[str] = []
    failed: dict[str, str] = {}

    def stream() -> Iterable[Image.Image]:
        for name in dict.fromkeys(names):
            try:
                image = open_image(name, folder, size=model.image_size)
            except ImageError as error:
                failed[name] = str(error)
                continue
            readable.append(name)
            yield image

    vectors = model.encode_images(stream(), progress=progress)
    return dict(zip(readable, torch.unbind(vectors), strict=True)), failed


def encode_folder(model: DualEncoder, folder: Path) -> tuple[list[str], Float[Tensor, "image dim"], dict[str, str]]:
    """Names and unit vectors of a folder's images, and the reason of those files that are none.

    Hidden files and subfolders are passed over. Raises ImageError where no file is an image.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    vectors, failed = encode_named(model, names, folder)
    if not vectors:
        raise ImageError(f"{folder} has no image that can be read ({len(failed)} files); give PNG, JPEG or DICOM files")
    return list(vectors), torch.stack(list(vectors.values())), failed
