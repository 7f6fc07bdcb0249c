"""What can be said of each finding: its sides, heights and grades, and its words. Data: anatomy.yaml. Source: ours."""

from dataclasses import dataclass
from functools import lru_cache

from nast_core.claims.claim import Severity, Zone
from nast_core.files.documents import packaged
from nast_core.negation.phrases import Noun, vocabulary

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


@lru_cache(maxsize=1)
def anatomy() -> dict[str, Anatomy]:
    """Condition -> what can be said of it, for all 13 CheXpert conditions."""
    raw = packaged("nast_core.claims", "anatomy.yaml")
    return {
        name: Anatomy(
            sided=entry.get("sided", False),
            zones=tuple(entry.get("zones", ())),
            grades=vocabulary()[name].grade if entry["graded"] else (),
            graded=frozenset(entry["graded"]),
            drawn=vocabulary()[name].nouns,
            drawn_normal=tuple(t for t in vocabulary()[name].normal if t not in entry.get("in_part", ())),
            general=tuple(Noun(*noun) for noun in entry["general"]),
            general_normal=tuple(entry["normal"]),
        )
        for name, entry in raw.items()
    }
