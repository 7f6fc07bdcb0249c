"""How reports speak: which words they use for a condition and how often, and what they deny that no condition names.
Source: ours."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nast_core.data.label_words import plain
from nast_core.negation.lexicon import lexicon
from nast_core.negation.parser import parse
from nast_core.terms.phrases import affirmed, denied, sentences
from nast_core.vocabulary.model import Vocabulary

_LEAST = 3  # studies with a condition that say a phrase, before it is proposed as a name of it
_MEANT = 0.5  # share of the studies with a phrase that have the condition
_OFTENER = 2.0  # as often among them as among all
_NAMES = 5  # proposed
_ARTICLES = ("a", "an")
_TELLING = frozenset(
    [*_ARTICLES, "of", "with", "is", "for", "and", "from", "by"]
)  # right before a noun: whether it takes an article


@dataclass
class Usage:
    """Counts over reports, in the words that they use most."""

    reports: int = 0
    with_labels: int = 0  # of them, of studies of the table
    said: dict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )  # condition -> words, in lower case
    denied: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # of them, denied
    articles: dict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )  # words -> what stands before
    unnamed: Counter[str] = field(default_factory=Counter)  # denied phrases that name no condition, in the singular
    names: dict[str, list["Proposed"]] = field(default_factory=dict)  # condition -> phrases that its studies say


class Proposed(NamedTuple):
    """A phrase that may be a name of a condition: in how many studies with it, and of how many that say it."""

    text: str
    with_condition: int
    studies: int


def usage(
    reports: Iterable[tuple[str, str]], vocabulary: Vocabulary, labels: Mapping[str, frozenset[str]] | None = None
) -> Usage:
    """``reports``: (study, what it states). ``labels``: study -> conditions that its labels say are there."""
    found = Usage()
    words = _Phrases()
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    for study, text in reports:
        found.reports += 1
        for mention in parse(text, vocabulary):
            named = " ".join(text[mention.start : mention.end].lower().split())
            before = text[: mention.start].rstrip().rpartition(" ")[2].lower()
            for condition in mention.conditions:
                if mention.state != "normal":
                    found.said[condition][named] += 1
                    found.denied[condition][named] += mention.state == "absent"
            if mention.state != "normal" and before in _TELLING:
                found.articles[named][before if before in _ARTICLES else ""] += 1
        said: set[str] = set()
        for sentence in sentences(text):
            for phrase in _unnamed(sentence, vocabulary):
                surfaces[plain(phrase)][phrase] += 1
            if labels is not None:
                said.update(affirmed(sentence))
        if labels is not None and (have := labels.get(study)) is not None:
            words.add(said, have)
            found.with_labels += 1
    found.unnamed = Counter({counts.most_common(1)[0][0]: counts.total() for counts in surfaces.values()})
    found.names = words.proposed(vocabulary)
    return found


def _unnamed(sentence: str, vocabulary: Vocabulary) -> list[str]:
    """What a sentence denies in words of which none names a condition, or a namesake of one."""
    phrases = denied(sentence)
    if not phrases:
        return []
    namings = lexicon(vocabulary).namings(sentence)
    return [p.text for p in phrases if not any(n.start < p.end and p.start < n.end for n in namings)]


class _Phrases:
    """In how many studies a phrase is said, of all and of those with a condition."""

    def __init__(self) -> None:
        self._studies = 0
        self._having: Counter[str] = Counter()
        self._said: Counter[str] = Counter()
        self._both: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, said: set[str], have: frozenset[str]) -> None:
        self._studies += 1
        self._having.update(have)
        self._said.update(said)
        for condition in have:
            self._both[condition].update(said)

    def proposed(self, vocabulary: Vocabulary) -> dict[str, list[Proposed]]:
        names = {name: self._of(name, vocabulary) for name in vocabulary.conditions}
        return {name: found for name, found in names.items() if found}

    def _of(self, condition: str, vocabulary: Vocabulary) -> list[Proposed]:
        share = self._having[condition] / max(1, self._studies)
        scored: list[tuple[float, Proposed]] = []
        for text, both in self._both[condition].items():
            meant = both / self._said[text]
            if both >= _LEAST and meant >= _MEANT and meant >= _OFTENER * share:
                scored.append((both * math.log(meant / share), Proposed(text, both, self._said[text])))
        chosen: list[Proposed] = []
        for _, one in sorted(scored, key=lambda pair: (-pair[0], -len(pair[1].text), pair[1].text)):
            if any(one.text in other.text or other.text in one.text for other in chosen):
                continue
            if not lexicon(vocabulary).namings(one.text):
                chosen.append(one)
            if len(chosen) == _NAMES:
                break
        return chosen
