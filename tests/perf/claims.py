"""Reports to claims, claims to statements, and intervals over patients. Times are of the processor, on one core."""

import time
from collections.abc import Callable

import numpy as np

from nast_core.claims.build import build_examples
from nast_core.claims.evidence import evidence
from nast_core.claims.extract import extract
from nast_core.claims.openi import openi_studies, read_reports
from nast_core.claims.padchest import padchest_studies
from nast_core.claims.phantom import phantom_studies
from nast_core.statistics.auroc import auroc_resamples
from nast_core.statistics.rates import rate

ITEMS, RESAMPLES = 5000, 10_000


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor: what else runs on the machine does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def claims_and_intervals() -> list[tuple[str, str, str]]:
    reports = len(read_reports()[0])
    extract("No effusion.")  # loads spaCy and the lexicon
    studies: list = []
    openi = _seconds(lambda: studies.extend(openi_studies().studies))
    built = _seconds(lambda: build_examples(studies, balanced=False))
    padchest = _seconds(padchest_studies)
    people = phantom_studies(1000, split="test")
    phantoms = _seconds(lambda: build_examples(people))
    asked = evidence(build_examples(people).examples)
    gallery = _seconds(lambda: asked.gallery())
    rng = np.random.default_rng(0)
    patients = [str(i) for i in range(ITEMS)]
    right, truth, score = rng.integers(2, size=ITEMS), rng.integers(2, size=(ITEMS, 1)), rng.random((ITEMS, 1))
    mean = _seconds(lambda: rate(right, patients, resamples=RESAMPLES))
    area = _seconds(lambda: auroc_resamples(truth, score, patients, resamples=RESAMPLES))
    size = f"{RESAMPLES:,} resamples of {ITEMS:,} patients, one core"
    held = f"{len(asked.gallery().statements):,} statements, {len(asked.images):,} images"
    return [
        ("All Open-i reports to claims", f"{openi:.1f} s on one core", f"{reports:,} reports; limit 120 s on 2 cores"),
        ("Their claims to statements", f"{built:.1f} s on one core", "nothing set aside"),
        ("PadChest's table to claims", f"{padchest:.1f} s on one core", "39,053 rows labelled by physicians"),
        ("1,000 phantoms to statements", f"{phantoms:.1f} s on one core", "balanced"),
        ("Which statement holds of which image", f"{gallery:.1f} s on one core", held),
        ("Interval of a rate", f"{mean:.2f} s", f"{size}; limit 2 s"),
        ("Interval of an AUROC", f"{area:.2f} s", size),
    ]
