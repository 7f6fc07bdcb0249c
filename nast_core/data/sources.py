"""From an image's name in a table to the image: ``phantom:SEED``, or a file in a folder."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from nast_core.data.drawing import render
from nast_core.data.images import read_bytes, read_image
from nast_core.data.phantom import Phantom, sample_phantom
from nast_core.data.vectors import VectorCache
from nast_core.errors import ImageError
from nast_core.models.encoder import DualEncoder

_PREFIX = "phantom:"
_CHUNK = 256  # images between two writes to the cache: the most that an interrupted run encodes again
_TICK = 64  # images found in the cache between two signs of progress


def phantom_name(phantom: Phantom) -> str:
    return f"{_PREFIX}{phantom.seed}"


def phantom_of(name: str) -> Phantom | None:
    """The phantom a name stands for; None for any other image."""
    seed = name.removeprefix(_PREFIX)
    return sample_phantom(int(seed)) if name.startswith(_PREFIX) and seed.isdecimal() and len(seed) <= 12 else None


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


def _keyed(name: str, folder: Path | None, size: int) -> tuple[str, Callable[[], Image.Image]]:
    """What an image is kept under, and how to get it. A file is told by its bytes, not by its name.

    Both raise ImageError as ``open_image`` does.
    """
    if folder is None or phantom_of(name) is not None:
        return name, lambda: open_image(name, folder, size=size)
    data = read_bytes(folder / name)
    return hashlib.sha256(data).hexdigest(), lambda: read_image(data, name=name).pixels


def encode_named(
    model: DualEncoder,
    names: Iterable[str],
    folder: Path | None = None,
    *,
    cache: VectorCache | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(unit vector by image name, reason by name of those that could not be read): each image is encoded once.

    Images in ``cache`` are not encoded again, and others are put there a chunk at a time.
    """
    shelf = cache.images(model) if cache else None
    tick = progress or (lambda _: None)
    order = list(dict.fromkeys(names))
    found: dict[str, Tensor] = {}
    failed: dict[str, str] = {}
    fresh: list[tuple[str, str]] = []  # name and key, of the images that are being encoded

    def unknown() -> Iterator[Image.Image]:
        passed = 0
        for name in order:
            try:
                key, image = _keyed(name, folder, model.image_size)
                if shelf and (vector := shelf.get(key)) is not None:
                    found[name] = vector
                else:
                    opened = image()
                    fresh.append((name, key))
                    yield opened
                    continue
            except ImageError as error:
                failed[name] = str(error)
            passed += 1
            if passed % _TICK == 0:
                tick(_TICK)
        tick(passed % _TICK)

    images = unknown()
    while True:
        vectors = model.encode_images(islice(images, _CHUNK), progress=progress)
        if not fresh:
            break
        if shelf:
            shelf.add([key for _, key in fresh], vectors)
        found |= {name: vector for (name, _), vector in zip(fresh, vectors.unbind(), strict=True)}
        fresh.clear()
    return {name: found[name] for name in order if name in found}, failed


def encode_folder(model: DualEncoder, folder: Path) -> tuple[list[str], Float[Tensor, "image dim"], dict[str, str]]:
    """Names and unit vectors of a folder's images, and the reason of those files that are none.

    Hidden files and subfolders are passed over. Raises ImageError where no file is an image.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    vectors, failed = encode_named(model, names, folder)
    if not vectors:
        raise ImageError(f"{folder} has no image that can be read ({len(failed)} files); give PNG, JPEG or DICOM files")
    return list(vectors), torch.stack(list(vectors.values())), failed
