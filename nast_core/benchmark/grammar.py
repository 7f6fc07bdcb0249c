"""The template writer's words, from grammar.yaml. Source: ours."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from nast_core.files.documents import packaged
from nast_core.negation.phrases import Noun, vocabulary


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
class Grammar:
    nouns: dict[str, tuple[Noun, ...]]
    normals: dict[str, tuple[Normal, ...]]
    clauses_of_absence: tuple[Absence, ...]  # a statement of their own
    behind: tuple[Absence, ...]  # said behind what is present
    present: tuple[str, ...]
    clauses: tuple[str, ...]
    joins: tuple[str, ...]
    sentences: tuple[str, ...]


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    raw = packaged("nast_core.benchmark", "grammar.yaml")
    return Grammar(
        nouns={name: tuple(Noun(*noun) for noun in entry["nouns"]) for name, entry in raw["conditions"].items()},
        normals={name: tuple(map(_normal, entry["normal"])) for name, entry in raw["conditions"].items()},
        clauses_of_absence=tuple(
            _absence(entry, join) for side, join in (("before", "or"), ("after", "and")) for entry in raw[side]
        ),
        behind=tuple(_absence(entry, "or") for entry in raw["behind"]),
        **{name: tuple(raw[name]) for name in ("present", "clauses", "joins", "sentences")},
    )


def demo_grammar() -> Grammar:
    """The same constructions and cues around the names of phrases.yaml, the only ones that the demo CLIP has learned:
    on phantoms, what is lost between the two forms is then lost to negation and not to new words."""
    words = grammar()
    by_text = {normal.text: normal for normals in words.normals.values() for normal in normals}
    return replace(
        words,
        nouns={name: entry.nouns for name, entry in vocabulary().items()},
        normals={
            name: tuple(by_text.get(text, Normal(text)) for text in entry.normal)
            for name, entry in vocabulary().items()
        },
    )


def _normal(entry: str | dict[str, Any]) -> Normal:
    return Normal(entry) if isinstance(entry, str) else Normal(entry["text"], frozenset(entry["not_with"]))


def _absence(entry: dict[str, Any], join: str) -> Absence:
    only = frozenset(entry["only"]) if "only" in entry else None
    words = {"cue": entry["cue"], "denied": entry["denied"], "normal": entry["normal"]}
    return Absence(
        **words,
        join=entry.get("join", join),
        one=entry.get("one", entry["denied"]),
        alone=entry.get("alone", ""),
        only=only,
    )
