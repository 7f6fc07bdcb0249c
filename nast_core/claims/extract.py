"""From the text of a report to claims: finding, polarity, side, zone, severity, and where the text says so.

Namings, denial and doubt are read by negation/parser.py; this module adds sentences, attributes, and what a denial
leaves open. What is in doubt makes no claim. Source: ours.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from nast_core.claims.anatomy import anatomy
from nast_core.claims.claim import Claim
from nast_core.files.documents import packaged
from nast_core.negation.lexicon import namesakes
from nast_core.negation.parser import Mention, parse
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_SENTENCE_END = re.compile(
    r"(?<=[.;!?])\s+(?=[A-Z0-9\"(])|(?<=[;!?])\s+|(?<=[a-z]\.)(?=[A-Z])|(?<=[a-z)\]]\.)\s+(?=[a-z])|\s*\n\s*\n\s*"
)
_LIST_NUMBER = re.compile(r"^\s*(\(?\d{1,2}[.)](\s+|$))+")
_BOTH = re.compile(r"\b(left and right|right and left)\b", re.IGNORECASE)
_TWO_LIMITS = re.compile(r"\b(acute|new|focal|large|displaced|discrete),(?= \w+(ed|al|te|w|le)\b)", re.IGNORECASE)
_BARE_JOINT = re.compile(r"\W*(or|and|nor|and/or|/)\W*(\w+ )?", re.IGNORECASE)  # a word may stand before the naming
_OR = re.compile(r"(\bor\b|/)", re.IGNORECASE)
_BARRIER = re.compile(
    r"[,;:.]|\b(?:and|or|nor|but|with|without|plus|which|versus|vs|rather than|instead of)\b", re.IGNORECASE
)


def _expression(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(words, key=len, reverse=True))})(?![\w-])", re.IGNORECASE)


class _Words(NamedTuple):
    sides: dict[str, re.Pattern[str]]
    zones: dict[str, re.Pattern[str]]
    severities: dict[str, re.Pattern[str]]
    not_that_grade: re.Pattern[str]
    denied_severe: re.Pattern[str]
    limited: re.Pattern[str]
    rest: re.Pattern[str]
    borderline: re.Pattern[str]
    doubted: re.Pattern[str]
    not_frontal: re.Pattern[str]


@lru_cache(maxsize=1)
def _words() -> _Words:
    raw = packaged("nast_core.claims", "reports.yaml")

    def expressions(name: str) -> dict[str, re.Pattern[str]]:
        return {key: _expression(words) for key, words in raw[name].items()}

    grades = [word for words in raw["severities"].values() for word in words]
    return _Words(
        expressions("sides"),
        expressions("zones"),
        expressions("severities"),
        re.compile(rf"(?:,? not|,? rather than) (?:{'|'.join(grades)})\b,?(?= \w)", re.IGNORECASE),
        _expression(raw["denied_severe"]),
        _expression(raw["limited"]),
        _expression(raw["rest"]),
        _expression(raw["borderline"]),
        _expression(raw["doubted"]),
        _expression(raw["not_frontal"]),
    )


class _Meant(NamedTuple):
    """What the words of a condition do not surely claim or deny; None where they do."""

    not_meant: re.Pattern[str] | None
    whole: re.Pattern[str] | None  # of a device: namings of all


@lru_cache(maxsize=16)
def _meant(vocabulary: Vocabulary) -> dict[str, _Meant]:
    def either(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
        return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None

    return {
        name: _Meant(either(entry.reports.not_meant), either(entry.reports.whole) if entry.device else None)
        for name, entry in vocabulary.entries.items()
    }


@dataclass
class Extraction:
    """Claims in reading order, and how many namings made none, by reason."""

    claims: list[Claim] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)


def sentences(text: str) -> list[str]:
    """Sentences of a report; line breaks within one are spaces, list numbers are dropped."""
    parts = []
    for block in re.split(r"\n\s*\n", text):
        for part in _SENTENCE_END.split(" ".join(block.split())):
            if part and (sentence := _LIST_NUMBER.sub("", part).strip()):
                parts.append(sentence)
    return parts


def extract(text: str, vocabulary: Vocabulary | None = None) -> Extraction:
    """What a text claims of a vocabulary's conditions. Namings that are hedged, limited ("no new nodule") or borderline
    are counted, not claimed."""
    result, vocabulary = Extraction(), given(vocabulary)
    for sentence in sentences(text):
        claims, left_out = _read(sentence, vocabulary)
        result.claims += claims
        result.left_out.update(left_out)
    return result


@lru_cache(maxsize=50_000)  # reports repeat their normal sentences word for word
def _read(sentence: str, vocabulary: Vocabulary) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    # what stands in for other words keeps their length, so that spans stay those of the sentence
    text = _TWO_LIMITS.sub(lambda match: match.group().replace(",", " "), sentence)
    text = _words().not_that_grade.sub(lambda match: " " * len(match.group()), text)
    mentions = parse(
        f"{text.rstrip(' .')} .", vocabulary
    )  # a full stop of its own is a token, wherever the report ends
    claims: list[Claim] = []
    left_out: list[str] = ["another thing of that name"] * len(namesakes(sentence, vocabulary))
    doubt = _words().doubted.search(sentence)
    doubted = -1 if _words().not_frontal.search(sentence) else doubt.start() if doubt else len(sentence)
    limits = ""  # of the naming before, where this one is joined to it by a bare "or": "no large effusion or ..."
    for number, mention in enumerate(mentions):
        words = _around(_BOTH.sub(lambda match: "bilateral".ljust(len(match.group())), text), mentions, number)
        if mention.state == "absent":
            joined_on = number and mentions[number - 1].cue_start == mention.cue_start
            if joined_on and _BARE_JOINT.fullmatch(text[mentions[number - 1].end : mention.start]):
                words = words._replace(before=f"{limits} {words.before}")
            limits = words.before
        for condition in _conditions(mention, sentence, vocabulary):
            claim = _claim(condition, mention, sentence, words, mention.start > doubted, vocabulary)
            if isinstance(claim, Claim):
                claims.append(claim)
            else:
                left_out.append(claim)
    return tuple(claims), tuple(left_out)


class _Around(NamedTuple):
    before: str  # words that may qualify the naming, from the last joint, cue or naming on
    after: str
    alternative: bool  # one of two: "atelectasis or infiltrate"


def _around(sentence: str, mentions: list[Mention], number: int) -> _Around:
    mention = mentions[number]
    start = mentions[number - 1].end if number else 0
    end = mentions[number + 1].start if number + 1 < len(mentions) else len(sentence)
    gaps = sentence[start : mention.start], sentence[mention.end : end]
    if mention.state == "absent" and start < mention.cue_end <= mention.start:
        start = mention.cue_end
    before = _BARRIER.split(sentence[start : mention.start])[-1] or ""
    after = _BARRIER.split(sentence[mention.end : end])[0] or ""
    neighbours = [
        joint
        for joint, other in zip(gaps, (number - 1, number + 1), strict=True)
        if 0 <= other < len(mentions) and mentions[other].state == "present"
    ]
    return _Around(before, after, any(_OR.search(joint) for joint in neighbours))


def _conditions(mention: Mention, sentence: str, vocabulary: Vocabulary) -> Iterator[str]:
    """The conditions that the naming stands for."""
    for condition in mention.conditions:
        yield condition
        if mention.state == "normal":
            context = sentence[max(0, mention.start - 40) : mention.end]
            also = vocabulary[condition].reports.also_normal
            yield from (other for words, other in also.items() if re.search(words, context, re.I))


def _claim(
    condition: str, mention: Mention, sentence: str, around: _Around, doubted: bool, vocabulary: Vocabulary
) -> Claim | str:
    """The claim, or why there is none."""
    words, can, meant = _words(), anatomy(vocabulary)[condition], _meant(vocabulary)[condition]
    naming = sentence[mention.start : mention.end]
    if mention.state != "normal" and meant.not_meant is not None and meant.not_meant.search(naming):
        return "another thing of that name"
    if words.borderline.search(around.before):
        return "borderline or of the past"
    if mention.state == "uncertain" or (mention.state == "present" and (around.alternative or doubted)):
        return "in doubt"
    if mention.state == "normal" and words.rest.search(f"{around.before} {sentence[mention.start : mention.end]}"):
        return "said of the rest only"
    absent = mention.state != "present"
    if mention.state == "absent":
        limit = words.limited.search(around.before)
        if limit and not (limit.group().lower().startswith("acute") and vocabulary[condition].acute):
            return "denied with a limit"
        in_part = meant.whole is not None and not meant.whole.fullmatch(naming)
        if vocabulary[condition].device and (_gone(mention.cue) or in_part):
            return "denied with a limit"
    # a naming may hold its own side: "left lung is clear"
    near = f"{around.before} {sentence[mention.start : mention.end]} {around.after}"
    side = _only_one(words.sides, near) if can.sided else None
    if can.sided and side is None and len(_matches(words.sides, near)) > 1:
        side = "bilateral"
    zone = _only_one(words.zones, near) if can.zones else None
    severity = _only_one(words.severities, near) if can.grades else None
    if mention.state == "absent" and can.grades and severity is None and words.denied_severe.search(around.before):
        severity = "severe"
    return Claim.model_validate(
        {
            "finding": condition,
            "polarity": "absent" if absent else "present",
            "laterality": None if absent and side == "bilateral" else side,
            "zone": zone if zone in can.zones else None,
            "severity": severity,
            "sentence": sentence,
            "span": (mention.start, mention.end),
        }
    )


def _gone(cue: str | None) -> bool:
    """Whether a device is said to have been taken away: others may have stayed."""
    return cue is not None and cue.startswith(("remov", "resol", "taken", "discontinued", "explanted", "no longer"))


def _matches(words: dict[str, re.Pattern[str]], text: str) -> list[str]:
    return [name for name, expression in words.items() if expression.search(text)]


def _only_one(words: dict[str, re.Pattern[str]], text: str) -> str | None:
    names = _matches(words, text)
    return names[0] if len(names) == 1 else None
