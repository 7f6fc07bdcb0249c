"""What the tiny tokenizers are built to know: every sentence that the family checks and the self-test use."""

from nast_core.interpret.selftest import _PROBES
from nast_core.negation.pairs import template_pairs
from tests.families.checks import LONG, SHORT, TEXTS


def sentences() -> list[str]:
    pairs = [SHORT, LONG, *template_pairs()]
    return [*TEXTS, *_PROBES, *(text for pair in pairs for text in (pair.affirmative, pair.negated))]
