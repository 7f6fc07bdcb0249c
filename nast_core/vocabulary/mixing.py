"""What speaks of two vocabularies is not compared: a figure would be of neither."""

from collections.abc import Mapping

from nast_core.errors import VocabularyError
from nast_core.vocabulary.model import Vocabulary


def one_of(parts: Mapping[str, Vocabulary]) -> Vocabulary:
    """The vocabulary that all parts speak of; keys are what a message calls them. Raises VocabularyError, naming the
    conditions that two of them share, where they speak of two."""
    (first, vocabulary), *others = parts.items()
    for name, other in others:
        if other != vocabulary:
            shared = [condition for condition in vocabulary.conditions if condition in other]
            common = f"they share {len(shared)} conditions ({', '.join(shared[:20])})" if shared else "they share none"
            raise VocabularyError(
                f"{first} and {name} speak of two vocabularies, {vocabulary.name} and {other.name}: {common}; give "
                "both in one"
            )
    return vocabulary
