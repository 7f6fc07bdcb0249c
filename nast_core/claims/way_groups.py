"""The groups that wordings stand in, by what they say and by what training texts have (method.md section 6)."""

from typing import NamedTuple

TAUGHT, CONTRAST, HELD_OUT, NEVER = "taught", "in contrasts", "held out", "never taught"
FALSE_DENIAL, AFFIRMED, PSEUDO = "false denial", "affirmed, taught", "pseudo-negation"
UNSEEN = (HELD_OUT, NEVER)
MACRO, MEAN = "macro", "mean"  # over conditions; over a group's wordings, in whose place it stands
BOTH = "both"  # sides of the noun
SIDES = (BOTH, "before", "behind")


class Group(NamedTuple):
    said: str  # what its wordings are
    denies: bool  # an AUROC is of absence; else of presence


WAY_GROUPS = {
    TAUGHT: Group("denials by cues that deny a finding in training texts", True),
    CONTRAST: Group("denials by cues that there only set places or grades apart", True),
    HELD_OUT: Group("denials by cues kept out of every training text", True),
    NEVER: Group("denials by the grammar's other cues", True),
    FALSE_DENIAL: Group("affirmations in frames that no training text has", False),
    AFFIRMED: Group("affirmations in such frames, where training has them", False),
    PSEUDO: Group("phrases with a negation word that deny nothing", False),
}
