"""The template writer: options in words from a grammar, seeded and offline. Source: ours.

Within an item a condition has one name when present or denied and one affirmative equivalent, in one construction:
options differ in what they claim, and the two forms differ only at the negated phrases. Three constructions:
statements one by one, each with a denial of its own; what is present and what is absent in a clause each; and absence
said behind what is present ("cardiomegaly without edema or effusion").
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nast_core.benchmark.grammar import Absence, Grammar, Normal, grammar
from nast_core.benchmark.writer import Draft, Task
from nast_core.negation.phrases import sentence_case
from nast_core.vocabulary.model import Noun

_CONSTRUCTIONS = (0.4, 0.35, 0.25)  # shares of one by one, clauses, behind


@dataclass(frozen=True)
class Words:
    """How the conditions of one item are named, a noun and an equivalent each."""

    nouns: tuple[Noun, ...]
    normals: tuple[Normal, ...]

    def fill(self, template: str, places: Sequence[int], join: str = "and") -> str:
        """A template with its {P}, {N} or {A} for the conditions at ``places``, and verbs that agree."""
        nouns = [self.nouns[place] for place in places]
        plural = nouns[-1].verb == "are" or (len(nouns) > 1 and join == "and")
        return template.format(
            P=listed([noun.phrase for noun in nouns], "and"),
            N=listed([noun.text for noun in nouns], join),
            A=listed([self.normals[place].text for place in places], "and"),
            **{"is": "are" if plural else "is", "has": "have" if plural else "has"},
        )


def listed(parts: Sequence[str], word: str) -> str:
    """ "a", "a or b", "a, b, or c"."""
    if len(parts) < 3:
        return f" {word} ".join(parts)
    return f"{', '.join(parts[:-1])}, {word} {parts[-1]}"


_Option = Callable[[Sequence[int], bool], str]  # (assignment, negated) -> text without its sentence frame


class TemplateWriter:
    """Writes every task at once; a task that comes back is worded anew. ``words``: as for draft."""

    name = "template"

    def __init__(self, words: Grammar | None = None):
        self._words = words

    def write(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Draft]]:
        for task in tasks:
            yield task, draft(task, self._words)

    def notes(self) -> dict[str, str]:
        return {}


def draft(task: Task, words: Grammar | None = None) -> Draft:
    """The four options of a task in both forms; equal tasks and ``words`` (CheXpert's 13 if None) give equal drafts."""
    words, rng = words or grammar(), task.rng()
    names = _choose_words(task.conditions, words, rng)
    sentence = _pick(rng, words.sentences)
    construction = (_one_by_one, _clauses, _behind)[rng.choice(3, p=_CONSTRUCTIONS)]
    option = construction(task.conditions, names, words, rng)

    def form(negated: bool) -> tuple[str, ...]:
        return tuple(sentence_case(sentence.format(option(a, negated))) for a in task.assignments)

    return Draft(form(True), form(False))  # type: ignore[arg-type]


def _pick(rng: np.random.Generator, choices):
    return choices[int(rng.integers(len(choices)))]


def _choose_words(conditions: Sequence[str], words: Grammar, rng: np.random.Generator) -> Words:
    nouns = tuple(_pick(rng, words.nouns[condition]) for condition in conditions)
    normals = tuple(
        _pick(rng, [normal for normal in words.normals[condition] if not normal.not_with & set(conditions)])
        for condition in conditions
    )
    return Words(nouns, normals)


def _choose_absence(rng: np.random.Generator, choices: Sequence[Absence], conditions: tuple[str, ...]) -> Absence:
    """A cue first, then one of its templates: no cue is common because it has many."""
    fitting = [absence for absence in choices if absence.fits(conditions)]
    cue = _pick(rng, list(dict.fromkeys(absence.cue for absence in fitting)))
    return _pick(rng, [absence for absence in fitting if absence.cue == cue])


def _absence_text(names: Words, absence: Absence, places: Sequence[int], negated: bool) -> str:
    """A statement of what is absent, in either form."""
    template = (absence.one if len(places) == 1 else absence.denied) if negated else absence.normal
    return names.fill(template, places, absence.join)


def _one_by_one(conditions: tuple[str, ...], names: Words, words: Grammar, rng: np.random.Generator) -> _Option:
    present = [_pick(rng, words.present) for _ in conditions]
    absent = [_choose_absence(rng, words.clauses_of_absence, (condition,)) for condition in conditions]
    join = _pick(rng, words.joins)

    def option(assignment: Sequence[int], negated: bool) -> str:
        return join.join(
            names.fill(present[place], [place]) if state else _absence_text(names, absent[place], [place], negated)
            for place, state in enumerate(assignment)
        )

    return option


def _clauses(conditions: tuple[str, ...], names: Words, words: Grammar, rng: np.random.Generator) -> _Option:
    present, absence = _pick(rng, words.present), _choose_absence(rng, words.clauses_of_absence, conditions)
    frame = _pick(rng, words.clauses)

    def option(assignment: Sequence[int], negated: bool) -> str:
        there, gone = _places(assignment)
        p = names.fill(present, there) if there else ""
        n = _absence_text(names, absence, gone, negated) if gone else ""
        return frame.format(p=p, n=n) if p and n else p or n

    return option


def _behind(conditions: tuple[str, ...], names: Words, words: Grammar, rng: np.random.Generator) -> _Option:
    absence = _choose_absence(rng, words.behind, conditions)

    def option(assignment: Sequence[int], negated: bool) -> str:
        there, gone = _places(assignment)
        if not gone:
            return names.fill("{P}", there)
        if not there:
            return names.fill(absence.alone if negated else "{A}", gone, absence.join)
        frame = (absence.denied if negated else absence.normal).replace("{P}", names.fill("{P}", there))
        return names.fill(frame, gone, absence.join)

    return option


def _places(assignment: Sequence[int]) -> tuple[list[int], list[int]]:
    """(present, absent) places."""
    return [i for i, state in enumerate(assignment) if state], [i for i, state in enumerate(assignment) if not state]
