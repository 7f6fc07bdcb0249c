"""What two models are compared on where nothing else is given: questions and claims about phantoms. Without torch."""

from collections.abc import Sequence

from nast_core.claims.build import build_examples
from nast_core.claims.claim import Example
from nast_core.claims.evidence import Evidence, evidence
from nast_core.claims.phantom import phantom_studies
from nast_core.data.studies import Split

STUDIES = 200  # phantoms that claims are made about


def phantom_examples(count: int, split: Split, seed: int = 0) -> Sequence[Example]:
    """Statements about ``count`` phantoms of a split."""
    return build_examples(phantom_studies(count, split=split, seed=seed), seed=seed).examples


def phantom_evidence(count: int, split: Split, seed: int = 0) -> Evidence:
    """The same, with what is known of their images."""
    return evidence(phantom_examples(count, split, seed), split)
