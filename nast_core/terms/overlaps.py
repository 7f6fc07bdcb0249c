"""Words of a vocabulary that come too near to one another: nouns inside nouns, equivalents that deny more than their
own condition.

Whether an equivalent is true exactly where its condition is absent, only a reader can say; what can be told from words
alone is told here. Source: ours.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from nast_core.benchmark.grammar import askable, grammar
from nast_core.data.label_words import plain
from nast_core.negation.parser import parse
from nast_core.terms.remark import Remark
from nast_core.vocabulary.model import Vocabulary

_ARTICLE = re.compile(r"^(a|an|the) ", re.IGNORECASE)
_ALL_OF_IT = frozenset(
    re.findall(r"\w+", "normal unremarkable healthy intact good regular physiologic ordinary within limits of in a the")
)
_SAYS_WHAT = frozenset(
    re.findall(
        r"\w+",
        "size width caliber diameter volume density contour position shape length thickness lucency aeration "
        "alignment height margin outline ratio "
        "vascularity marking texture aerated expanded sized",
    )
)  # what of it is normal: less than all
_PLACES = frozenset(
    re.findall(r"\w+", "space region area structure tissue system field zone wall surface")
)  # alone they name nothing
_STEM = 5  # letters that "pleura" and "pleural" share


def overlaps(vocabulary: Vocabulary) -> Iterator[Remark]:
    yield from _two_conditions(vocabulary)
    yield from _inside(vocabulary)
    yield from _true_of_another(vocabulary)
    yield from _all_of_it(vocabulary)
    yield from _articles(vocabulary)
    for name, entry in vocabulary.entries.items():
        if not entry.equivalents:
            yield Remark(
                "no equivalent", name, "its absence is said with a negation alone; it is left out of paired items"
            )
    if not _can_be_asked(vocabulary):
        yield Remark(
            "no paired items", "", "no three conditions with equivalents can be asked for together: no paired items"
        )


def _two_conditions(vocabulary: Vocabulary) -> Iterator[Remark]:
    """Nouns and names that patterns, organs or shared words of another condition name as well."""
    for name, entry in vocabulary.entries.items():
        for text in (*(noun.text for noun in entry.nouns), *entry.names.phrases):
            others = {other for m in parse(text, vocabulary) for other in m.conditions} - {name}
            if others := others - vocabulary.implied[name]:
                yield Remark("two conditions", name, f"{text!r} is read as {_listed(others)}, too", text)


def _inside(vocabulary: Vocabulary) -> Iterator[Remark]:
    """Of two phrases the longer is read where it stands whole; with a word between, the shorter is."""
    owner: dict[str, str] = {}
    for name, entry in vocabulary.entries.items():
        for text in (*(noun.text for noun in entry.nouns), *entry.names.phrases):
            owner[" ".join(text.casefold().split())] = name
    for text, name in owner.items():
        for inner in sorted((_spans(text) - {text}) & owner.keys(), key=len, reverse=True)[:1]:
            other = owner[inner]
            if other != name and other not in vocabulary.implied[name]:
                yield Remark(
                    "inside another",
                    other,
                    f"its noun {inner!r} stands inside {text!r} of {name}; the longer one is read where both could be",
                    inner,
                )


def _true_of_another(vocabulary: Vocabulary) -> Iterator[Remark]:
    """Equivalents that name another condition, or deny one that could be asked for with them: in words of that
    condition's own, or in an equivalent of it."""
    said: dict[str, set[str]] = defaultdict(set)
    for name, entry in vocabulary.entries.items():
        for equivalent in entry.equivalents:
            said[_bare(equivalent.text)].add(name)
    others_words = _without_equivalents(vocabulary)
    for name, entry in vocabulary.entries.items():
        for equivalent in entry.equivalents:
            inside = (said[span] for span in _spans(_bare(equivalent.text)) if span in said)
            how = dict.fromkeys(sorted(set().union(*inside) - {name}), "denies")
            for mention in parse(equivalent.text, others_words):
                word = "denies" if mention.state in ("normal", "absent") else "names"
                how |= {other: word for other in mention.conditions if other != name}
            for other, word in how.items():
                apart = other in equivalent.not_with or frozenset((name, other)) in vocabulary.related
                if not (apart and word == "denies"):
                    advice = "say so in not_with, or say it more exactly" if word == "denies" else "say what is there"
                    told = f"the equivalent {equivalent.text!r} {word} {other}, too; {advice}"
                    yield Remark("true of another", name, told, equivalent.text)


