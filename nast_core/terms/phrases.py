"""What stands beside negation words, and what is said plainly, in phrases of a few words: without knowing any
condition. Source: ours."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from nast_core.negation.words import Token, classes, plain, tokens
from nast_core.vocabulary.cues import cue_table, find_cues

_MOST = 4  # words of a phrase
_SENTENCE = re.compile(r"(?<=[.;!?])\s+|\s*\n\s*\n\s*|(?<=[a-z]\.)(?=[A-Z])")
_BEFORE = frozenset(
    cue
    for cue in cue_table().before
    if re.match(r"(no|without|w/o|absence|lack|free|clear|devoid|negative|neg|rules out|excludes|-ve)\b", cue)
    and cue != "no longer"
)  # cues whose object follows: "no X", "free of X"; what stands behind "not" is as often a predicate
_AFTER = frozenset(cue_table().after) - frozenset(cue_table().before)
_JOINTS = frozenset(["and", "or", "nor", "and/or", ",", "/", "&"])
_BREAKS = frozenset(
    re.findall(
        r"\w+",
        "is are was were be been being has have had that which who this these those there it than then as by with "
        "without from on at to for seen "
        "noted identified present visualized visible demonstrated appreciated evident detected since compared within "
        "in of over under about into "
        "may might can could should would will do does did suggest suggests suggesting not however but although while "
        "if because due",
    )
)
_LEADING = frozenset(
    re.findall(
        r"\w+",
        "a an the any some new acute definite significant focal obvious other further gross evident visible "
        "convincing radiographic overt frank "
        "suspicious additional discrete active large small mild moderate severe clear definitive displaced "
        "appreciable substantial sizable "
        "concerning discernible discernable demonstrable identifiable detectable acutely underlying associated "
        "radiographically obviously",
    )
)
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "evidence sign signs suggestion indication finding findings change changes comparison prior interval time "
        "study exam examination evidences "
        "abnormality abnormalities process disease more less exception left right bilateral both stable unchanged "
        "seen upper lower middle base bases",
    )
)  # alone, they name nothing


class Denied(NamedTuple):
    """A phrase beside a negation word. Characters, [start, end), of the sentence in lower case."""

    text: str
    start: int
    end: int


def sentences(report: str) -> list[str]:
    return [" ".join(part.split()) for part in _SENTENCE.split(report) if part and part.strip()]


@lru_cache(maxsize=20_000)  # reports repeat their normal sentences word for word
def denied(sentence: str) -> tuple[Denied, ...]:
    """What a sentence denies, in reading order: of "no free air or effusion", "free air" and "effusion"."""
    low = plain(sentence)
    words = tokens(low)
    found: list[Denied] = []
    for cue in find_cues(low):
        if cue.text in _BEFORE:
            found += _behind([word for word in words if word.start >= cue.end])
        elif cue.text in _AFTER:
            found += _ahead([word for word in words if word.end <= cue.start])
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=20_000)
def affirmed(sentence: str) -> tuple[str, ...]:
    """Phrases of a sentence that has no negation word: every run of words between two that only join, and its last
    ones."""
    low = plain(sentence)
    if find_cues(low):
        return ()
    found: list[str] = []
    for run in _runs(tokens(low)):
        words = [word.text for word in run]
        found += [" ".join(words[start:]) for start in range(len(words)) if 1 <= len(words) - start <= _MOST]
    return tuple(dict.fromkeys(text for text in found if text not in _EMPTY and len(text) > 2))


def _runs(words: Sequence[Token]) -> Iterator[list[Token]]:
    run: list[Token] = []
    for word in words:
        if word.text in _JOINTS or word.text in _BREAKS or not word.text[0].isalpha():
            if run:
                yield run
            run = []
        elif run or word.text not in _LEADING:
            run.append(word)
    if run:
        yield run


def _behind(words: Sequence[Token]) -> Iterator[Denied]:
    """The phrases that stand behind a cue, up to what ends its reach."""
    ends, carriers = classes()["ends"], classes()["carriers"]
    run: list[Token] = []
    for place, word in enumerate(words):
        following = words[place + 1].text if place + 1 < len(words) else ""
        if word.text in carriers and following in ("of", "for", "to") and not run:
            continue  # "no convincing evidence of X"
        if word.text in ("of", "for") and not run:
            continue
        if word.text in _JOINTS:
            yield from _phrase(run)
            run = []
        elif ends.has(word.text) or word.text in _BREAKS or not word.text[0].isalnum():
            break
        elif run or word.text not in _LEADING:
            run.append(word)
    yield from _phrase(run)


def _ahead(words: Sequence[Token]) -> Iterator[Denied]:
    """The phrase right before a cue: "free air is not seen"."""
    run: list[Token] = []
    for word in reversed(words):
        if not run and word.text in ("is", "are", "was", "were"):
            continue
        if word.text in _JOINTS or word.text in _BREAKS or not word.text[0].isalnum():
            break
        run.insert(0, word)
    while run and run[0].text in _LEADING:
        run.pop(0)
    yield from _phrase(run)


def _phrase(run: Sequence[Token]) -> Iterator[Denied]:
    changes = classes()["changes"]
    if run and len(run) <= _MOST and not (len(run) == 1 and run[0].text in _EMPTY) and not changes.has(run[-1].text):
        text = " ".join(word.text for word in run)
        if any(c.isalpha() for c in text) and len(text) > 2:
            yield Denied(text, run[0].start, run[-1].end)
