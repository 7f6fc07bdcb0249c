"""The template writer's words: a vocabulary's nouns and equivalents in the constructions of grammar.yaml.
Source: ours."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from nast_core.files.documents import packaged
from nast_core.vocabulary.model import Examination, Noun, Vocabulary
from nast_core.vocabulary.shipped import given


@dataclass(frozen=True)
class Normal:
    """An affirmative equivalent of a condition's absence."""

    text: str
    not_with: frozenset[str] = frozenset()  # conditions it would contradict


@dataclass(frozen=True)
class Absence:
    """One way to say that conditions are absent, with a negation and affirmatively. Templates: see grammar.yaml."""

    cue: str
    denied: str
    normal: str
    join: str  # the word before the last of several: or, and, nor
    one: str  # ``denied`` for a single condition
    alone: str = ""  # ``denied`` where nothing is present; set for those said behind what is present
    only: frozenset[str] | None = None  # conditions it fits

    def fits(self, conditions: tuple[str, ...]) -> bool:
        return self.only is None or set(conditions) <= self.only


@dataclass(frozen=True)
class Affirmed:
    """A way to say that one condition is there which no training text has. ``said``: its template."""

    frame: str
    said: str


@dataclass(frozen=True)
class Grammar:
    nouns: dict[str, tuple[Noun, ...]]
    normals: dict[str, tuple[Normal, ...]]
    clauses_of_absence: tuple[Absence, ...]  # a statement of their own
    behind: tuple[Absence, ...]  # said behind what is present
    present: tuple[str, ...]
    clauses: tuple[str, ...]
    joins: tuple[str, ...]
    sentences: tuple[str, ...]
    hard: tuple[str, ...]  # affirmations for training statements: what is left of a cue without its negation
    unmoved: tuple[str, ...]  # likewise, with a word of negation that denies nothing
    affirming: tuple[Affirmed, ...]  # in no item
    pseudo: tuple[Affirmed, ...]  # likewise, with a word of negation that denies nothing


@lru_cache(maxsize=1)
def _constructions() -> dict[str, Any]:
    return packaged("nast_core.benchmark", "grammar.yaml")


def grammar(vocabulary: Vocabulary | None = None) -> Grammar:
    """Of a vocabulary; without one, of CheXpert's 13. A condition may have no equivalent: no item asks for it."""
    return _grammar(given(vocabulary))


@lru_cache(maxsize=16)
def _grammar(vocabulary: Vocabulary) -> Grammar:
    raw, about = _constructions(), vocabulary.examination
    resolving = frozenset(name for name, entry in vocabulary.entries.items() if entry.resolves)
    return Grammar(
        nouns={name: entry.nouns for name, entry in vocabulary.entries.items()},
        normals={
            name: tuple(Normal(one.text, one.not_with) for one in entry.equivalents)
            for name, entry in vocabulary.entries.items()
        },
        clauses_of_absence=tuple(
            _absence(entry, join, about, resolving)
            for side, join in (("before", "or"), ("after", "and"))
            for entry in raw[side]
        ),
        behind=tuple(_absence(entry, "or", about, resolving) for entry in raw["behind"]),
        present=tuple(_of(about, text) for text in raw["present"]),
        clauses=tuple(raw["clauses"]),
        joins=tuple(raw["joins"]),
        sentences=(*raw["sentences"], *(f"{heading}: {{}}." for heading in about.headings or (about.name,))),
        hard=tuple(_of(about, text) for text in raw["hard"]),
        unmoved=tuple(_of(about, text) for text in raw["unmoved"]),
        affirming=tuple(Affirmed(one["frame"], _of(about, one["said"])) for one in raw["affirming"]),
        pseudo=tuple(Affirmed(one["frame"], _of(about, one["said"])) for one in raw["pseudo"]),
    )


def demo_grammar() -> Grammar:
    """The same constructions and cues around the words of prompts, the only ones that the demo CLIP has learned: on
    phantoms, what is lost between the two forms is then lost to negation and not to new words."""
    vocabulary, words = given(None), grammar()
    by_text = {normal.text: normal for normals in words.normals.values() for normal in normals}
    return replace(
        words,
        nouns={name: entry.prompt_nouns for name, entry in vocabulary.entries.items()},
        normals={
            name: tuple(by_text.get(text, Normal(text)) for text in entry.prompt_equivalents)
            for name, entry in vocabulary.entries.items()
        },
    )


def askable(conditions: Collection[str], words: Grammar) -> bool:
    """Whether the absence of every one can be said affirmatively without contradicting another."""
    together = set(conditions)
    return all(any(not normal.not_with & together for normal in words.normals[name]) for name in conditions)


def never_asked(vocabulary: Vocabulary) -> str:
    """Which conditions no question asks for, and why, in one sentence; empty where each can be asked for."""
    without = [name for name, entry in vocabulary.entries.items() if not entry.equivalents]
    if not without:
        return ""
    return f"No affirmative equivalent of their absence: {', '.join(without)}. No question asks for these."


def _of(about: Examination, text: str) -> str:
    """A construction with the examination's own words in the places of {image} and {region}."""
    return text.replace("{image}", about.image).replace("{region}", about.region)


def _absence(entry: dict[str, Any], join: str, about: Examination, resolving: frozenset[str]) -> Absence:
    said = {name: _of(about, entry[name]) for name in ("denied", "normal", "one", "alone") if name in entry}
    return Absence(
        cue=entry["cue"],
        denied=said["denied"],
        normal=said["normal"],
        join=entry.get("join", join),
        one=said.get("one", said["denied"]),
        alone=said.get("alone", ""),
        only=resolving if entry.get("only") == "resolving" else None,
    )
