"""Training captions of phantoms: the demo world's radiology reports. Source: ours.

A present finding may carry its side, zone and severity. An absent one is said affirmatively ("normal
heart size") but for a small share said with a negation: the scarcity that makes the demo CLIP misread
negation, as report-trained medical CLIPs do.
"""

import numpy as np

from nast_core.data.phantom import SEVERITIES, Finding, Phantom, sample_phantom
from nast_core.negation.pairs import template_pairs
from nast_core.negation.phrases import DENIALS, HELD_OUT_CUES, JOINS, frames, sentence_case
from nast_core.vocabulary.model import Noun
from nast_core.vocabulary.shipped import chest

NEGATED_SHARE = 0.05  # of the absent findings; 0 makes negation unreadable, 0.2 already closes most of the gap
TRAINING_DENIALS = tuple(d for d in DENIALS if d.cue in {"no", "without"} and d.cue not in HELD_OUT_CUES)
_PRESENT = (
    "{phrase}",
    "{phrase}",
    "there {is} {phrase}",
    "{noun} {is} present",
    "some evidence of {noun}",
    "positive for {noun}",
    "with {phrase}",
    "the radiograph shows {phrase}",
)


def _pick(rng: np.random.Generator, options):
    return options[int(rng.integers(len(options)))]


def _article(text: str) -> str:
    return "an" if text[0] in "aeiou" else "a"


def describe(finding: Finding, rng: np.random.Generator, *, detail: float = 0.5) -> str:
    """A present finding in words; each attribute it has is said with probability ``detail``."""
    words = chest()[finding.condition]
    if finding.device and rng.random() < detail:
        side = f"{finding.side} " if finding.side and rng.random() < detail else ""
        return f"{_article(side + finding.device)} {side}{finding.device}"
    noun: Noun = _pick(rng, words.prompt_nouns)
    before, after = [], ""
    if finding.severity and rng.random() < detail:
        grade = words.grades.words[SEVERITIES.index(finding.severity)]
        adverb_fits = not grade.endswith("ly") or noun.text.split()[0].endswith("ed")
        if adverb_fits:
            before.append(grade)
    if finding.side and rng.random() < detail:
        if finding.side != "bilateral" and rng.random() < 0.5:
            after = f" on the {finding.side}"
        else:
            before.append(finding.side)
    if finding.zone and rng.random() < detail and finding.condition not in ("Pneumothorax", "Pleural Effusion"):
        before.append(finding.zone)
    text = " ".join([*before, noun.text])
    bare = f"{text}{after}"
    phrase = f"{_article(text)} {bare}" if noun.article else _pick(rng, (bare, bare, f"some {bare}"))
    template = _pick(rng, _PRESENT)
    return template.format(phrase=phrase, noun=bare, **{"is": noun.verb})


def absent(condition: str, rng: np.random.Generator, *, negated_share: float = NEGATED_SHARE) -> str:
    words = chest()[condition]
    if rng.random() < negated_share:
        noun, denial = _pick(rng, words.prompt_nouns), _pick(rng, TRAINING_DENIALS)
        return denial.template.format(noun=noun.text, **{"is": noun.verb})
    return _pick(rng, words.prompt_equivalents)


def taught_cues(negated_share: float) -> list[str]:
    """The cues that captions deny by, where so large a share of the absent findings is denied."""
    return sorted({denial.cue for denial in TRAINING_DENIALS}) if negated_share else []


def caption(phantom: Phantom, rng: np.random.Generator, *, negated_share: float = NEGATED_SHARE) -> str:
    """One to four true statements about a phantom; presence and absence are equally likely to be told."""
    present = list(rng.permutation([f.condition for f in phantom.findings]))
    missing = list(rng.permutation([c for c, label in phantom.labels.items() if not label]))
    chosen = []
    for _ in range(int(rng.integers(1, 5))):
        pool = present if (rng.random() < 0.5 and present) or not missing else missing
        if pool:
            chosen.append(pool.pop())
    phrases = [
        describe(finding, rng) if (finding := phantom.finding(c)) else absent(c, rng, negated_share=negated_share)
        for c in chosen
    ]
    return sentence_case(_pick(rng, frames(chest())).format(_pick(rng, JOINS).join(phrases)))


def corpus(count: int, seed: int = 0) -> list[str]:
    """Texts that a tokenizer is fitted to: captions plus every phrase, cue and attribute that may be typed."""
    rng = np.random.default_rng(seed)
    texts = [caption(sample_phantom(i), rng, negated_share=0.3) for i in range(count)]
    for words in chest().entries.values():
        nouns = words.prompt_nouns
        texts += list(words.prompt_equivalents) * 20 + [n.phrase for n in nouns] * 20 + list(words.grades.words) * 20
        texts += [d.template.format(noun=n.text, **{"is": n.verb}) for n in nouns for d in DENIALS] * 5
    return texts + [text for pair in template_pairs() for text in (pair.affirmative, pair.negated)] * 5
