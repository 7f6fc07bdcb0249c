"""Image features, computed once: the image tower is frozen, so a training step costs only the text tower."""

from collections.abc import Sequence
from pathlib import Path

from accelerate.utils import gather_object
from jaxtyping import Float
from torch import Tensor

from nast_core.encoding.cache import default_cache
from nast_core.encoding.images import encode_named
from nast_core.models.encoder import DualEncoder
from nast_core.progress import Far


def image_features(
    model: DualEncoder,
    names: Sequence[str],
    images: Path | None,
    *,
    rank: int = 0,
    world: int = 1,
    progress: Far = lambda done, total: None,
    doubts: dict[str, str] | None = None,
) -> tuple[dict[str, Float[Tensor, " dim"]], dict[str, str]]:
    """(unit vector by image name, reason by name of those that cannot be read). ``doubts`` as in ``encode_named``.

    From the user's cache of vectors where they are in it, so that the arms of a study, and the benchmark after them,
    share them. Of ``world`` processes each encodes its share.
    """
    own, done = list(dict.fromkeys(names))[rank::world], 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        progress(done, len(own))

    own_doubts: dict[str, str] = {}
    vectors, failed = encode_named(model, own, images, cache=default_cache(), progress=tick, doubts=own_doubts)
    features = {name: vector.clone() for name, vector in vectors.items()}  # inference tensors take no part in autograd
    if world > 1:
        for others, bad, doubtful in gather_object([(features, failed, own_doubts)]):
            features |= others
            failed |= bad
            own_doubts |= doubtful
    if doubts is not None:
        doubts |= own_doubts
    return features, failed
