"""Sets of cues that training statements deny by, under one name each: one home, derived from the grammar. Source: ours.

The cues held out of training are in none of them, so that reading new wording can always be measured.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal

import numpy as np

from nast_core.benchmark.grammar import grammar
from nast_core.claims.manner import Contrasts, Manner
from nast_core.claims.ways import Side, ways
from nast_core.claims.wording import CONTRAST_CUES, denials_by_cue
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.phrases import HELD_OUT_CUES, SEEN_DENIALS
from nast_core.vocabulary.cues import CUES
from nast_core.vocabulary.shipped import chest

OWN, EIGHT, ALL = "own", "eight", "all"
SETS: dict[str, str] = {
    OWN: "the demo world’s own five, all before the noun",
    EIGHT: "those five and three behind the noun",
    ALL: "all of the grammar but the held-out ones",
}
_BEHIND = frozenset({"not identified", "not visualized", "ruled out"})
_IN_UNMOVED = frozenset({"no", "without"})  # the grammar's words of negation that deny nothing
_STREAM = 7
Where = Literal["mixed", "before"]


@lru_cache(maxsize=1)
def teachable() -> tuple[str, ...]:
    """Every cue that a training text may deny by, in the grammar's order."""
    return tuple(denials_by_cue(False))


@lru_cache(maxsize=1)
def sides() -> dict[str, Side]:
    """Where each teachable cue stands."""
    found = {way.name: way.side for way in ways(chest().conditions[0]) if way.denies}
    return {cue: found[cue] for cue in teachable()}


def cue_set(name: str) -> frozenset[str]:
    """Of SETS."""
    own = frozenset(denial.cue for denial in SEEN_DENIALS)
    return {OWN: own, EIGHT: own | _BEHIND, ALL: frozenset(teachable())}[name]


def read_cues(text: str) -> frozenset[str]:
    """From a name of SETS, or cues with commas between. Raises DataError for what is neither."""
    name = " ".join(text.split()).lower()
    if name in SETS:
        return cue_set(name)
    wanted = [cue for part in name.split(",") if (cue := part.strip())]
    if not wanted:
        raise DataError(f"no cue is given; give {_choices()}")
    for cue in wanted:
        if cue in HELD_OUT_CUES:
            raise DataError(
                f"{cue!r} is kept out of every training text, so that reading new wording can be measured; give "
                f"{_choices()}"
            )
        if cue not in teachable():
            near = get_close_matches(cue, [*SETS, *teachable()], n=1)
            meant = f", did you mean {near[0]!r}" if near else ""
            raise DataError(f"no statement denies by {shown(cue)!r}{meant}; give {_choices()}")
    return frozenset(wanted)


def manner_of(cues: Iterable[str] | str, *, contrasts: Contrasts = "on", hard: float = 0.0, unmoved: int = 0) -> Manner:
    """``cues``: those taught, as a set or as read_cues takes them; the held-out ones are said in lines that nothing is
    trained on. ``unmoved``: of the grammar's, the first so many. Raises DataError for what cannot be said."""
    taught = read_cues(cues) if isinstance(cues, str) else frozenset(cues)
    if unmoved > (most := len(grammar().unmoved)):
        raise DataError(f"there are {most} pseudo-negations to be taught, got {unmoved}; give 0 to {most}")
    if unmoved and not taught >= _IN_UNMOVED:
        raise DataError(
            f"pseudo-negations are said with {' and '.join(map(repr, sorted(_IN_UNMOVED)))}, and not both of these are "
            "among the cues; add them, or teach no pseudo-negation"
        )
    said = None if taught == cue_set(ALL) else taught | HELD_OUT_CUES
    return Manner(cues=said, contrasts=contrasts, hard=hard, unmoved=unmoved)


def taught_by(manner: Manner) -> frozenset[str]:
    """Every cue that training lines deny by: contrasts deny, too."""
    cues = frozenset(teachable() if manner.cues is None else manner.cues) - HELD_OUT_CUES
    return cues | CONTRAST_CUES if manner.contrasts == "on" else cues


def untaught(texts: Iterable[str], manner: Manner) -> dict[str, str]:
    """Cue -> the first text that holds it, of those that figures call held out or never taught.

    Asked twice: of the parser, and of a plain search for words, which knows no scope. What stands in a longer cue is
    not searched for: "no" in "no evidence of".
    """
    kept_out, found = kept_from(manner), dict[str, str]()
    search = _every_cue()
    for text in texts:
        cues = [cue.text for cue in denying_cues(text)] + [match.group() for match in search.finditer(text.lower())]
        for cue in kept_out.intersection(cues):
            found.setdefault(cue, text)
    return found


def kept_from(manner: Manner) -> frozenset[str]:
    """The cues that are held out or never taught where training lines are said so."""
    return (frozenset(teachable()) | HELD_OUT_CUES) - taught_by(manner)


@lru_cache(maxsize=1)
def _every_cue() -> re.Pattern[str]:
    """The longest of those that begin at a place."""
    words = sorted({*CUES, *teachable(), *HELD_OUT_CUES}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")


def draw_cues(count: int, seed: int, where: Where = "mixed") -> frozenset[str]:
    """A random set, the same for one seed; of one seed the larger holds the smaller. mixed: as many before the noun as
    behind it, the odd one before; before: none behind. Raises DataError where there are not so many."""
    rng = np.random.default_rng([seed, _STREAM])
    before, behind = (
        [own[i] for i in rng.permutation(len(own))]
        for own in ([cue for cue in teachable() if sides()[cue] == side] for side in ("before", "behind"))
    )
    chosen = before[:count] if where == "before" else before[: count - count // 2] + behind[: count // 2]
    if len(chosen) < count or not count:
        raise DataError(
            f"there is no {where} set of {count} cues; there are {len(before)} before and {len(behind)} behind"
        )
    return frozenset(chosen)


def _choices() -> str:
    return f"{', '.join(SETS)}, or of these, with commas between: {', '.join(sorted(teachable()))}"
