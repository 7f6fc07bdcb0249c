"""Image features, computed once: the image tower is frozen, so a training step costs only the text tower."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from accelerate.utils import gather_object
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from nast_core.data.sources import encode_named, open_image, phantom_of
from nast_core.models.encoder import DualEncoder
from nast_core.writing import whole

_CHUNK = 256  # images between two signs of progress, and the most that a cancelled run has to finish


def image_features(
    model: DualEncoder,
    names: Sequence[str],
    images: Path | None,
    cache: Path,
    *,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Float[Tensor, " dim"]], dict[str, str]]:
    """(unit vector by image name, reason by name of those that cannot be read).

    Kept in the folder ``cache`` under a name that depends on weights, preprocessing, and the images' names, sizes and
    times, so that the arms of a study share them; images that could not be read are looked at again. Of ``world``
    processes each encodes its share.
    """
    names = list(dict.fromkeys(names))
    path = cache / f"{_key(model, names, images)}.safetensors"
    if path.exists():
        stored = load_file(path)["features"]
        return dict(zip(names, stored.clone(), strict=True)), {}
    own = names[rank::world]
    found: dict[str, Tensor] = {}
    failed: dict[str, str] = {}
    for start in range(0, len(own), _CHUNK):
        vectors, bad = encode_named(model, own[start : start + _CHUNK], images)
        found |= {
            name: vector.clone() for name, vector in vectors.items()
        }  # inference tensors take no part in autograd
        failed |= bad
        progress(min(start + _CHUNK, len(own)), len(own))
    if world > 1:
        for others, bad in gather_object([(found, failed)]):
            found |= others
            failed |= bad
    if rank == 0 and found and not failed:
        with whole(path) as temporary:
            save_file({"features": torch.stack([found[name] for name in names])}, temporary)
    return found, failed


def _key(model: DualEncoder, names: Sequence[str], images: Path | None) -> str:
    """Changes with whatever changes a feature. Preprocessing is told by what it makes of one image."""
    probe = model.preprocess(open_image("phantom:0", size=160)).float().contiguous().numpy().tobytes()
    said = [model.fingerprint, hashlib.sha256(probe).hexdigest(), str(model.dtype), model.image_size]
    files = [_stamp(name, images) for name in names]
    return hashlib.sha256(json.dumps([said, files]).encode()).hexdigest()[:32]


def _stamp(name: str, images: Path | None) -> tuple[str, int, int]:
    if phantom_of(name) is None and images is not None:
        try:
            about = (images / name).stat()
            return str(images / name), about.st_size, about.st_mtime_ns
        except OSError:
            pass
    return name, 0, 0
