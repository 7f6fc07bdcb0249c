"""Labels as tables spell them: equal without regard to case, underscores and plural, and what an unknown one may stand
for.

The mappings are in labels.yaml. Source: ours.
"""

import re
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NamedTuple

from nast_core.files.documents import packaged
from nast_core.negation.phrases import CHEXPERT_CONDITIONS, vocabulary

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
    """labels.yaml: source name -> label, title, licence and, where it needs one, its mapping to the 13 conditions."""
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

    present: dict[str, frozenset[str]]  # condition -> labels that state it
    open: dict[str, frozenset[str]]  # condition -> labels that leave it open
    silent: frozenset[str]  # a study with one of these says nothing of what it does not list
    unusable: frozenset[str]
    known: frozenset[str]


@lru_cache(maxsize=8)
def rules_of(source: str) -> Rules:
    entry = label_sources()[source]

    def many(labels: Any) -> frozenset[str]:
        return frozenset(map(plain, labels))

    present = {name: many(rule["present"]) for name, rule in entry["conditions"].items()}
    left_open = {name: many(rule.get("open", ())) for name, rule in entry["conditions"].items()}
    silent, unusable = many(entry.get("silent", ())), many(entry.get("unusable", ()))
    known = silent | unusable | many(entry["others"]) | frozenset().union(*present.values(), *left_open.values())
    return Rules(present, left_open, silent, unusable, known)


@lru_cache(maxsize=65_536)
def may_stand_for(label: str) -> frozenset[str]:
    """The conditions that a label outside a table's vocabulary could stand for; all of them where nothing is known of
    it.

    Known are the labels of every source, the conditions' own names and nouns, and single words of them, misspelt or
    not.
    """
    name, labels, words = plain(label), *_meanings()
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
    return frozenset(conditions or CHEXPERT_CONDITIONS)


@lru_cache(maxsize=1)
def _meanings() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """(conditions by plain label, conditions by word)."""
    labels: dict[str, set[str]] = {}
    for name, spoken in vocabulary().items():
        for text in (name, *(noun.text for noun in spoken.nouns)):
            labels.setdefault(plain(text), set()).add(name)
    for source in (name for name, entry in label_sources().items() if "conditions" in entry):
        rules = rules_of(source)
        for label in rules.known - rules.silent - rules.unusable:
            labels.setdefault(label, set()).update(
                name for name in rules.present if label in rules.present[name] | rules.open[name]
            )
    words: dict[str, set[str]] = {}
    for label, names in labels.items():
        for word in set(label.split()) - _VAGUE:
            words.setdefault(word, set()).update(names)
    return tuple({key: frozenset(value) for key, value in table.items()} for table in (labels, words))  # type: ignore[return-value]
