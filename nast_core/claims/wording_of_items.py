"""How wording is read on a benchmark's own images: what its right options say is there is all that is known of them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import distinct_texts
from nast_core.claims.evidence import LEAST
from nast_core.claims.wording_figures import WordingFigures, wording_figures, wording_texts
from nast_core.models.encoder import DualEncoder
from nast_core.vocabulary.model import Vocabulary


class Known(NamedTuple):
    """Of the images of some items."""

    images: tuple[str, ...]
    patients: tuple[str, ...]
    conditions: tuple[str, ...]  # those that at least LEAST images have, and LEAST lack
    presence: Float[np.ndarray, "image condition"]  # 1, 0, NaN where no item tells


def known_of(items: Sequence[Item], vocabulary: Vocabulary) -> Known:
    """Items of an image are taken together."""
    patients = {item.image: item.patient_id for item in items}
    row = {image: number for number, image in enumerate(patients)}
    column = {condition: number for number, condition in enumerate(vocabulary.conditions)}
    presence = np.full((len(row), len(column)), np.nan)
    for item in items:
        for condition, state in zip(item.conditions, item.assignments[item.answer_index], strict=True):
            if condition in column:
                presence[row[item.image], column[condition]] = state
    enough = ((presence == 1).sum(0) >= LEAST) & ((presence == 0).sum(0) >= LEAST)
    conditions = tuple(condition for condition, place in column.items() if enough[place])
    return Known(tuple(patients), tuple(patients.values()), conditions, presence[:, enough])


def texts_asked(items: Sequence[Item], known: Known, vocabulary: Vocabulary) -> list[str]:
    """Every text that a benchmark encodes: the options, and the wordings of each condition that counts."""
    return list(dict.fromkeys([*distinct_texts(items), *wording_texts(known.conditions, vocabulary)]))


def wording_of_items(
    model: DualEncoder,
    known: Known,
    vectors: Mapping[str, Float[Tensor, " dim"]],
    texts: Mapping[str, Float[Tensor, " dim"]],
    vocabulary: Vocabulary,
    *,
    seed: int = 0,
) -> WordingFigures:
    """``vectors``: unit vectors by image name; images that could not be read are left out. ``texts`` as for
    ``wording_figures``."""
    read = [place for place, image in enumerate(known.images) if image in vectors]
    return wording_figures(
        model,
        torch.stack([vectors[known.images[place]] for place in read]),
        known.presence[read],
        [known.patients[place] for place in read],
        known.conditions,
        vocabulary,
        texts=texts,
        seed=seed,
    )