def _without_equivalents(vocabulary: Vocabulary) -> Vocabulary:
    """What else reads an equivalent's words: it would be read whole, as itself, before anything that stands in it."""
    plain_fields = vocabulary.model_dump(by_alias=True)
    for entry in plain_fields["conditions"].values():
        entry["equivalents"] = ()
        entry["reports"]["equivalents"] = None
    return Vocabulary.model_validate(plain_fields)


def _bare(text: str) -> str:
    return " ".join(_ARTICLE.sub("", text).casefold().split())


def _spans(text: str) -> set[str]:
    """Every run of words of a text, the whole one too."""
    words = text.split()
    return {" ".join(words[i:j]) for i, j in combinations(range(len(words) + 1), 2)}


def _all_of_it(vocabulary: Vocabulary) -> Iterator[Remark]:
    """ "A normal pleura" denies an effusion, too: what is called normal as a whole, another condition's nouns speak
    of."""
    by_stem: dict[str, set[str]] = defaultdict(set)
    for name, entry in vocabulary.entries.items():
        for noun in entry.nouns:
            for word in plain(noun.text).split():
                by_stem[_stem(word)].add(name)
    for name, entry in vocabulary.entries.items():
        for equivalent in entry.equivalents:
            words = plain(_ARTICLE.sub("", equivalent.text)).split()
            if not _ALL_OF_IT & set(words) or _SAYS_WHAT & set(words):
                continue
            told = [word for word in words if word not in _ALL_OF_IT and word not in _PLACES and len(word) > 3]
            spoken = set.intersection(*(by_stem[_stem(word)] for word in told)) if told else set()
            others = {
                other
                for other in spoken - {name} - equivalent.not_with
                if frozenset((name, other)) not in vocabulary.related
            }
            if others:
                why = (
                    f"the equivalent {equivalent.text!r} calls all of it normal, so {_listed(others)} may be denied, "
                    "too; say so in not_with, or say what of it is normal"
                )
                yield Remark("may deny another", name, why, equivalent.text)


def _articles(vocabulary: Vocabulary) -> Iterator[Remark]:
    for name, entry in vocabulary.entries.items():
        for noun in entry.nouns:
            first = noun.text[:1].casefold()
            wrong = (noun.article == "a" and first in "aeio") or (noun.article == "an" and first in "bcdfgjkqtvwyz")
            if wrong and not noun.text.split()[0].isupper():
                yield Remark("article", name, f"{noun.phrase!r} has the wrong article", noun.text)


def _can_be_asked(vocabulary: Vocabulary) -> bool:
    """Whether any three conditions go together; three of which any two do are looked for, among thousands of conditions
    too."""
    words = grammar(vocabulary)
    names = [name for name in vocabulary.conditions if words.normals[name]]
    beside: dict[str, set[str]] = defaultdict(set)
    for pair in combinations(names, 2):
        if frozenset(pair) not in vocabulary.related and askable(pair, words):
            beside[pair[0]].add(pair[1])
            third = (three for three in beside if pair[1] in beside[three] and pair[0] in beside[three])
            if any(askable((*pair, one), words) for one in third):
                return True
    return False


def _stem(word: str) -> str:
    return word[:_STEM]


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names)) if len(names) < 3 else f"{', '.join(sorted(names)[:-1])} and {sorted(names)[-1]}"
