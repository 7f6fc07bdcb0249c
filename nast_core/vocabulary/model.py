"""A vocabulary: an examination, its conditions, and the words for each. Its file is read and written by file.py.

Texts are in NFC with single spaces. What a condition says nothing of, has its default here. Source: ours.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from nast_core.files.gate import shown
from nast_core.vocabulary.patterns import what_runs_away

_MOST_WORDS = 500  # phrases of one kind, of a condition
_LONGEST = 120  # characters of a name or a phrase
_FORBIDDEN = re.compile(r"[|;:=`\"\\<>{}\[\]]")  # what separates names in labels, corrections and tables
_TAKEN = frozenset({"patient", "study", "split", "image"})  # columns of a dataset's table beside its conditions

Zone = Literal["upper", "mid", "lower"]
Kind = Literal["found", "normal", "risen", "borderline", "not normal", "gone", "other"]
WRITTEN_KINDS: tuple[Kind, ...] = ("found", "normal", "risen", "borderline", "gone", "other")


def _phrase(text: str) -> str:
    words = " ".join(unicodedata.normalize("NFC", text).split())
    if not words or len(words) > _LONGEST or not words.isprintable():
        raise ValueError(f"needed: a phrase of 1 to {_LONGEST} characters on one line")
    if not (words[0].isalnum() and words[-1].isalnum()):
        raise ValueError(f"{words!r} has to begin and end with a letter or a digit")
    if _FORBIDDEN.search(words):
        raise ValueError(f"{words!r} holds a sign that no phrase may hold (braces, brackets, ; : = |)")
    return words


def _name(text: str) -> str:
    words = _phrase(text) if text.strip()[-1:] != ")" else _phrase(text.strip()[:-1]) + ")"
    if words.casefold() in _TAKEN:
        raise ValueError(f"{words!r} is the name of another column; call the condition otherwise")
    return words


def _pattern(text: str) -> str:
    if why := what_runs_away(text):
        raise ValueError(f"the pattern {text[:80]!r} {why}")
    return text


def _filter(text: str) -> str:
    """A pattern that is looked for in a few words only, and may say what they do not begin with."""
    if why := what_runs_away(text, empty=True):
        raise ValueError(f"the pattern {text[:80]!r} {why}")
    return text


def _words(value: Any) -> Any:
    """A bare list is one of phrases."""
    return {"phrases": value} if isinstance(value, list | tuple) else value


def _noun(value: Any) -> Any:
    """Of a list [article, noun, verb], or a noun alone, the noun; a YAML list holds an empty article as ''."""
    if isinstance(value, str):
        return ("", value, "is")
    return value


def _equivalent(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _grades(value: Any) -> Any:
    return {"words": value} if isinstance(value, list | tuple) else value


def _examination(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_phrase)]
Name = Annotated[str, AfterValidator(_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Filter = Annotated[str, AfterValidator(_filter)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=_MOST_WORDS)]


class Part(BaseModel):
    """Anything of a vocabulary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, without what was found out of the original and kept, such as its fingerprint."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy


class Noun(NamedTuple):
    article: Literal["", "a", "an", "the"]
    text: Text
    verb: Literal["is", "are"]

    @property
    def phrase(self) -> str:
        return f"{self.article} {self.text}".strip()


Nouns = Annotated[tuple[Annotated[Noun, BeforeValidator(_noun)], ...], Field(max_length=_MOST_WORDS)]


class Review(Part):
    """One reader's word on a mapping: does the equivalent say what the denial says?"""

    @model_validator(mode="before")
    @classmethod
    def _on(cls, value: Any) -> Any:
        """YAML reads the bare word "on" as true."""
        return {"on" if key is True else key: one for key, one in value.items()} if isinstance(value, dict) else value

    by: Annotated[str, AfterValidator(_phrase), Field(max_length=40)]  # initials
    on: date
    verdict: Literal["right", "wrong", "unsure"]


class Equivalent(Part):
    """An affirmative equivalent of a condition's absence: "normal heart size"."""

    text: Text
    not_with: frozenset[str] = frozenset()  # conditions it would contradict
    reviewed: tuple[Review, ...] = ()

    @property
    def approved(self) -> bool:
        """Whether a reader calls it right, and none wrong."""
        verdicts = {review.verdict for review in self.reviewed}
        return "right" in verdicts and "wrong" not in verdicts


