"""Labels as tables spell them: equal without regard to case, underscores and plural, and what an unknown one may stand
for.

The mappings are in labels.yaml. Source: ours.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from nast_core.files.documents import packaged
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import CHEXPERT, given, shipped

_PLURALS = (("ies", "y"), ("xes", "x"), ("sses", "ss"), ("aces", "ax"), ("ases", "asis"), ("s", ""))
_NOT_PLURAL = ("ss", "is", "us")
_VAGUE = frozenset(
    re.findall(
        r"\w+",
        "a abnormal acute and apical basal bilateral calcified chest chronic change changes device finding in left "
        "lobe lower lung major mild minor multiple of or other pattern pulmonary right sign signs the total upper "
        "with no not",
    )
)  # words of many labels, which tell nothing


@lru_cache(maxsize=1)
def label_sources() -> dict[str, dict[str, Any]]:
    """labels.yaml: source name -> label, title, licence and, where it needs one, its mapping to a vocabulary's
    conditions."""
    return packaged("nast_core.data", "labels.yaml")


def by_path(source: str) -> bool:
    """Whether labels of a source are a file of the user's own."""
    return bool(label_sources().get(source, {}).get("by_path"))


@lru_cache(maxsize=65_536)
def plain(label: str) -> str:
    """A label without case, underscores and plural: "Pleural_Thickenings" is "pleural thickening"."""
    return " ".join(_singular(word) for word in re.sub(r"[\W_]+", " ", label.casefold()).split())


def _singular(word: str) -> str:
    if len(word) > 3 and not word.endswith(_NOT_PLURAL):
        for plural, one in _PLURALS:
            if word.endswith(plural):
                return word.removesuffix(plural) + one
    return word


class Rules(NamedTuple):
    """A source's mapping, every label of it plain."""

    present: Mapping[str, frozenset[str]]  # condition -> labels that state it
    open: Mapping[str, frozenset[str]]  # condition -> labels that leave it open
    silent: frozenset[str]  # a study with one of these says nothing of what it does not list
    unusable: frozenset[str]
    known: frozenset[str]


def _many(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(map(plain, labels))


def rules_of(source: str, vocabulary: Vocabulary | None = None) -> Rules:
    """The rules of labels.yaml for the vocabulary they are written for;
    for another, what its own words say of the labels."""
    return _rules(source, given(vocabulary))


@lru_cache(maxsize=16)
def _rules(source: str, vocabulary: Vocabulary) -> Rules:
    entry = label_sources()[source]
    rules = entry["conditions"]
    silent, unusable = _many(entry.get("silent", ())), _many(entry.get("unusable", ()))
    labels = [label for rule in rules.values() for label in (*rule["present"], *rule.get("open", ()))]
    known = silent | unusable | _many(entry["others"]) | _many(labels)
    if vocabulary == shipped(entry.get("vocabulary", CHEXPERT)):
        present = {name: _many(rule["present"]) for name, rule in rules.items()}
        left_open = {name: _many(rule.get("open", ())) for name, rule in rules.items()}
        return Rules(present, left_open, silent, unusable, known)
    stated: dict[str, set[str]] = {}
    for label, condition in synonyms(vocabulary).items():
        if label in known or label in _many(vocabulary.columns):
            stated.setdefault(condition, set()).add(label)
    present = {condition: frozenset(names) for condition, names in stated.items()}
    return Rules(
        present, dict.fromkeys(present, frozenset()), silent, unusable, known | frozenset().union(*present.values())
    )


@lru_cache(maxsize=16)
def synonyms(vocabulary: Vocabulary) -> Mapping[str, str]:
    """Plain label -> the condition that a table means by it: columns first, then names, then nouns and phrases."""
    found = {plain(column): condition for column, condition in vocabulary.columns.items()}
    for name in vocabulary.conditions:
        found.setdefault(plain(name), name)
    for name, entry in vocabulary.entries.items():
        for text in (*(noun.text for noun in entry.nouns), *entry.names.phrases):
            found.setdefault(plain(text), name)
    return found


def may_stand_for(label: str, vocabulary: Vocabulary | None = None) -> frozenset[str]:
    """The conditions that a label outside a table's vocabulary could stand for; all of them where nothing is known of
    it.

    Known are the labels of every source, the conditions' own names and nouns, and single words of them, misspelt or
    not.
    """
    return _may_stand_for(label, given(vocabulary))


@lru_cache(maxsize=65_536)
def _may_stand_for(label: str, vocabulary: Vocabulary) -> frozenset[str]:
    name, labels, words = plain(label), *_meanings(vocabulary)
    if name in labels:
        return labels[name]
    conditions: set[str] = set()
    whole = {
        label.replace(" ", ""): conditions for label, conditions in labels.items()
    }  # "Pneumo-thorax", "PleuralEffusion"
    for one in get_close_matches(name.replace(" ", ""), whole, n=2, cutoff=0.9):
        conditions.update(whole[one])
    for word in set(name.split()) - _VAGUE:
        near = get_close_matches(word, words, n=3, cutoff=0.8) if len(word) > 4 else [word]
        conditions.update(*(words.get(one, ()) for one in near))
    return frozenset(conditions or vocabulary.conditions)


@lru_cache(maxsize=16)
def _meanings(vocabulary: Vocabulary) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """(conditions by plain label, conditions by word)."""
    labels: dict[str, set[str]] = {}
    for name, entry in vocabulary.entries.items():
        for text in (name, *(noun.text for noun in entry.prompt_nouns)):
            labels.setdefault(plain(text), set()).add(name)
    for source in (name for name, entry in label_sources().items() if "conditions" in entry):
        rules = rules_of(source, vocabulary)
        for label in rules.known - rules.silent - rules.unusable:
            labels.setdefault(label, set()).update(
                name for name in rules.present if label in rules.present[name] | rules.open[name]
            )
    words: dict[str, set[str]] = {}
    for label, names in labels.items():
        for word in set(label.split()) - _VAGUE:
            words.setdefault(word, set()).update(names)
    return tuple({key: frozenset(value) for key, value in table.items()} for table in (labels, words))  # type: ignore[return-value]
