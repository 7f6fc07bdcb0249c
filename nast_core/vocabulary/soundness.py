"""What makes a vocabulary none, a sentence each: what no reader and no writer could make sense of. Source: ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from nast_core.vocabulary.cues import CUES, find_cues

if TYPE_CHECKING:
    from nast_core.vocabulary.model import Condition, Vocabulary

MOST_CONDITIONS = 1000
_WITHOUT = re.compile(r"\w+-(free|less)\b", re.IGNORECASE)  # "device-free"


def faults(vocabulary: Vocabulary) -> Iterator[str]:
    """Every fault, the gravest first."""
    if fault := too_many(len(vocabulary.entries)):
        yield fault
        return
    yield from _names(vocabulary)
    for name, entry in vocabulary.entries.items():
        yield from _condition(name, entry)
    yield from _nouns(vocabulary)
    yield from _references(vocabulary)
    yield from _circle(vocabulary)


def too_many(count: int) -> str | None:
    """Why so many conditions are not taken; None where they are."""
    if count <= MOST_CONDITIONS:
        return None
    return f"it has {count:,} conditions, and at most {MOST_CONDITIONS:,} are taken; leave the rare ones out"


def negates(text: str) -> str | None:
    """The negation that an equivalent of absence holds; None where it says it affirmatively."""
    if cues := find_cues(text):
        return cues[0].text
    match = _WITHOUT.search(text)
    return match.group() if match else None


def _names(vocabulary: Vocabulary) -> Iterator[str]:
    met: dict[str, str] = {}
    for name in vocabulary.conditions:
        if (other := met.setdefault(name.casefold(), name)) != name:
            yield f"two conditions are called {other!r} and {name!r}; give each a name of its own"


def _condition(name: str, entry: Condition) -> Iterator[str]:
    if not entry.nouns:
        yield f"{name!r} has no noun; give at least one, as [a, {name.casefold()}, is]"
    for noun in (*entry.nouns, *entry.prompts.nouns, *(entry.reports.nouns or ())):
        if noun.text.casefold() in CUES:
            yield f"{name!r} has the noun {noun.text!r}, which is a negation; name what is found"
    texts = [equivalent.text for equivalent in entry.equivalents]
    for text in (*texts, *entry.prompts.equivalents, *(entry.reports.equivalents or ())):
        if cue := negates(text):
            yield f"{name!r} has the equivalent {text!r}, which negates ({cue!r}); say what is there instead"


def _nouns(vocabulary: Vocabulary) -> Iterator[str]:
    """A noun names one condition; what names several stands under ``shared``."""
    met: dict[str, str] = {}
    for name, entry in vocabulary.entries.items():
        nouns = (*entry.nouns, *entry.prompts.nouns, *(entry.reports.nouns or ()))
        for text in (*(noun.text for noun in nouns), *entry.names.phrases):
            if (other := met.setdefault(text.casefold(), name)) != name:
                yield (
                    f"the noun {text!r} names two conditions, {other!r} and {name!r}; leave it to one, or put it "
                    "under 'shared'"
                )


def _references(vocabulary: Vocabulary) -> Iterator[str]:
    """Names of conditions that are none."""
    told: list[tuple[str, str]] = [("example", vocabulary.example)] if vocabulary.example else []
    for name, entry in vocabulary.entries.items():
        told += [(f"'implies' of {name!r}", other) for other in entry.implies]
        told += [(f"'excludes' of {name!r}", other) for other in entry.excludes]
        told += [(f"'also_normal' of {name!r}", other) for other in entry.reports.also_normal.values()]
        told += [
            (f"'not_with' of {equivalent.text!r}", other)
            for equivalent in entry.equivalents
            for other in sorted(equivalent.not_with)
        ]
    told += [("'shared'", other) for shared in vocabulary.shared for other in shared.conditions]
    told += [(f"the organ {name!r}", organ.condition) for name, organ in vocabulary.organs.items()]
    told += [(f"the column {column!r}", condition) for column, condition in vocabulary.columns.items()]
    for where, name in told:
        if name not in vocabulary:
            near = get_close_matches(name, vocabulary.conditions, n=1)
            yield f"{where} names {name[:80]!r}, which is no condition of it" + (
                f"; did you mean {near[0]!r}?" if near else ""
            )


def _circle(vocabulary: Vocabulary) -> Iterator[str]:
    """Implications that lead back to where they began, and pairs that imply and exclude one another."""
    done: set[str] = set()
    for start in vocabulary.conditions:
        path: list[str] = []
        stack = [(start, 0)]
        while stack:
            name, depth = stack.pop()
            del path[depth:]
            if name in path:
                yield f"{' implies '.join([*path[path.index(name) :], name])}: a circle; one of them has to go"
                return
            if name in done or name not in vocabulary:
                continue
            path.append(name)
            children = [other for other in vocabulary[name].implies if other not in done]
            if not children:
                done.add(name)
            stack += [(other, depth + 1) for other in children]
        done.add(start)
    for name, entry in vocabulary.entries.items():
        if (both := {*entry.implies, *entry.excludes} & {name}) or (both := {*entry.implies} & {*entry.excludes}):
            yield f"{name!r} both implies and excludes {min(both)!r}" if name not in both else f"{name!r} names itself"