Equivalents = Annotated[tuple[Annotated[Equivalent, BeforeValidator(_equivalent)], ...], Field(max_length=_MOST_WORDS)]


class Words(Part):
    """How reports say something: phrases, in any number where the last word is a noun, and patterns where phrases won't
    do."""

    phrases: Annotated[tuple[Text, ...], Field(max_length=_MOST_WORDS)] = ()
    patterns: Patterns = ()

    def __bool__(self) -> bool:
        return bool(self.phrases or self.patterns)


NOTHING = Words()
Said = Annotated[Words, BeforeValidator(_words)]


class Grades(Part):
    words: tuple[Text, Text, Text] | tuple[()] = ()  # mild to severe
    nouns: frozenset[str] | None = None  # those that take them; None: all


class Prompts(Part):
    """Words of zero-shot prompts and of the demo; a condition's own where it has none of these."""

    nouns: Nouns = ()
    equivalents: tuple[Text, ...] = ()
    in_part: frozenset[str] = frozenset()  # equivalents that deny it in one place only: no claim is made of them
    not_in_pairs: frozenset[str] = frozenset()  # nouns that read oddly in the frames of polarity pairs


class Reports(Part):
    """What statements made of reports may say, and which words of reports make none."""

    nouns: Nouns | None = None  # true of every instance; None: the condition's
    equivalents: tuple[Text, ...] | None = None  # true exactly where it is absent; None: the condition's
    not_meant: tuple[Filter, ...] = ()  # a naming that holds one does not surely claim it
    whole: tuple[Filter, ...] = ()  # of a device: names for all of them, whose denial denies them all
    also_normal: dict[Filter, str] = Field(default_factory=dict)  # words that say another condition to be normal, too


class Condition(Part):
    """How one condition is spoken of."""

    nouns: Nouns = ()
    equivalents: Equivalents = ()
    names: Said = NOTHING  # for the parser, beside nouns and equivalents
    normal: Said = NOTHING  # its absence said affirmatively
    risen: Said = NOTHING  # a change that says it is there, and whose denial says nothing
    borderline: Said = NOTHING  # neither present nor absent
    gone: Said = NOTHING  # denied, it is there; said, nothing is claimed
    other: Said = NOTHING  # has its words and is another thing
    grades: Annotated[Grades, BeforeValidator(_grades)] = Grades()
    sided: bool = False  # may be on one side and not the other
    zones: tuple[Zone, ...] = ()  # heights it may be at; none where height is not told apart
    implies: tuple[str, ...] = ()  # conditions that are present wherever it is
    excludes: tuple[str, ...] = ()  # conditions that are absent wherever it is present
    resolves: bool = True  # may be said to have resolved
    device: bool = False  # put in and taken out: a denial of one says nothing of others
    acute: bool = False  # "no acute X" denies X
    prompts: Prompts = Prompts()
    reports: Reports = Reports()

    @cached_property
    def prompt_nouns(self) -> tuple[Noun, ...]:
        return self.prompts.nouns or self.nouns

    @cached_property
    def prompt_equivalents(self) -> tuple[str, ...]:
        return self.prompts.equivalents or tuple(equivalent.text for equivalent in self.equivalents)

    @cached_property
    def report_nouns(self) -> tuple[Noun, ...]:
        return self.nouns if self.reports.nouns is None else self.reports.nouns

    @cached_property
    def report_equivalents(self) -> tuple[str, ...]:
        """Where none are given, those that hold whatever else is there."""
        if self.reports.equivalents is not None:
            return self.reports.equivalents
        return tuple(equivalent.text for equivalent in self.equivalents if not equivalent.not_with)

    @cached_property
    def graded(self) -> frozenset[str]:
        """Texts of the nouns that take an adjective of severity."""
        if not self.grades.words:
            return frozenset()
        every = (*self.nouns, *self.prompt_nouns, *self.report_nouns)
        return frozenset(noun.text for noun in every) if self.grades.nouns is None else self.grades.nouns

    def said(self, kind: Kind) -> Words:
        return self.names if kind == "found" else getattr(self, kind)


class Shared(Part):
    """Words that name several conditions at once: "nodular opacity"."""

    conditions: Annotated[tuple[str, ...], Field(min_length=2)]
    names: Said = NOTHING
    normal: Said = NOTHING


class Organ(Part):
    """What is said of an organ as a whole: "the heart and mediastinum are normal"."""

    condition: str
    words: Said
    normal: Said = NOTHING  # behind it: the condition is absent
    before: Said = NOTHING  # before it, the same
    found: Said = NOTHING  # the condition itself
    borderline: Said = NOTHING  # neither


