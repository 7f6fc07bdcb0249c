"""Every noun and equivalent of a vocabulary, put into every construction of the grammar and read back. Source: ours.

The construction is the writer's, the reading the verification's: what passes here would pass as an option of an item.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from itertools import cycle, islice
from typing import NamedTuple

from nast_core.benchmark.grammar import Grammar, Normal, grammar
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
    """What is misread, a remark a phrase: of each condition's nouns and equivalents in every construction, and of its names.

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
    """Each noun beside an equivalent, in turn, in every construction; two conditions denied together, in a third of them, another
    third with the next condition; names in a few plain ones. Sentences in turn, one for what is equal affirmatively."""
    turn = _Sentences(words.sentences)
    for noun, normal in _pairs(words.nouns[name], words.normals[name]):
        turn.next()
        alone = Words((noun,), (normal or Normal(""),))
        said = partial(_said, alone, turn, noun, normal)
        yield from (
            said({name: 0}, one.one, one.normal, one.join) for one in words.clauses_of_absence if one.fits((name,))
        )
        yield from (Option(noun.text, None, {name: 1}, turn.of(alone.fill(form, [0]), form)) for form in words.present)
        if other := _beside(name, normal, vocabulary):
            there = words.nouns[other][0].phrase
            for one in words.behind:
                forms = (form.replace("{P}", there) for form in (one.denied, one.normal))
                yield said({other: 1, name: 0}, *forms, one.join)
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


class _Sentences:
    """The grammar's sentences: for each construction one of them, for the next pair of phrases the next one."""

    def __init__(self, frames: tuple[str, ...]):
        self._frames, self._round = frames, 0
        self._met: dict[str, int] = {}  # construction -> its place

    def next(self) -> None:
        self._round += 1

    def of(self, text: str, construction: str) -> str:
        place = self._met.setdefault(construction, len(self._met))
        return sentence_case(self._frames[(place + self._round) % len(self._frames)].format(text))


def _said(
    spoken: Words,
    turn: _Sentences,
    noun: Noun,
    normal: Normal | None,
    truth: dict[str, int],
    denied: str,
    affirmed: str,
    join: str,
) -> Option:
    negated = turn.of(spoken.fill(denied, [0], join), affirmed)
    if normal is None:
        return Option(noun.text, None, truth, negated)
    return Option(noun.text, normal.text, truth, negated, turn.of(spoken.fill(affirmed, [0], join), affirmed))


def _pairs(nouns: tuple[Noun, ...], normals: tuple[Normal, ...]) -> Iterator[tuple[Noun, Normal | None]]:
    """Each noun and each equivalent at least once."""
    most = max(len(nouns), len(normals))
    yield from zip(islice(cycle(nouns), most), islice(cycle(normals or (None,)), most), strict=True)


def _beside(name: str, normal: Normal | None, vocabulary: Vocabulary) -> str | None:
    """Another condition that may be there while this one is absent, and that the equivalent does not speak of: the next in order."""
    place = vocabulary.conditions.index(name)
    ahead = (*vocabulary.conditions[place + 1 :], *vocabulary.conditions[:place])
    avoided = normal.not_with if normal else frozenset()
    return next((one for one in ahead if frozenset((name, one)) not in vocabulary.related and one not in avoided), None)
