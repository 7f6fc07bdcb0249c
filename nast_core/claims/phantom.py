"""Studies of the phantom world: everything is known of a phantom."""

import numpy as np

from nast_core.claims.manner import Manner
from nast_core.claims.study import Study
from nast_core.claims.truth import phantom_claims
from nast_core.data.phantom import SPLITS, SplitTooSmall, phantom_name, sample_phantom
from nast_core.data.studies import Split
from nast_core.negation.phrases import DENIALS

SPOKEN = Manner(cues=frozenset(denial.cue for denial in DENIALS))
"""In the demo world's own cues. The grammar's two dozen others are new words to the demo CLIP: a few hundred steps
teach none."""
SPLIT_SHARES: dict[Split, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}  # as patients of reports are split


def phantom_studies(count: int, *, split: Split | None = None, seed: int = 0) -> list[Study]:
    """``count`` phantoms of a split; without one, of all three in their shares. Equal seeds draw equal phantoms."""
    if split is None:
        sizes: dict[Split, int] = {name: round(count * share) for name, share in SPLIT_SHARES.items()}
        sizes["train"] += count - sum(sizes.values())
    else:
        sizes = {split: count}
    return [study for name, size in sizes.items() for study in _of_split(name, size, seed)]


def _of_split(split: Split, count: int, seed: int) -> list[Study]:
    seeds = SPLITS[split]
    if count > len(seeds):
        raise SplitTooSmall(f"split {split!r} has {len(seeds)} phantoms; asked for {count}; ask for fewer")
    places = np.random.default_rng([seed, 0xC1A1]).choice(len(seeds), size=count, replace=False)
    people = [sample_phantom(seeds[int(place)]) for place in places]
    return [
        Study(
            study_id=str(person.seed),
            patient_id=person.patient_id,
            claims=phantom_claims(person),
            image=phantom_name(person),
            split=split,
            drawn=True,
        )
        for person in people
    ]
