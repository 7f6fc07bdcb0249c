"""Which image goes with a pair of texts when the user named none: one that has the finding;
of no dataset, a phantom."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.data.phantom import CONDITIONS, Phantom, phantoms
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named, phantom_name
from nast_core.errors import ImageError
from nast_core.files.gate import shown
from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import AlignedPair

_POOL = 200  # validation phantoms; a dozen or more have any one finding
Having = Callable[[str], Sequence[str]]  # from a finding to the names of images that have it


@lru_cache(maxsize=1)
def _pool() -> tuple[Phantom, ...]:
    return tuple(phantoms("validation", _POOL))


@lru_cache(maxsize=64)
def phantom_names(condition: str, *, present: bool = True) -> tuple[str, ...]:
    """Validation phantoms that have a condition, or lack it; all of them for a condition that is not drawn."""
    drawn = condition in CONDITIONS
    return tuple(
        phantom_name(phantom) for phantom in _pool() if not drawn or bool(phantom.labels[condition]) == present
    )


def image_names(pairs: Sequence[AlignedPair], having: Having = phantom_names) -> list[str]:
    """Each pair's own image, or one of ``having`` for its finding: the pairs of one finding go through several.

    Raises ImageError for a finding of which there is no image.
    """
    return [names[0] for names in image_sets(pairs, 1, having)]


def image_sets(pairs: Sequence[AlignedPair], most: int, having: Having = phantom_names) -> list[list[str]]:
    """As ``image_names``, up to ``most`` images a pair: as many as there are, each once."""
    sets: list[list[str]] = []
    taken: dict[str, int] = {}
    for pair in pairs:
        finding = pair.pair.finding
        turn = taken[finding] = taken.get(finding, -1) + 1
        if pair.pair.image:
            sets.append([pair.pair.image])
            continue
        names = having(finding)
        if not names:
            raise ImageError(
                f"no image is known for the pair {shown(pair.pair.negated)!r} of finding {shown(finding)!r}; give "
                "its image, or leave its finding out"
            )
        sets.append([names[(turn * most + i) % len(names)] for i in range(min(most, len(names)))])
    return sets


def images_for_pairs(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    names: Sequence[Sequence[str]] | None = None,
    beside: Path | None = None,
    folder: Path | None = None,
    *,
    cache: VectorCache | None = None,
    doubts: dict[str, str] | None = None,
) -> Float[Tensor, "pair dim"] | Float[Tensor, "pair image dim"]:
    """One unit vector a pair, or as many as the pair with most images has; NaN where another has fewer.

    ``names``: each pair's, as ``image_sets`` gives them; without, one that ``image_names`` gives. A pair's own image
    lies ``beside`` the file of pairs, those of a dataset in ``folder``. ``cache`` and ``doubts`` as in
    ``encode_named``. Raises ImageError for an image that cannot be read.
    """
    names = image_sets(pairs, 1) if names is None else names
    own = {name for pair, of in zip(pairs, names, strict=True) for name in of if folder is None or pair.pair.image}
    every = dict.fromkeys(name for of in names for name in of)
    vectors: dict[str, Tensor] = {}
    for some, place in (([n for n in every if n in own], beside), ([n for n in every if n not in own], folder)):
        read, failed = encode_named(model, some, place, cache=cache, doubts=doubts)
        if failed:
            name, reason = next(iter(failed.items()))
            raise ImageError(f"{len(failed)} images of the pairs cannot be read; first {shown(name)!r}: {reason}")
        vectors |= read
    most = max(map(len, names))
    if most == 1:
        return torch.stack([vectors[name] for (name,) in names])
    missing = torch.full_like(next(iter(vectors.values())), torch.nan)
    return torch.stack([torch.stack([vectors[n] for n in of] + [missing] * (most - len(of))) for of in names])
