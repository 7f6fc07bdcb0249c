"""Words for conditions that a shipped vocabulary has, too: nouns, names and equivalents, for people to review. Source:
ours.

Only phrases are taken over, no patterns: a file is to be read and edited by people.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from nast_core.data.label_words import plain
from nast_core.vocabulary.model import WRITTEN_KINDS, Condition, Noun, Vocabulary
from nast_core.vocabulary.shipped import SHIPPED, shipped


class Known(NamedTuple):
    """Where a condition of a table is spoken of already."""

    vocabulary: Vocabulary
    condition: str


def known(labels: Mapping[str, str]) -> dict[str, Known]:
    """``labels``: name -> column. Of several vocabularies that know a name the one that knows most of them."""
    found = {name: list(_found(column, name)) for name, column in labels.items()}
    counts = Counter(one.vocabulary.name for each in found.values() for one in each)
    return {
        name: max(each, key=lambda one: counts[one.vocabulary.name])  # the first of equals
        for name, each in found.items()
        if each
    }


def most_known(found: Mapping[str, Known]) -> Vocabulary | None:
    """The vocabulary that most of the names are from."""
    counts = Counter(one.vocabulary for one in found.values())
    return counts.most_common(1)[0][0] if counts else None


def _found(column: str, name: str) -> Iterator[Known]:
    for shipped_name in SHIPPED:
        vocabulary = shipped(shipped_name)
        called = _called(vocabulary)
        condition = next((one for text in (column, name) if (one := called.get(plain(text)))), None)
        if condition is not None:
            yield Known(vocabulary, condition)


@lru_cache(maxsize=8)
def _called(vocabulary: Vocabulary) -> Mapping[str, str]:
    """Plain words -> the condition that is called so: its name and the parts of it, its column, nouns and short forms.
    Further names may be of a part of it only: a calcified granuloma is a calcification, and not the other way about."""
    found = {plain(column): condition for column, condition in vocabulary.columns.items()}
    for name in vocabulary.conditions:
        for text in (name, *name.split("/")):
            found.setdefault(plain(text), name)
    for name, entry in vocabulary.entries.items():
        for text in (*(noun.text for noun in entry.nouns), *(text for text in entry.names.phrases if text.isupper())):
            found.setdefault(plain(text), name)
    return found


def entries(
    names: Sequence[str], nouns: Mapping[str, tuple[Noun, ...]], found: Mapping[str, Known]
) -> dict[str, dict[str, Any]]:
    """Fields of each condition: its own nouns first, then what is known of it; no phrase in two conditions.

    An equivalent of two is one of both only where they are not asked for together: it says so in ``not_with``.
    """
    meant: dict[Known, list[str]] = defaultdict(list)
    for name, one in found.items():
        meant[one].append(name)
    met = {plain(noun.text): name for name in reversed(names) for noun in nouns[name]}
    result = {}
    for name in names:
        fields: dict[str, Any] = {"nouns": [list(noun) for noun in nouns[name]]}
        if name in found and _is_all_of(name, found[name]) and len(meant[found[name]]) == 1:
            fields |= _words(name, nouns[name], found[name].vocabulary[found[name].condition], met)
        if name in found:
            fields |= _rest(name, found[name], meant)
        result[name] = fields
    _apart(result)
    return result


def _is_all_of(name: str, one: Known) -> bool:
    """A nodule is not all of "Nodule/Mass"."""
    return "/" not in one.condition or plain(name) == plain(one.condition)


def _words(name: str, own: tuple[Noun, ...], entry: Condition, met: dict[str, str]) -> dict[str, Any]:
    """Its nouns and phrases; ``met``: what each phrase is taken for."""

    def free(text: str) -> bool:
        return met.setdefault(plain(text), name) == name

    have = {noun.text.casefold() for noun in own}
    known_nouns = [noun for noun in entry.nouns if noun.text.casefold() not in have]
    same = {noun.text.casefold(): noun for noun in entry.nouns}
    nouns = [list(same.get(noun.text.casefold(), noun)) for noun in own]
    fields: dict[str, Any] = {"nouns": nouns + [list(noun) for noun in known_nouns if free(noun.text)]}
    for kind in WRITTEN_KINDS:
        phrases = [
            text for text in entry.said(kind).phrases if kind != "found" or (free(text) and text.casefold() not in have)
        ]
        if phrases:
            fields["names" if kind == "found" else kind] = phrases
    return fields


def _rest(name: str, one: Known, meant: Mapping[Known, list[str]]) -> dict[str, Any]:
    """What does not name it: equivalents, grades, sides, zones, and how it relates to others of the table."""
    entry = one.vocabulary[one.condition]

    def others(conditions: Iterable[str]) -> list[str]:
        every = [other for condition in conditions for other in meant.get(Known(one.vocabulary, condition), [])]
        return sorted(set(every) - {name})

    equivalents: list[dict[str, Any]] = []
    for equivalent in entry.equivalents:
        not_with = others(equivalent.not_with)
        equivalents.append({"text": equivalent.text} | ({"not_with": not_with} if not_with else {}))
    fields: dict[str, Any] = {
        "equivalents": equivalents,
        "implies": others(entry.implies),
        "excludes": others(entry.excludes),
        "zones": list(entry.zones),
        "grades": list(entry.grades.words),
    }
    fields = {key: value for key, value in fields.items() if value}
    for key in ("sided", "resolves", "device", "acute"):
        if getattr(entry, key) != Condition.model_fields[key].default:
            fields[key] = getattr(entry, key)
    return fields


def _apart(result: dict[str, dict[str, Any]]) -> None:
    """Conditions with one equivalent are kept apart by it."""
    said: dict[str, list[str]] = defaultdict(list)
    for name, fields in result.items():
        for equivalent in fields.get("equivalents", []):
            said[equivalent["text"].casefold()].append(name)
    for name, fields in result.items():
        for equivalent in fields.get("equivalents", []):
            if others := set(said[equivalent["text"].casefold()]) - {name}:
                equivalent["not_with"] = sorted(others | set(equivalent.get("not_with", ())))
