"""Drawn patients to learn from as files, in the number that is asked for: a recipe that names files says what they
were."""

import hashlib
from pathlib import Path

from nast_core.benchmark.items import write_items
from nast_core.claims.examples import write_claims
from nast_core.claims.manner import Manner
from nast_core.claims.phantom import SPOKEN
from nast_core.dataset.phantom_world import WATCHED, phantom_questions, phantom_training


def drawn_files(folder: Path, studies: int, seed: int, manner: Manner | None = None) -> tuple[Path, Path]:
    """Statements to learn from, and questions on others; of train and validation splits, never of test. Made once.

    ``manner``: how they are said; without, in the demo world's own cues.
    """
    manner = manner or SPOKEN
    said = "own-cues" if manner == SPOKEN else hashlib.sha256(manner.told.encode()).hexdigest()[:10]
    claims = folder / f"phantom-{said}-{studies}-{seed}.claims.jsonl"
    items = folder / f"phantom-own-cues-{WATCHED}-{seed}.items.jsonl"
    if not claims.exists():
        write_claims(phantom_training(studies, seed, manner), claims)
    if not items.exists():
        write_items(phantom_questions(seed), items)
    return claims, items
