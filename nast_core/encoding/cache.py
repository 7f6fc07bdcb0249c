"""Vectors kept on disk, so that no image or text is encoded twice by the same weights. Source: ours.

A cache is a folder of shelves, one for each way to make a vector: weights, precision, kind of device and, for images,
preprocessing and how phantoms are drawn. On a shelf lie chunks, each written whole and never changed: any number of
processes may read and write at a time, and one that is stopped has lost no more than the chunk it was at.
A vector from the cache can differ from a fresh one in its last digits, which depend on what else was in its batch.
"""

import hashlib
import json
import logging
import os
import re
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from nast_core.data import drawing, phantom
from nast_core.errors import DataError
from nast_core.files.arrays import read_tensors, save_tensors
from nast_core.files.leftovers import sweep
from nast_core.files.writing import vectors_folder, writing
from nast_core.models.encoder import DualEncoder
from nast_core.models.precision import BF16
from nast_core.progress import Tick

MOST_BYTES = 4 * 2**30  # two million vectors of 512 numbers
TEXTS_A_CHUNK = 2048
_SUFFIX = ".safetensors"
_SHELF = re.compile("(images|texts)-[0-9a-f]{32}")  # only what has such a name was put there by a cache, and may go
_CHUNK = re.compile(rf"[0-9a-f]{{32}}\{_SUFFIX}")
_log = logging.getLogger(__name__)
_unwritable: set[Path] = set()  # shelves' caches that cannot be written, of which the user was told


class Shelf:
    """Vectors of one making, by key."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._opened: dict[Path, Tensor] = {}
        self._place: dict[bytes, tuple[Path, int]] = {}
        self._rows: dict[Path, int] = {}
        self._writable = True
        for chunk, _ in sorted(_chunks_of(folder)):
            digests = _digests(chunk)
            self._rows[chunk] = len(digests)
            for row, digest in enumerate(digests):
                self._place.setdefault(digest, (chunk, row))

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._place

    def get(self, key: str) -> Float[Tensor, " dim"] | None:
        """The vector of a key, None where it is not there."""
        place = self._place.get(_digest(key))
        if place is None:
            return None
        chunk, row = place
        if chunk not in self._opened:
            try:
                vectors = read_tensors(chunk, ["vectors"])["vectors"]
                if vectors.ndim != 2 or len(vectors) < self._rows[chunk]:
                    raise DataError(f"{chunk} has fewer vectors than keys")
                os.utime(chunk)  # what was used last is the last to go
            except (OSError, DataError):  # damaged, or trimmed by another process since
                self._place = {digest: at for digest, at in self._place.items() if at[0] != chunk}
                return None
            self._opened[chunk] = vectors
        return self._opened[chunk][row]

    def add(self, keys: Sequence[str], vectors: Float[Tensor, "key dim"]) -> None:
        """Keeps vectors as one chunk. A cache that cannot be written, for want of room, say, is said once and done
        without."""
        if not self._writable or not keys:
            return
        digests = np.frombuffer(b"".join(map(_digest, keys)), np.uint8).reshape(len(keys), -1)
        chunk = self.folder / f"{uuid.uuid4().hex}{_SUFFIX}"
        try:
            with writing(chunk):
                _private(self.folder)
            save_tensors(chunk, {"digests": torch.from_numpy(digests.copy()), "vectors": vectors})
        except DataError as error:
            if self.folder.parent not in _unwritable:
                _log.warning("vectors are not kept: %s", error)
            _unwritable.add(self.folder.parent)
            self._writable = False


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _digests(chunk: Path) -> list[bytes]:
    """Of the keys in a chunk; none where it is damaged or gone."""
    try:
        return [row.tobytes() for row in read_tensors(chunk, ["digests"])["digests"].numpy()]
    except (DataError, TypeError):
        return []


def _private(folder: Path) -> None:
    """Makes a shelf that only this user can read, unless the cache it is in was made for others too. Raises OSError."""
    for path in (*reversed(folder.parents), folder):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)
            if path == folder:
                path.chmod(stat.S_IMODE(path.parent.stat().st_mode))


@dataclass(frozen=True)
class VectorCache:
    """A folder of shelves that is kept below ``most`` bytes; what was not used for longest goes first."""

    folder: Path
    most: int = MOST_BYTES

    def images(self, model: DualEncoder) -> Shelf:
        """By "phantom:SEED", or the sha256 of the file. A fine-tune of the text tower finds its base's images here."""
        image = Image.fromarray(drawing.render(phantom.sample_phantom(0), 160))
        probe = model.preprocess(image).float().contiguous().numpy().tobytes()
        pencil = "".join(Path(str(module.__file__)).read_text("utf-8") for module in (drawing, phantom))
        weights = model.image_fingerprint or model.fingerprint
        return self._shelf("images", model, weights, hashlib.sha256(probe).hexdigest(), pencil, model.image_size)

    def texts(self, model: DualEncoder) -> Shelf:
        """By the text itself."""
        return self._shelf("texts", model, model.fingerprint)

    def _shelf(self, kind: str, model: DualEncoder, *about: object) -> Shelf:
        self._trim()
        precision = BF16 if kind in model.in_bf16 else str(model.dtype)
        key = json.dumps([kind, precision, model.text.device.type, *about])
        return Shelf(self.folder / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:32]}")

    def _trim(self) -> None:
        chunks = sorted(_chunks(self.folder), key=lambda chunk: chunk[1].st_mtime_ns)
        total = sum(about.st_size for _, about in chunks)
        for path, about in chunks:
            if total <= self.most:
                break
            with suppress(OSError):
                path.unlink()
                total -= about.st_size


def _chunks(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """What caches have put into the folder, and nothing else that may lie there; links are not followed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _SHELF.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                sweep(Path(entry.path))
                yield from _chunks_of(Path(entry.path))


def _chunks_of(shelf: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(OSError), os.scandir(shelf) as entries:
        for entry in entries:
            if _CHUNK.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)


def default_cache() -> VectorCache | None:
    """The user's, in ``vectors_folder``; None where none are kept."""
    folder = vectors_folder()
    return VectorCache(folder) if folder else None


def encode_distinct(
    model: DualEncoder,
    texts: Sequence[str],
    *,
    cache: VectorCache | None = None,
    progress: Tick | None = None,
) -> dict[str, Float[Tensor, " dim"]]:
    """Unit vector of every distinct text; those in ``cache`` are not encoded again."""
    shelf = cache.texts(model) if cache else None
    by_text = {text: shelf.get(text) if shelf else None for text in dict.fromkeys(texts)}
    known = {text: vector for text, vector in by_text.items() if vector is not None}
    if progress and known:
        progress(len(known))
    missing = sorted(by_text.keys() - known.keys(), key=lambda text: (len(text), text))  # like lengths together
    for start in range(0, len(missing), TEXTS_A_CHUNK):
        part = missing[start : start + TEXTS_A_CHUNK]
        vectors = model.encode_texts(part, progress=progress)
        if shelf:
            shelf.add(part, vectors)
        known |= dict(zip(part, vectors.unbind(), strict=True))
    return {text: known[text] for text in by_text}
