"""Items of the phantom world's test split."""

from nast_core.benchmark.builder import Study, build_items
from nast_core.benchmark.items import Item
from nast_core.data.phantom import Phantom, phantoms
from nast_core.data.sources import phantom_name

_STUDIES_PER_ITEM = 1.5  # enough that most items have a study of their own
_LEAST_STUDIES = 600


def study_of(phantom: Phantom) -> Study:
    return Study(
        study_id=str(phantom.seed), patient_id=phantom.patient_id, image=phantom_name(phantom), labels=phantom.labels
    )


def phantom_items(count: int, *, seed: int = 0, split: str = "test") -> list[Item]:
    """``count`` items over phantoms of a split; the pool grows with the number of items, not with the seed."""
    pool = max(_LEAST_STUDIES, round(count * _STUDIES_PER_ITEM))
    return build_items([study_of(phantom) for phantom in phantoms(split, pool)], count, seed=seed)
