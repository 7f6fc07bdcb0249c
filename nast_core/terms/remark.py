"""What is remarked on a vocabulary. Source: ours."""

from typing import NamedTuple

KINDS = {  # kind -> (whether such a vocabulary cannot be used, what it is)
    "not read": (True, "a phrase that the parser reads as something else, however it is said"),
    "two conditions": (True, "words for one condition that name another one, too"),
    "true of another": (True, "an equivalent that denies another condition, too, and does not say so"),
    "in some sentences": (False, "a phrase that is misread in some constructions; drafts with it are turned down"),
    "inside another": (False, "a noun that stands inside a noun of another condition"),
    "may deny another": (False, "an equivalent that calls all of something normal, which another condition names"),
    "no equivalent": (False, "a condition whose absence has no affirmative form; it is left out of paired items"),
    "no paired items": (False, "no three conditions that could be asked for together"),
    "article": (False, "an article that does not go with its noun"),
}


class Remark(NamedTuple):
    """One sentence on one condition."""

    kind: str  # key of KINDS
    condition: str  # empty for one on all of it
    said: str
    phrase: str = ""  # the noun, name or equivalent that it is about

    @property
    def grave(self) -> bool:
        """Whether the vocabulary cannot be used before it is put right."""
        return KINDS[self.kind][0]
