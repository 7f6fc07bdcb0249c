"""Every way to say that a finding is there or not: the cues of the grammar, and affirmations that are new to a tower.
Source: ours; the words are benchmark/grammar.yaml's and negation/phrases.py's."""

from collections.abc import Collection
from functools import lru_cache
from typing import Literal, NamedTuple

from nast_core.benchmark.grammar import Affirmed, Normal, grammar
from nast_core.benchmark.template import Words
from nast_core.claims.prompts import Prompt, denial_prompts_by_cue
from nast_core.claims.way_groups import AFFIRMED, CONTRAST, FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT
from nast_core.claims.wording import CONTRAST_CUES, denials_by_cue
from nast_core.negation.phrases import HELD_OUT_CUES, SEEN_DENIALS, sentence_case
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

Says = Literal["denial", "affirmation", "pseudo-negation"]
Side = Literal["before", "behind"]
TAUGHT_HERE = frozenset(denial.cue for denial in SEEN_DENIALS)
"""What the demo world's training statements deny by: of a model whose own cues are not on record, what is taught."""


class Way(NamedTuple):
    """One way of saying: a cue, or a frame."""

    says: Says
    name: str
    side: Side  # of the finding's name, where the cue or frame stands

    @property
    def denies(self) -> bool:
        return self.says == "denial"

    def group(self, taught: Collection[str]) -> str:
        """``taught``: the cues by which training texts deny a finding, and the names of frames that they have.

        The cue of a contrast ("on the left, not on the right") is in training texts, whether it denies there or not.
        """
        if self.says == "pseudo-negation":
            return PSEUDO
        if self.says == "affirmation":
            return AFFIRMED if self.name in taught else FALSE_DENIAL
        if self.name in taught:
            return TAUGHT
        return CONTRAST if self.name in CONTRAST_CUES else HELD_OUT if self.name in HELD_OUT_CUES else NEVER


@lru_cache(maxsize=256)
def ways(condition: str, vocabulary: Vocabulary | None = None) -> dict[Way, Prompt]:
    """The condition's first noun in every template of each way; the ways are the same for every condition.

    A cue that phrases.py has is said as there, so that its figure is that of the negated prompts.
    """
    words, noun = grammar(vocabulary), given(vocabulary)[condition].prompt_nouns[0]
    name = Words((noun,), (Normal(""),))

    def said(template: str) -> str:
        return sentence_case(f"{name.fill(template, [0])}.")

    prompts: dict[Way, Prompt] = {}
    own = denial_prompts_by_cue(condition, vocabulary)
    for cue, denials in (denials_by_cue(False, vocabulary) | denials_by_cue(True, vocabulary)).items():
        prompt = own.get(cue) or Prompt(tuple(said(denial.one) for denial in denials))
        prompts[Way("denial", cue, _side(denials[0].one))] = prompt
    framed: dict[Says, tuple[Affirmed, ...]] = {"affirmation": words.affirming, "pseudo-negation": words.pseudo}
    for says, frames in framed.items():
        prompts |= {Way(says, one.frame, _side(one.said)): Prompt((said(one.said),)) for one in frames}
    return prompts


def _side(template: str) -> Side:
    """Where most of a template's words stand; a finding's name is at its end, or words follow it."""
    return "before" if template.endswith(("{N}", "{P}")) else "behind"
