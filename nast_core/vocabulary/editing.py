"""A condition as fields that a person edits, and back: phrases parted by semicolons, which no phrase may hold.

Source: ours.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from nast_core.errors import VocabularyError, what_is_wrong
from nast_core.vocabulary.model import Condition, Noun, Vocabulary

LISTS = ("names", "normal", "borderline", "other")  # words for the parser, of which the phrases are edited here
_NOUN = re.compile(r"(?:(a|an|the)\s+)?(.*?)(?:\s*\((is|are)\))?", re.IGNORECASE | re.DOTALL)


class Wording(NamedTuple):
    """An equivalent as it is edited; one with an empty text goes."""

    text: str
    not_with: tuple[str, ...] = ()


class Fields(NamedTuple):
    """What is edited of a condition; all else of it stays. Texts hold phrases parted by semicolons."""

    nouns: str  # "a lung opacity; lung opacities (are)"
    equivalents: tuple[Wording, ...]
    names: str = ""
    normal: str = ""
    borderline: str = ""
    other: str = ""
    grades: str = ""  # three words, mild to severe, or none
    sided: bool = False
    zones: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    columns: str = ""  # of tables of labels, beside the name


def fields_of(vocabulary: Vocabulary, name: str) -> Fields:
    entry = vocabulary[name]
    return Fields(
        nouns=joined([noun_text(noun) for noun in entry.nouns]),
        equivalents=tuple(Wording(one.text, tuple(sorted(one.not_with))) for one in entry.equivalents),
        **{kind: joined(getattr(entry, kind).phrases) for kind in LISTS},
        grades=joined(entry.grades.words),
        sided=entry.sided,
        zones=entry.zones,
        implies=entry.implies,
        excludes=entry.excludes,
        columns=joined([column for column, condition in vocabulary.columns.items() if condition == name]),
    )


def edited(vocabulary: Vocabulary, name: str, fields: Fields) -> Vocabulary:
    """The vocabulary with a condition as the fields say, or with another condition where it has none of that name.

    Reviews stay with the words that they were given for; other words have none. Raises VocabularyError, one sentence,
    for what makes it no vocabulary.
    """
    plain = vocabulary.model_dump(by_alias=True)
    entry: dict[str, Any] = plain["conditions"].setdefault(name, Condition().model_dump())
    former = {one["text"]: one for one in entry["equivalents"]}
    entry["nouns"] = [noun_of(text) for text in parted(fields.nouns)]
    entry["equivalents"] = [
        former.get(" ".join(one.text.split()), {"text": one.text}) | {"not_with": list(one.not_with)}
        for one in fields.equivalents
        if one.text.strip()
    ]
    for kind in LISTS:
        entry[kind]["phrases"] = parted(getattr(fields, kind))
    entry["grades"]["words"] = parted(fields.grades)
    entry |= {key: getattr(fields, key) for key in ("sided", "zones", "implies", "excludes")}
    plain["columns"] = _columns(plain["columns"], name, parted(fields.columns))
    return _made(plain)


def without(vocabulary: Vocabulary, name: str) -> Vocabulary:
    """The vocabulary without a condition and its columns. Raises VocabularyError where others name it, or it is the
    last."""
    plain = vocabulary.model_dump(by_alias=True)
    del plain["conditions"][name]
    plain["columns"] = {column: of for column, of in plain["columns"].items() if of != name}
    if plain["example"] == name:
        plain["example"] = ""
    return _made(plain)


def _columns(before: dict[str, str], name: str, wanted: Sequence[str]) -> dict[str, str]:
    """Those of other conditions, and those that are wanted of this one; each where it was."""
    taken = next((column for column in wanted if before.get(column, name) != name), None)
    if taken is not None:
        raise VocabularyError(f"the column {taken!r} is that of {before[taken]!r}; take it away there first")
    kept = {column: of for column, of in before.items() if of != name or column in wanted}
    return kept | dict.fromkeys(wanted, name)


def parted(text: str) -> list[str]:
    """Phrases of a field, in order, each once."""
    return list(dict.fromkeys(phrase for part in text.split(";") if (phrase := " ".join(part.split()))))


def joined(phrases: Sequence[str]) -> str:
    return "; ".join(phrases)


def noun_text(noun: Noun) -> str:
    """ "a lung opacity", "lung opacities (are)"."""
    return noun.phrase + (" (are)" if noun.verb == "are" else "")


def noun_of(text: str) -> tuple[str, str, str]:
    """Article, noun and verb of such a text."""
    match = _NOUN.fullmatch(text)
    assert match is not None  # every part may be empty
    article, noun, verb = match.groups()
    return (article or "").lower(), noun, (verb or "is").lower()


def _made(plain: dict[str, Any]) -> Vocabulary:
    try:
        return Vocabulary.model_validate(plain)
    except ValidationError as error:
        raise VocabularyError(what_is_wrong(error)) from None
