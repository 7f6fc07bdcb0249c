"""Every noun and equivalent of a vocabulary, put into every construction of the grammar and read back. Source: ours.

The construction is the writer's, the reading the verification's: what passes here would pass as an option of an item.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

from nast_core.benchmark.grammar import Absence, Grammar, Normal, grammar
from nast_core.benchmark.template import Words
from nast_core.benchmark.verify import against_denial, against_option
from nast_core.negation.phrases import sentence_case
from nast_core.progress import Tick
from nast_core.terms.remark import Remark
from nast_core.vocabulary.model import Noun, Vocabulary

_PLAIN = ("no {N}", "{N} {is} not seen")  # for names, which no writer uses
_PARTS = 3


class Option(NamedTuple):
    """An option of an item, or a text with negations alone where there is no affirmative form."""

    noun: str
    equivalent: str | None
    truth: dict[str, int]  # 1 present, 0 absent
    negated: str
    affirmative: str | None = None


def read_back(
    vocabulary: Vocabulary, progress: Tick | None = None, conditions: Collection[str] | None = None
) -> Iterator[Remark]:
    """What is misread, a remark a phrase: of each condition's nouns and equivalents in every construction, and of its
    names.

    ``conditions``: of these only.
    """
    words = grammar(vocabulary)
    for name in vocabulary.conditions if conditions is None else conditions:
        asked, wrong, first = Counter[str](), Counter[str](), dict[str, str]()
        for option in options(name, vocabulary, words):
            phrase, said = _misread(option, vocabulary)
            asked.update(filter(None, (option.noun, option.equivalent)))
            if phrase:
                wrong[phrase] += 1
                first.setdefault(phrase, said)
        for phrase, count in wrong.items():
            often = "" if count == asked[phrase] else f" in {count} of {asked[phrase]} sentences"
            kind = "in some sentences" if often else "not read"
            yield Remark(kind, name, f"{phrase!r} is misread{often}: {first[phrase]}", phrase)
        if progress:
            progress(1)


def _misread(option: Option, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """The phrase that is misread, and what of it; the noun where the text with negations is wrong already."""
    if option.affirmative is None:
        faults = against_denial(option.truth, option.negated, vocabulary)
        return (option.noun, faults[0].said) if faults else (None, "")
    if not (faults := against_option(option.truth, (option.negated, option.affirmative), vocabulary)):
        return None, ""
    noun_too = bool(against_denial(option.truth, option.negated, vocabulary))
    return option.noun if noun_too else option.equivalent, faults[0].said


def options(name: str, vocabulary: Vocabulary, words: Grammar) -> Iterator[Option]:
    """Each noun in every construction; each equivalent, beside a noun, in every one that differs affirmatively; two
    conditions denied together, in a third of them, another third with the next condition; names in a few plain ones.
    Sentences in turn."""
    turn = _Sentences(words.sentences)
    own = tuple(one for one in words.clauses_of_absence if one.fits((name,)))
    for noun in words.nouns[name]:
        turn.next()
        alone = _Spoken(name, noun, None, turn)
        yield from (alone.absent(one.one, "", one.join) for one in own)
        yield from (
            Option(noun.text, None, {name: 1}, turn.of(alone.words.fill(form, [0]), form)) for form in words.present
        )
        if other := _beside(name, None, vocabulary):
            yield from (alone.behind(one, other, words) for one in words.behind)
    for normal, noun in zip(words.normals[name], cycle(words.nouns[name]), strict=False):
        turn.next()
        paired = _Spoken(name, noun, normal, turn)
        yield from (paired.absent(one.one, one.normal, one.join) for one in _affirmed_otherwise(own))
        if other := _beside(name, normal, vocabulary):
            yield from (paired.behind(one, other, words) for one in _affirmed_otherwise(words.behind))
    place = vocabulary.conditions.index(name)
    if other := _beside(name, None, vocabulary):
        noun = words.nouns[name][0]
        both = Words((noun, words.nouns[other][0]), (Normal(""), Normal("")))
        for one in words.clauses_of_absence[place % _PARTS :: _PARTS]:
            if one.fits((name, other)):
                text = turn.of(both.fill(one.denied, [0, 1], one.join), one.denied)
                yield Option(noun.text, None, {name: 0, other: 0}, text)
    for text in vocabulary[name].names.phrases:
        spoken = Words((Noun("", text, "is"),), (Normal(""),))
        yield from (Option(text, None, {name: 0}, turn.of(spoken.fill(form, [0]), form)) for form in _PLAIN)


def _affirmed_otherwise(absences: Sequence[Absence]) -> Iterable[Absence]:
    """The first of each affirmative construction."""
    return {one.normal: one for one in reversed(absences)}.values()


class _Sentences:
    """The grammar's sentences: for each construction one of them, for the next phrase the next one."""

    def __init__(self, frames: tuple[str, ...]):
        self._frames, self._round = frames, 0
        self._met: dict[str, int] = {}  # construction -> its place

    def next(self) -> None:
        self._round += 1

    def of(self, text: str, construction: str) -> str:
        place = self._met.setdefault(construction, len(self._met))
        return sentence_case(self._frames[(place + self._round) % len(self._frames)].format(text))


class _Spoken:
    """A condition by one noun and, where it is said affirmatively too, one equivalent."""

    def __init__(self, name: str, noun: Noun, normal: Normal | None, turn: _Sentences):
        self.words = Words((noun,), (normal or Normal(""),))
        self._name, self._noun, self._normal, self._turn = name, noun, normal, turn

    def absent(self, denied: str, affirmed: str, join: str, **there: int) -> Option:
        truth = {**there, self._name: 0}
        negated = self._turn.of(self.words.fill(denied, [0], join), denied)
        if self._normal is None:
            return Option(self._noun.text, None, truth, negated)
        text = self._turn.of(self.words.fill(affirmed, [0], join), denied)
        return Option(self._noun.text, self._normal.text, truth, negated, text)

    def behind(self, absence: Absence, other: str, words: Grammar) -> Option:
        there = words.nouns[other][0].phrase
        denied, affirmed = (form.replace("{P}", there) for form in (absence.denied, absence.normal))
        return self.absent(denied, affirmed, absence.join, **{other: 1})


def _beside(name: str, normal: Normal | None, vocabulary: Vocabulary) -> str | None:
    """Another condition that may be there while this one is absent, and that the equivalent does not speak of: the next
    in order."""
    place = vocabulary.conditions.index(name)
    ahead = (*vocabulary.conditions[place + 1 :], *vocabulary.conditions[:place])
    avoided = normal.not_with if normal else frozenset()
    return next((one for one in ahead if frozenset((name, one)) not in vocabulary.related and one not in avoided), None)
