"""How a noun is denied, and the sentences it stands in. The nouns are a vocabulary's. Source: ours.

Cues of denial are data, each with the seeded choice of a cue left to the caller, so that a cue can be held out of every
training text.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from nast_core.vocabulary.model import Vocabulary


@dataclass(frozen=True)
class Denial:
    """One way to deny a noun. ``template`` takes {noun}, {is} (its verb); ``cue`` is the negator in it."""

    cue: str
    template: str


DENIALS: tuple[Denial, ...] = (
    Denial("no", "no {noun}"),
    Denial("no", "there {is} no {noun}"),
    Denial("without", "without {noun}"),
    Denial("no evidence of", "no evidence of {noun}"),
    Denial("no sign of", "no sign of {noun}"),
    Denial("absence of", "absence of {noun}"),
    Denial("absent", "{noun} {is} absent"),
    Denial("not seen", "{noun} {is} not seen"),
    Denial("free of", "free of {noun}"),
    Denial("negative for", "negative for {noun}"),
)
HELD_OUT_CUES: frozenset[str] = frozenset({"absent", "free of", "not seen", "negative for"})
"""Cues kept out of every training text, so that unseen wording can be scored apart."""
SEEN_DENIALS = tuple(denial for denial in DENIALS if denial.cue not in HELD_OUT_CUES)
UNSEEN_DENIALS = tuple(denial for denial in DENIALS if denial.cue in HELD_OUT_CUES)

JOINS: tuple[str, ...] = (". ", "; ", ", ")
"""What stands between the statements in one sentence."""


@lru_cache(maxsize=16)
def frames(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Sentence frames of an examination, "{}" for what is said."""
    about = vocabulary.examination
    return (
        "{}.",
        "findings: {}.",
        "impression: {}.",
        f"{about.name}: {{}}.",
        *(f"{view}. {{}}." for view in about.views),
        "the report reads: {}.",
    )


def sentence_case(text: str) -> str:
    """Every sentence with a capital; the tokenizers of most medical CLIPs fold case."""
    return re.sub(r"(^|\. )([a-z])", lambda match: match.group(1) + match.group(2).upper(), text)
