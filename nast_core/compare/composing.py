"""One comparison from its parts: images encoded by both models, claims, and all else;
the page's and the command's alike."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import pandas as pd

from nast_core.benchmark.items import Item
from nast_core.claims.evidence import Evidence
from nast_core.compare import two_models
from nast_core.compare.claims import claim_changes, wordings_between
from nast_core.compare.tables import Comparison
from nast_core.compare.two_models import SharedPairs
from nast_core.dataset.interface import Dataset
from nast_core.encoding.cache import default_cache
from nast_core.encoding.images import encode_named
from nast_core.encoding.showcase import Having, phantom_names
from nast_core.errors import DataError, DatasetError, PairError
from nast_core.models.encoder import DualEncoder
from nast_core.progress import Tick

IMAGES, CLAIMS, REST = (
    "Encoding images",
    "Comparing claims, wording and retrieval",
    "Comparing attention, effects and answers",
)
Had = TypeVar("Had")
Told = Callable[[int, int, str], None]  # how much is done, of how much, of which of the three


def pairs_of(a: DualEncoder, b: DualEncoder, dataset: Dataset, count: int | None = None) -> SharedPairs:
    """Of the dataset's pairs of the conditions that A knows, those that align under both and have an image;
    ``count``, evenly."""
    shared = two_models.shared_pairs(a, b, dataset.pairs(a.card.conditions))
    shared = two_models.pictured(shared, dataset.images_for)
    return two_models.spread(shared, count) if count else shared


class Parts(NamedTuple):
    """What there is to compare on, and of what there is not, why: ``lacks`` has pairs, questions or claims."""

    pairs: SharedPairs
    items: Sequence[Item]
    sample: Evidence | None = None
    lacks: Mapping[str, str] = MappingProxyType({})


def gathered(
    pairs: Callable[[], SharedPairs], items: Callable[[], Sequence[Item]], sample: Callable[[], Evidence | None]
) -> Parts:
    """Each as far as it can be had: the pairs, the questions, and the statements with labels. Raises DatasetError where
    there is none of the three."""
    lacks: dict[str, str] = {}

    def had(part: str, ask: Callable[[], Had]) -> Had | None:
        try:
            return ask()
        except (DataError, PairError) as error:
            lacks[part] = str(error)
            return None

    parts = had("pairs", pairs), had("questions", items), had("claims", sample)
    if len(lacks) == len(parts):
        raise DatasetError(f"there is nothing to compare on: {'; '.join(lacks.values())}")
    return Parts(parts[0] or SharedPairs((), (), ()), parts[1] or (), parts[2], lacks)


def compare_on(
    a: DualEncoder,
    b: DualEncoder,
    parts: Parts,
    folder: Path | None = None,
    *,
    having: Having = phantom_names,
    parameters: pd.DataFrame | None = None,
    failed: dict[str, str] | None = None,
    doubts: dict[str, str] | None = None,
    workers: int | None = None,
    told: Told | None = None,
) -> Comparison:
    """Both models on the same pairs, questions and statements, as far as there are any; ``folder`` holds the images,
    phantoms need none.

    ``having``: from a finding to images that have it, for pairs without one of their own; a dataset's ``images_for``.
    ``parameters``: as ``moved_layers`` gives it. ``failed`` and ``doubts`` get the images that cannot be read, or are
    doubtful, each with the reason. ``workers`` as in ``encode_named``. Raises NastErrors as ``two_models.compare`` and
    ``claim_changes`` do.
    """
    told = told or (lambda *_: None)
    doubts = {} if doubts is None else doubts
    pairs, items, sample, lacks = parts
    names = two_models.needed_images(pairs, items, having)
    names = list(dict.fromkeys([*names, *(sample.images.image if sample else ())]))
    encoded, vectors = _counted(told, 2 * len(names), IMAGES), []
    for model in (a, b):
        known, unread = encode_named(
            model, names, folder, cache=default_cache(), progress=encoded, doubts=doubts, workers=workers
        )
        vectors.append(known)
        if failed is not None:
            failed |= unread
    claims = wording = None
    if sample is not None:
        told(0, 1, CLAIMS)
        claims = claim_changes(a, b, sample, *vectors)
        wording = wordings_between(a, b, sample, *vectors, cache=default_cache())
        told(1, 1, CLAIMS)
    found = two_models.compare(
        a,
        b,
        pairs,
        items,
        *vectors,
        having=having,
        parameters=parameters,
        claims=claims,
        wording=wording,
        doubts=doubts,
        progress=_counted(told, two_models.STEPS, REST),
    )
    if lacks:
        found.about["lacks"] = dict(lacks)
    if sample is not None:
        found.about.update(studies=len(sample.images), statements=len(sample.examples))
    return found


def _counted(told: Told, total: int, label: str) -> Tick:
    """From counts of what was just done to how much of ``total`` is done."""
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        told(min(done, total), total, label)

    return tick