class Examination(Part):
    """What is looked at, in words that the grammar's sentences can take."""

    name: Text  # "chest radiograph": of prompts and questions
    image: Text = "examination"  # "the radiograph shows ..."
    region: Text = "examination"  # "the chest is free of ..."
    headings: tuple[Text, ...] = ()  # "frontal view: ..."; without: the name
    views: tuple[Text, ...] = ()  # sentences of their own before a statement: "frontal view. ..."


class Vocabulary(Part):
    """All of a vocabulary file. Two with the same content, names and reviews apart, are equal, and hash equally."""

    format: int = 1
    name: Name
    title: str = Field(default="", max_length=300)
    source: str = Field(default="", max_length=2000)
    examination: Annotated[Examination, BeforeValidator(_examination)]
    example: str = ""  # the condition that instructions to a language model are shown with; without: the first
    entries: Annotated[dict[Name, Condition], Field(alias="conditions", min_length=1)]
    shared: tuple[Shared, ...] = ()
    organs: dict[Text, Organ] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)  # column or label of a table -> condition

    @model_validator(mode="after")
    def _whole(self) -> Self:
        from nast_core.vocabulary.soundness import faults

        if fault := next(faults(self), None):
            raise ValueError(fault)
        return self

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Their names, in the file's order, which is that of every table."""
        return tuple(self.entries)

    def __getitem__(self, condition: str) -> Condition:
        return self.entries[condition]

    def __contains__(self, condition: object) -> bool:
        return condition in self.entries

    def unknown(self, condition: str) -> str:
        """Half a sentence on a name that is none of its conditions."""
        few = (
            self.conditions if len(self.conditions) <= 30 else get_close_matches(condition[:200], self.conditions, n=5)
        )
        whose = "the CheXpert conditions" if self.name == "chexpert" else f"the conditions of {self.name}"
        return f"{shown(condition)!r} is none of {whose}" + (f": {', '.join(few)}" if few else "")

    @cached_property
    def implied(self) -> dict[str, frozenset[str]]:
        """Condition -> all that its presence implies, in any number of steps."""
        found: dict[str, frozenset[str]] = {}
        for condition in self.conditions:
            met: set[str] = set()
            ahead = list(self[condition].implies)
            while ahead:
                if (other := ahead.pop()) not in met:
                    met.add(other)
                    ahead += self[other].implies
            found[condition] = frozenset(met)
        return found

    @cached_property
    def related(self) -> frozenset[frozenset[str]]:
        """Pairs of which one implies or excludes the other: asked together, an option could contradict itself."""
        return frozenset(
            frozenset((condition, other))
            for condition, entry in self.entries.items()
            for other in (*self.implied[condition], *entry.excludes)
        )

    @cached_property
    def fingerprint(self) -> str:
        """Another text where anything may be read or written otherwise; reviews, names and sources change nothing."""
        plain = self.model_dump(mode="json", by_alias=True, exclude={"name", "title", "source"})
        for condition in plain["conditions"].values():
            for equivalent in condition["equivalents"]:
                del equivalent["reviewed"]
        return hashlib.sha256(json.dumps(_in_order(plain), sort_keys=False).encode()).hexdigest()

    @property
    def reviewed(self) -> tuple[int, int]:
        """(equivalents that a reader calls right and none wrong, equivalents)."""
        every = [equivalent for entry in self.entries.values() for equivalent in entry.equivalents]
        return sum(equivalent.approved for equivalent in every), len(every)

    def with_condition(self, name: str, **fields: Any) -> "Vocabulary":
        """The same with some fields of a condition changed, or with another condition.
        Raises ValidationError (pydantic)."""
        entry = self.entries[name].model_dump() if name in self else {}
        plain = self.model_dump(by_alias=True)
        plain["conditions"][name] = entry | fields
        return Vocabulary.model_validate(plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)


_SETS = frozenset({"not_with", "in_part", "not_in_pairs"})


def _in_order(value: Any, key: str = "") -> Any:
    """The same with sets as sorted lists: a set's order is another in each process."""
    if isinstance(value, dict):
        return {name: _in_order(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return (
            sorted(value)
            if key in _SETS or (key == "nouns" and all(isinstance(v, str) for v in value))
            else [_in_order(inner) for inner in value]
        )
    return value
