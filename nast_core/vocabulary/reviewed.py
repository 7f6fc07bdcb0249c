"""Whether what a text says affirmatively is said in words that readers have reviewed. Source: ours."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from nast_core.vocabulary.model import Vocabulary

_ARTICLE = re.compile(r"\b(?:a|an|the) ")


class Share(NamedTuple):
    """How many of how many."""

    reviewed: int
    of: int

    def __str__(self) -> str:
        return f"{self.reviewed:,} of {self.of:,}" + (f" ({self.reviewed / self.of:.0%})" if self.of else "")


def told(vocabulary: Vocabulary) -> str:
    """How many of its mappings were reviewed, as cards say it."""
    share = Share(*vocabulary.reviewed)
    return f"Readers have reviewed and found right {share} of the vocabulary's mappings from a denial to its equivalent"


def mapping_used(text: str, condition: str, vocabulary: Vocabulary) -> bool | None:
    """Whether the absence of a condition is said in ``text`` by an equivalent that readers call right; None where it is
    said by none of the vocabulary's. An article does not matter; of equivalents within one another, the longest
    counts."""
    told = _bare(text)
    found = {
        _bare(equivalent.text): equivalent.approved
        for equivalent in vocabulary[condition].equivalents
        if re.search(rf"(?<!\w){re.escape(_bare(equivalent.text))}(?!\w)", told)
    }
    longest = [words for words in found if not any(words != other and words in other for other in found)]
    return all(found[words] for words in longest) if longest else None


def all_reviewed(said: Iterable[tuple[str, Iterable[str]]], vocabulary: Vocabulary) -> bool:
    """Whether that holds of every condition that each text says is absent: pairs of text and conditions."""
    any_approved = vocabulary.reviewed[0] > 0
    return any_approved and all(mapping_used(text, name, vocabulary) for text, absent in said for name in absent)


def _bare(text: str) -> str:
    return _ARTICLE.sub("", " ".join(text.casefold().split()))
