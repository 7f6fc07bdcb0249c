"""Every noun and equivalent of a vocabulary, put into every construction of the grammar and read back. Source: ours.

The construction is the writer's, the reading the verification's: what passes here would pass as an option of an item.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice
from typing import NamedTuple

from nast_core.benchmark.grammar import Grammar, Normal, grammar
from nast_core.benchmark.template import Words
from nast_core.benchmark.verify import against_denial, against_option
from nast_core.negation.phrases import sentence_case
from nast_core.progress import Tick
from nast_core.terms.remark import Remark
from nast_core.vocabulary.model import Noun, Vocabulary

_PLAIN = (("{N}", 1), ("no {N}", 0), ("there {is} no {N}", 0), ("{N} {is} not seen", 0))  # for names, which no writer uses


class Option(NamedTuple):
    """An option of an item, or a text with negations alone where there is no affirmative form."""

    noun: str
    equivalent: str | None
    truth: dict[str, int]  # 1 present, 0 absent
    negated: str
    affirmative: str | None = None


def read_back(vocabulary: Vocabulary, progress: Tick | None = None) -> Iterator[Remark]:
    """What is misread, a remark a phrase: of each condition's nouns and equivalents in every construction, and of its names."""
    words = grammar(vocabulary)
    for name in vocabulary.conditions:
        asked, wrong, first = Counter[str](), Counter[str](), {}
        for option in options(name, vocabulary, words):
            phrase, said = _misread(option, vocabulary)
            asked.update(filter(None, (option.noun, option.equivalent)))
            if phrase:
                wrong[phrase] += 1
                first.setdefault(phrase, said)
        for phrase, count in wrong.items():
            often = "" if count == asked[phrase] else f" in {count} of {asked[phrase]} sentences"
            kind = "in some sentences" if often else "not read"
            yield Remark(kind, name, f"{phrase!r} is misread{often}: {first[phrase]}")
        if progress:
            progress(1)


def _misread(option: Option, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """The phrase that is misread, and what of it; the noun where the text with negations is wrong already."""
    if faults := against_denial(option.truth, option.negated, vocabulary):
        return option.noun, faults[0].said
    if option.affirmative is not None:
        if faults := against_option(option.truth, (option.negated, option.affirmative), vocabulary):
            return option.equivalent, faults[0].said
    return None, ""


def options(name: str, vocabulary: Vocabulary, words: Grammar) -> Iterator[Option]:
    """Each noun beside an equivalent, in turn, in every construction, with sentences in turn; names in a few plain ones."""
    sentences = cycle(words.sentences)

    def said(*forms: str) -> list[str]:
        frame = next(sentences)
        return [sentence_case(frame.format(form)) for form in forms]

    for noun, normal in _pairs(words.nouns[name], words.normals[name]):
        equivalent = normal.text if normal else None
        alone = Words((noun,), (normal or Normal(""),))
        for absence in words.clauses_of_absence:
            if absence.fits((name,)):
                forms = (absence.one, absence.normal)[: 2 if normal else 1]
                texts = said(*(alone.fill(form, [0], absence.join) for form in forms))
                yield Option(noun.text, equivalent, {name: 0}, *texts)
        for present in words.present:
            yield Option(noun.text, None, {name: 1}, *said(alone.fill(present, [0])))
        if other := _beside(name, normal, vocabulary):
            there = words.nouns[other][0].phrase
            for absence in words.behind:
                forms = (absence.denied, absence.normal)[: 2 if normal else 1]
                texts = said(*(alone.fill(form.replace("{P}", there), [0], absence.join) for form in forms))
                yield Option(noun.text, equivalent, {other: 1, name: 0}, *texts)
    if other := _beside(name, None, vocabulary):
        noun = words.nouns[name][0]
        both = Words((noun, words.nouns[other][0]), (Normal(""), Normal("")))
        for absence in words.clauses_of_absence:
            if absence.fits((name, other)):
                yield Option(noun.text, None, {name: 0, other: 0}, *said(both.fill(absence.denied, [0, 1], absence.join)))
    for text in vocabulary[name].names.phrases:
        spoken = Words((Noun("", text, "is"),), (Normal(""),))
        for template, state in _PLAIN:
            yield Option(text, None, {name: state}, *said(spoken.fill(template, [0])))


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
