"""From a claim to words: affirmed, denied, or set against the place or grade that it is not. Source: ours.

Two statements of one pair are written with the same ``Wording``: same noun, same frame, same cue and templates. They
differ in what they claim and in nothing else, so that neither words nor cues tell which of them is true.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from nast_core.benchmark.grammar import Absence, grammar
from nast_core.claims.anatomy import SEVERITIES, anatomy
from nast_core.claims.claim import Claim, Kind
from nast_core.claims.manner import UNMOVED_SHARE, Contrasts, Manner
from nast_core.data.studies import Split
from nast_core.negation.phrases import HELD_OUT_CUES, frames, sentence_case
from nast_core.vocabulary.model import Noun, Vocabulary
from nast_core.vocabulary.shipped import chest

_PRESENT = ("{phrase}", "there {is} {phrase}", "{noun} {is} present", "{noun} {is} seen")
_Contrast = tuple[str | None, str]  # cue, template: here is what is affirmed, there what is denied
_SET_AGAINST: dict[Contrasts, dict[Kind, tuple[_Contrast, ...]]] = {
    "on": {
        "location": (
            ("not", "{phrase} {here}, not {there}"),
            ("not", "{phrase} {here} but not {there}"),
            ("rather than", "{phrase} {here} rather than {there}"),
        ),
        "severity": (
            ("not", "{here}, not {there}, {noun}"),
            ("not", "{here} {noun}, not {there} {noun}"),
            ("rather than", "{here} rather than {there} {noun}"),
        ),
    },
    "off": {},
    "reworded": {  # that it is nowhere else is said, and nothing is denied
        "location": (
            (None, "{phrase} {here} only"),
            (None, "{phrase} {here} alone"),
            (None, "{phrase} {here} and only {here}"),
        ),
        "severity": ((None, "{here} and only {here} {noun}"), (None, "{here} {noun}, only {here}")),
    },
}
CONTRAST_CUES = frozenset(cue for ways in _SET_AGAINST["on"].values() for cue, _ in ways if cue)
_NORMAL_SHARE = 0.25  # of the denials that have an affirmative equivalent, said by it
_UNSEEN_SHARE = 0.5  # of the denials outside training, by a held-out cue: seen and unseen wording are measured alike
_PLAIN_SHARE = 0.3  # of the location and severity pairs, said without a denial


@dataclass(frozen=True)
class Voice:
    """Who speaks: of which split, by which draws, of phantoms (``drawn``) or in words that fit every instance in a
    report."""

    split: Split
    rng: np.random.Generator
    drawn: bool = False
    manner: Manner = field(default_factory=Manner)
    vocabulary: Vocabulary = field(default_factory=chest)


@dataclass(frozen=True)
class Wording:
    """How both statements of a pair are worded."""

    noun: Noun
    frame: str
    present: str  # template of what is affirmed
    denial: Absence
    normal: str | None  # said instead of the denial, where it has an equivalent
    behind: bool  # the place stands behind the noun: "an effusion on the left"
    contrast: _Contrast | None  # cue and template that set one place or grade against another; None: a denial
    plain: bool  # location and severity pairs say what is there and deny nothing
    vocabulary: Vocabulary | None = None  # whose adjectives of severity are said; None: CheXpert's 13


@dataclass(frozen=True)
class Statement:
    claim: Claim  # exactly what the text says
    text: str
    cue: str | None


@lru_cache
def denials_by_cue(unseen: bool, vocabulary: Vocabulary | None = None) -> dict[str, tuple[Absence, ...]]:
    """Cue -> the grammar's denials of one thing with it: the cues held out of training, or all others.

    "Has resolved" and its like are not among them: they say that it was there, which is not on record.
    """
    by_cue: dict[str, tuple[Absence, ...]] = {}
    for absence in grammar(vocabulary).clauses_of_absence:
        if absence.only is None and absence.join != "nor" and (absence.cue in HELD_OUT_CUES) == unseen:
            by_cue[absence.cue] = (*by_cue.get(absence.cue, ()), absence)
    return by_cue


def choose_wording(claim: Claim, kind: Kind, voice: Voice, *, may_be_plain: bool = False) -> Wording:
    can, rng, drawn = anatomy(voice.vocabulary)[claim.finding], voice.rng, voice.drawn
    unseen = voice.split != "train" and rng.random() < _UNSEEN_SHARE
    denials = denials_by_cue(unseen, voice.vocabulary)
    manner = voice.manner
    known = [cue for cue in denials if manner.cues is None or cue in manner.cues]
    cue = _pick(known, rng)  # cues first: some have more templates than others
    contrasts = () if unseen else _SET_AGAINST[manner.contrasts].get(kind, ())
    normal = can.normal(drawn=drawn)
    return Wording(
        noun=_pick(can.nouns(drawn=drawn, graded=claim.severity is not None), rng),
        frame=_pick(frames(voice.vocabulary), rng),
        present=_affirmation(voice),
        denial=_pick(denials[cue], rng),
        normal=_pick(normal, rng) if normal and rng.random() < _NORMAL_SHARE else None,
        behind=bool(rng.random() < 0.5),
        contrast=_pick(contrasts, rng) if contrasts and rng.random() < 0.5 else None,
        plain=may_be_plain and bool(rng.random() < _PLAIN_SHARE),
        vocabulary=voice.vocabulary,
    )


def _affirmation(voice: Voice) -> str:
    """A template of presence. Draws no more than it must, so that what is not asked for changes nothing."""
    manner, words = voice.manner, grammar(voice.vocabulary)
    among: Sequence[str] = _PRESENT
    if manner.unmoved and voice.rng.random() < UNMOVED_SHARE:
        among = words.unmoved[: manner.unmoved]
    elif manner.hard and voice.rng.random() < manner.hard:
        among = words.hard
    return _pick(among, voice.rng).replace("{P}", "{phrase}").replace("{N}", "{noun}")


def _pick(options: Sequence, rng: np.random.Generator):
    return options[int(rng.integers(len(options)))]


def state(claim: Claim, wording: Wording) -> Statement:
    """A claim in words: affirmed if it is present, denied or said to be normal if it is absent."""
    if claim.polarity == "present":
        return _statement(claim, _present(claim, wording), None, wording)
    if wording.normal and not (claim.laterality or claim.zone or claim.severity):
        return _statement(claim, wording.normal, None, wording)
    return _statement(claim, _denied(claim, wording), wording.denial.cue, wording)


def contrast(claim: Claim, against: Claim, wording: Wording) -> Statement:
    """``claim`` affirmed and ``against``, which differs from it in its place or its grade, denied."""
    if wording.contrast is None:
        text = f"{_phrase(claim, wording)[0]}; {_denied(against, wording)}"
        return _statement(claim, text, wording.denial.cue, wording)
    cue, template = wording.contrast
    noun = wording.noun
    if claim.severity != against.severity:
        text = template.format(here=_grade(claim, wording), there=_grade(against, wording), noun=noun.text)
        return _statement(claim, _with_article(text, noun), cue, wording)
    thing = _with_article(noun.text, noun)
    return _statement(claim, template.format(phrase=thing, here=_behind(claim), there=_behind(against)), cue, wording)


def _statement(claim: Claim, text: str, cue: str | None, wording: Wording) -> Statement:
    return Statement(claim, sentence_case(wording.frame.format(text)), cue)


def _present(claim: Claim, wording: Wording) -> str:
    phrase, noun = _phrase(claim, wording)
    return wording.present.format(phrase=phrase, noun=noun, **{"is": wording.noun.verb})


def _denied(claim: Claim, wording: Wording) -> str:
    _, noun = _phrase(claim, wording)
    plural = wording.noun.verb == "are"
    return wording.denial.one.format(N=noun, **{"is": wording.noun.verb, "has": "have" if plural else "has"})


def _phrase(claim: Claim, wording: Wording) -> tuple[str, str]:
    """(with its article, without): "a small effusion on the left", "small effusion on the left"."""
    before = [_grade(claim, wording)] if claim.severity else []
    if not wording.behind:
        before += [_before(claim)]
    text = " ".join([*filter(None, before), wording.noun.text])
    after = f" {_behind(claim)}" if wording.behind and (claim.laterality or claim.zone) else ""
    return _with_article(text, wording.noun) + after, text + after


def _with_article(text: str, noun: Noun) -> str:
    return text if not noun.article else f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def _grade(claim: Claim, wording: Wording) -> str:
    if not claim.severity:
        return ""
    return anatomy(wording.vocabulary)[claim.finding].grades[SEVERITIES.index(claim.severity)]


def _before(claim: Claim) -> str:
    return " ".join(filter(None, [claim.laterality, claim.zone and f"{claim.zone} zone"]))


def _behind(claim: Claim) -> str:
    both = claim.laterality == "bilateral"
    if claim.zone:
        side = "both " if both else f"the {claim.laterality} " if claim.laterality else "the "
        return f"in {side}{claim.zone} zone{'s' if both else ''}"
    return "on both sides" if both else f"on the {claim.laterality}" if claim.laterality else ""
