"""What can be said of each finding: its sides, heights and grades, and its words, as a vocabulary has them.
Source: ours."""

from dataclasses import dataclass
from functools import lru_cache

from nast_core.claims.claim import Severity
from nast_core.vocabulary.model import Condition, Noun, Vocabulary, Zone
from nast_core.vocabulary.shipped import given

SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")


@dataclass(frozen=True)
class Anatomy:
    """One finding. ``drawn`` words are what a phantom shows, ``general`` ones fit every instance in a report."""

    sided: bool
    zones: tuple[Zone, ...]  # heights it may be at; empty where height is not told apart
    grades: tuple[str, ...]  # adjectives, mild to severe; empty where it has none
    graded: frozenset[str]  # the nouns that take them
    drawn: tuple[Noun, ...]
    drawn_normal: tuple[str, ...]
    general: tuple[Noun, ...]
    general_normal: tuple[str, ...]

    def nouns(self, *, drawn: bool, graded: bool = False) -> tuple[Noun, ...]:
        """The nouns of phantoms or of reports; with ``graded``, those that take an adjective of severity."""
        return tuple(noun for noun in (self.drawn if drawn else self.general) if not graded or noun.text in self.graded)

    def normal(self, *, drawn: bool) -> tuple[str, ...]:
        """Affirmative ways to say that it is absent; there may be none."""
        return self.drawn_normal if drawn else self.general_normal


def anatomy(vocabulary: Vocabulary | None = None) -> dict[str, Anatomy]:
    """Condition -> what can be said of it, for all conditions of a vocabulary."""
    return _anatomy(given(vocabulary))


@lru_cache(maxsize=16)
def _anatomy(vocabulary: Vocabulary) -> dict[str, Anatomy]:
    return {name: _of(entry) for name, entry in vocabulary.entries.items()}


def _of(entry: Condition) -> Anatomy:
    takes_grades = any(noun.text in entry.graded for noun in entry.report_nouns)
    return Anatomy(
        sided=entry.sided,
        zones=entry.zones,
        grades=entry.grades.words if takes_grades else (),
        graded=entry.graded,
        drawn=entry.prompt_nouns,
        drawn_normal=tuple(text for text in entry.prompt_equivalents if text not in entry.prompts.in_part),
        general=entry.report_nouns,
        general_normal=entry.report_equivalents,
    )
