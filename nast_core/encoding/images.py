"""From an image's name in a table to the image: ``phantom:SEED``, or a file in a folder."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from nast_core.data.drawing import render
from nast_core.data.image_folders import locate_images, why_missing
from nast_core.data.images import READING, LoadedImage, read_bytes, read_image
from nast_core.data.phantom import phantom_name as phantom_name
from nast_core.data.phantom import phantom_of, sample_phantom
from nast_core.encoding.cache import Shelf, VectorCache
from nast_core.encoding.reading import Prepared, read_ahead
from nast_core.errors import DataError, ImageError
from nast_core.files.gate import MB, read_text, shown
from nast_core.files.writing import whole
from nast_core.models.encoder import DualEncoder
from nast_core.progress import Tick

CHUNK = 256  # images between two writes to the cache: the most that an interrupted run encodes again
_TICK = 64  # images found in the cache between two signs of progress


@lru_cache(maxsize=64)
def phantom_image(seed: int, size: int) -> Image.Image:
    return Image.fromarray(render(sample_phantom(seed), size))


def open_image(
    name: str, folder: Path | None = None, *, size: int = 112, doubts: dict[str, str] | None = None
) -> Image.Image:
    """The image a table names; ``doubts`` as in ``encode_named``.
    Raises ImageError for one that is not there or cannot be read."""
    if (phantom := phantom_of(name)) is not None:
        return phantom_image(phantom.seed, size).copy()  # the cached one belongs to all sessions
    if folder is None:
        raise ImageError(f"the image {shown(name)!r} is a file; say which folder holds it (--images DIR)")
    image = load_image(name, folder)
    if image.doubts and doubts is not None:
        doubts[name] = " ".join(image.doubts)
    return image.pixels


def load_image(name: str, folder: Path) -> LoadedImage:
    """The image file a table names, with what is to be said of it. Raises ImageError."""
    return _load(name, _read(name, folder, places_of([name], folder)))


def _read(name: str, folder: Path, places: Mapping[str, Path]) -> bytes:
    if name not in places:
        raise ImageError(f"there is no file {shown(name)} in {shown(folder)}: {why_missing(name, folder)}")
    return read_bytes(places[name])


def _load(name: str, data: bytes) -> LoadedImage:
    return read_image(data, name=name)


def places_of(names: Iterable[str], folder: Path) -> dict[str, Path]:
    """Where the files of images are: at their own path under the folder, or where ``locate_images`` finds them.

    Names of no file are left out.
    """
    places, lost = {}, []
    for name in names:
        path = folder / name
        try:
            there = bool(name) and ".." not in Path(name).parts and path.is_file()
        except (OSError, ValueError):
            there = False
        if there:
            places[name] = path
        else:
            lost.append(name)
    paths = locate_images(lost, folder) if lost else {}
    return places | {name: folder / path for name, path in paths.items()}


def _key(name: str, folder: Path | None, places: Mapping[str, Path]) -> tuple[str, bytes | None]:
    """What the cache knows an image by; a file is told by its bytes, which come too, not by its name."""
    if folder is None or phantom_of(name) is not None:
        return name, None
    data = _read(name, folder, places)
    return f"{hashlib.sha256(data).hexdigest()}-{READING}", data


def uncached(model: DualEncoder, names: Iterable[str], folder: Path | None, cache: VectorCache | None) -> list[str]:
    """The images whose vectors are not in the cache; one that cannot be read is not encoded either."""
    names = list(dict.fromkeys(names))
    if cache is None:
        return names
    shelf, missing = cache.images(model), []
    places = places_of((name for name in names if phantom_of(name) is None), folder) if folder else {}
    for name in names:
        with suppress(ImageError):
            if _key(name, folder, places)[0] not in shelf:
                missing.append(name)
    return missing


class _Doubts:
    """What is in doubt of the images of a run, by name; beside the vectors in the cache, by key."""

    def __init__(self, doubts: dict[str, str], cache: VectorCache | None):
        self._doubts, self._folder = doubts, cache.folder / "doubts" if cache else None

    def recall(self, name: str, key: str) -> None:
        """Of an image whose vector was in the cache."""
        if self._folder:
            with suppress(DataError):  # most images are not in doubt and have no file
                self._doubts[name] = read_text(self._folder / f"{key}.txt", most=MB)

    def tell(self, name: str, key: str, doubts: Sequence[str]) -> None:
        if doubts:
            self._doubts[name] = " ".join(doubts)
            if self._folder:
                with suppress(DataError), whole(self._folder / f"{key}.txt") as temporary:
                    temporary.write_text(self._doubts[name], "utf-8")


def encode_named(
    model: DualEncoder,
    names: Iterable[str],
    folder: Path | None = None,
    *,
    cache: VectorCache | None = None,
    progress: Tick | None = None,
    doubts: dict[str, str] | None = None,
    workers: int | None = None,
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(unit vector by image name, reason by name of those that could not be read): each image is encoded once.

    Images in ``cache`` are not encoded again, and others are put there a chunk at a time. ``doubts`` gets, by name,
    what makes it doubtful that an image shows what it should. ``workers``: processes that read images ahead of the
    tower, as ``read_ahead`` takes them; 0 for none. The vectors are the same, bit for bit.
    """
    shelf = cache.images(model) if cache else None
    tick = progress or (lambda _: None)
    order = list(dict.fromkeys(names))
    places = places_of((name for name in order if phantom_of(name) is None), folder) if folder else {}
    read = _Reader(folder, places, model.image_size, model.preprocess, shelf)
    remarks = _Doubts({} if doubts is None else doubts, cache)
    by_name: dict[str, Tensor] = {}
    failed: dict[str, str] = {}
    fresh: list[tuple[str, str]] = []  # name and key, of the images that are being encoded

    def unknown(images: Iterable[Prepared]) -> Iterator[Tensor]:
        passed = 0
        for image in images:
            if shelf and not image.failed and image.pixels is None:
                if (vector := shelf.get(image.key)) is not None:
                    by_name[image.name] = vector
                    remarks.recall(image.name, image.key)
                else:  # its chunk is damaged, or gone since
                    image = read.anew(image.name)
            if image.failed:
                failed[image.name] = image.failed
            elif image.pixels is not None:
                remarks.tell(image.name, image.key, image.doubts)
                fresh.append((image.name, image.key))
                yield image.pixels
                continue
            passed += 1
            if passed % _TICK == 0:
                tick(_TICK)
        tick(passed % _TICK)

    with closing(_in_order(read, order, workers)) as prepared:
        pixels = unknown(prepared)
        while True:
            vectors = model.encode_images(islice(pixels, CHUNK), progress=progress)
            if not fresh:
                break
            if shelf:
                shelf.add([key for _, key in fresh], vectors)
            by_name |= {name: vector for (name, _), vector in zip(fresh, vectors.unbind(), strict=True)}
            fresh.clear()
    return {name: by_name[name] for name in order if name in by_name}, failed


