"""How statements are said: which cues deny, how one place is set against another, and how presence is affirmed. Source:
ours.

What a tower learns of wording it learns from these choices, so they are a field of whatever builds statements.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal, get_args

from nast_core.errors import DataError

Contrasts = Literal["on", "off", "reworded"]
CONTRASTS: dict[Contrasts, str] = {
    "on": "as “on the left, not on the right”, and “rather than”",
    "off": "none: the other place or grade is denied in a clause of its own",
    "reworded": "without a word of denial: “on the left only”",
}
UNMOVED_SHARE = 0.25  # of affirmations, where there are any with a word of negation that denies nothing


@dataclass(frozen=True)
class Manner:
    """The default is what statements are without being asked. Raises DataError for a share or number out of range."""

    cues: Set[str] | None = None  # that deny, in training lines and in others; None: all
    contrasts: Contrasts = "on"
    hard: float = 0.0  # share of affirmations in frames that a cue has too: "evidence of", "positive for"
    unmoved: int = 0  # different affirmations with a word of negation: "no interval change in"

    def __post_init__(self) -> None:
        if self.contrasts not in get_args(Contrasts):
            raise DataError(f"contrasts are {', '.join(CONTRASTS)}, got {self.contrasts!r}")
        if not 0 <= self.hard <= 1:
            raise DataError(f"the share of hard affirmatives is a number from 0 to 1, got {self.hard}")
        if self.unmoved < 0:
            raise DataError(f"the number of pseudo-negations is 0 or more, got {self.unmoved}")

    @property
    def told(self) -> str:
        """In a sentence, for cards; empty for the default."""
        parts = [f"denied by {', '.join(sorted(self.cues))}"] if self.cues is not None else []
        parts += [f"contrasts {self.contrasts}"] if self.contrasts != "on" else []
        parts += [f"{100 * self.hard:g} % hard affirmatives"] if self.hard else []
        parts += [f"{self.unmoved} pseudo-negations"] if self.unmoved else []
        return f"Said so: {'; '.join(parts)}." if parts else ""
