"""Which image goes with a pair of texts when the user named none: a phantom that has the finding."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.data.phantom import CONDITIONS, Phantom, phantoms
from nast_core.encoding.images import encode_named, phantom_name
from nast_core.errors import ImageError
from nast_core.files.gate import shown
from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import AlignedPair

_POOL = 200  # validation phantoms; a dozen or more have any one finding


@lru_cache(maxsize=1)
def _pool() -> tuple[Phantom, ...]:
    return tuple(phantoms("validation", _POOL))


def phantoms_with(condition: str) -> list[Phantom]:
    """Validation phantoms that have a condition; all of them for a condition that is not drawn."""
    if condition not in CONDITIONS:
        return list(_pool())
    return [phantom for phantom in _pool() if phantom.labels[condition]]


def image_names(pairs: Sequence[AlignedPair]) -> list[str]:
    """Each pair's own image, or a phantom with its finding: the pairs of one finding go through several."""
    names: list[str] = []
    taken: dict[str, int] = {}
    for pair in pairs:
        finding = pair.pair.finding
        turn = taken[finding] = taken.get(finding, -1) + 1
        having = phantoms_with(finding)
        names.append(pair.pair.image or phantom_name(having[turn % len(having)]))
    return names


def images_for_pairs(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    folder: Path | None = None,
    *,
    names: Sequence[str] | None = None,
    doubts: dict[str, str] | None = None,
) -> Float[Tensor, "pair dim"]:
    """One unit vector a pair, of the images of ``names`` or of the pairs' own.

    ``doubts`` as in ``encode_named``. Raises ImageError for an image that cannot be read.
    """
    names = image_names(pairs) if names is None else names
    vectors, failed = encode_named(model, names, folder, doubts=doubts)
    if failed:
        name, reason = next(iter(failed.items()))
        raise ImageError(f"{len(failed)} images of the pairs cannot be read; first {shown(name)!r}: {reason}")
    return torch.stack([vectors[name] for name in names])