@dataclass(frozen=True)
class _Reader:
    """From an image's name to what the tower takes; for other processes too."""

    folder: Path | None
    places: Mapping[str, Path]
    size: int  # that phantoms are drawn in
    preprocess: Callable[[Image.Image], Tensor]
    shelf: Shelf | None  # of vectors that are kept

    def __call__(self, name: str) -> Prepared:
        """Without pixels, where the vector is kept."""
        return self._read(name, self.shelf)

    def anew(self, name: str) -> Prepared:
        return self._read(name, None)

    def kept(self, name: str) -> bool:
        """Whether that is known without reading anything."""
        return self.shelf is not None and name in self.shelf and phantom_of(name) is not None

    def _read(self, name: str, shelf: Shelf | None) -> Prepared:
        try:
            key, data = _key(name, self.folder, self.places)
            if shelf is not None and key in shelf:
                return Prepared(name, key)
            if data is None:
                return Prepared(name, key, self.preprocess(open_image(name, self.folder, size=self.size)))
            image = _load(name, data)
            return Prepared(name, key, self.preprocess(image.pixels), image.doubts)
        except ImageError as error:
            return Prepared(name, failed=str(error))


def _in_order(read: _Reader, names: Sequence[str], workers: int | None) -> Generator[Prepared, None, None]:
    """Every image, read ahead by other processes where there is something to read."""
    size = 4 * 3 * read.size**2
    with closing(read_ahead(read, [name for name in names if not read.kept(name)], workers=workers, size=size)) as rest:
        for name in names:
            yield Prepared(name, name) if read.kept(name) else next(rest)


def in_doubt(doubts: Mapping[str, str]) -> str:
    """One line on the images of ``encode_named``'s ``doubts``; empty where there is none."""
    if not doubts:
        return ""
    name, reason = next(iter(doubts.items()))
    many = "image" if len(doubts) == 1 else "images"
    return f"{len(doubts)} {many} may not show what they should; first {shown(name)}: {reason}"


def encode_folder(
    model: DualEncoder, folder: Path, doubts: dict[str, str] | None = None
) -> tuple[list[str], Float[Tensor, "image dim"], dict[str, str]]:
    """Names and unit vectors of a folder's images, and the reason of those files that are none.

    Hidden files and subfolders are passed over. ``doubts`` as in ``encode_named``. Raises ImageError where no file is
    an image.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    vectors, failed = encode_named(model, names, folder, doubts=doubts)
    if not vectors:
        raise ImageError(f"{folder} has no image that can be read ({len(failed)} files); give PNG, JPEG or DICOM files")
    return list(vectors), torch.stack(list(vectors.values())), failed
