"""Claims that a person's reading speaks against. Source: ours."""

from nast_core.claims.claim import Example
from nast_core.negation.corrections import Corrections
from nast_core.negation.reading import Change, changes
from nast_core.vocabulary.model import Vocabulary


def disputed(example: Example, corrections: Corrections, vocabulary: Vocabulary | None = None) -> Change | None:
    """How a person reads a text of the example otherwise than the parser and than its claim has it;
    None where nobody does."""
    texts = [(example.claim.sentence, example.claim), (example.text, example.claim)]
    texts += [(other.text, other.claim) for other in example.contradictions if other.claim is not None]
    return next(
        (
            change
            for text, claim in texts
            for change in changes(text, corrections, vocabulary)
            if change.condition == claim.finding and change.person != claim.polarity
        ),
        None,
    )
