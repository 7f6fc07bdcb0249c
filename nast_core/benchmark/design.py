"""Which questions are asked of which studies (method.md section 5): nothing is left to guess from labels. Source: ours.

Three conditions are drawn, then four different assignments to them, then which of the four is true, then a study of
which it is. All four must have a study, so, given the options, each is as likely to be right as any other, whatever
the prevalence. A patient answers for a condition in one question only: asked for it in many, the same patient would
tilt the balance of all others, and a reader of the others could tell (below chance, but tell). When the table has no
unused patients left, the questions there are come again, with other wrong options and in other words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb

import numpy as np
from jaxtyping import Int

from nast_core.benchmark.grammar import askable, grammar
from nast_core.data.studies import Study, needed_of_a_study
from nast_core.errors import BenchmarkError
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

Assignment = tuple[int, int, int]  # 1 present, 0 absent
Four = tuple[Assignment, Assignment, Assignment, Assignment]
Triple = tuple[int, int, int]  # three conditions, as columns of the label table
ASSIGNMENTS: tuple[Assignment, ...] = tuple(product((0, 1), repeat=3))  # type: ignore[arg-type]
_FOURS: tuple[Four, ...] = tuple(combinations(ASSIGNMENTS, 4))
_EVEN_FOURS = tuple(four for four in _FOURS if all(sum(states) == 2 for states in zip(*four, strict=True)))
_LEAST_STUDIES = 10
_MOST_TRIPLES = 2500  # of conditions: all of 25; of 1,000 there would be 166 million
_UNEVEN = 0.05  # how far balanced conditions may be apart, as a share of their mean, before a question comes again


@dataclass(frozen=True)
class Plan:
    """One question before it is worded."""

    study: Study
    conditions: tuple[str, str, str]
    assignments: tuple[Assignment, ...]  # four options
    answer: int  # place of the option that is true of the study


def require_eligible(studies: Sequence[Study], vocabulary: Vocabulary | None = None) -> list[Study]:
    """The eligible studies. Raises BenchmarkError where they are fewer than 10."""
    conditions = len(given(vocabulary).conditions)
    eligible = [study for study in studies if study.eligible(conditions)]
    if len(eligible) < _LEAST_STUDIES:
        raise BenchmarkError(
            f"{len(eligible)} of {len(studies)} studies are eligible ({needed_of_a_study(conditions)}); at least "
            f"{_LEAST_STUDIES} are needed: give a larger label table"
        )
    return eligible


def draw_plans(
    studies: Sequence[Study],
    rng: np.random.Generator,
    *,
    balance: bool = False,
    vocabulary: Vocabulary | None = None,
) -> Iterator[Plan]:
    """Plans without end.

    ``balance`` asks for every condition equally often (within 5 %), makes each present in two of four options, and
    prefers options with numbers of negations that were right least often, as far as the table has studies for them.
    Questions on rare conditions come again sooner for it. No three are asked of which one implies or excludes another
    (an option such as "consolidation, clear lungs" would contradict itself), or whose absence cannot be said
    affirmatively. Raises BenchmarkError where fewer than 10 studies are eligible, or no three conditions have studies
    for four options.
    """
    vocabulary = given(vocabulary)
    return _Design(require_eligible(studies, vocabulary), rng, balance, vocabulary).plans()


@dataclass
class _Question:
    """What was asked of a study, and the sets of four options it could be asked with."""

    study: Study
    columns: Triple
    truth: Assignment
    fours: list[Four]
    asked: float = 0


class _Design:
    def __init__(self, studies: Sequence[Study], rng: np.random.Generator, balance: bool, vocabulary: Vocabulary):
        self.related, self.words = vocabulary.related, grammar(vocabulary)
        self.studies, self.rng, self.balance = studies, rng, balance
        self.conditions = sorted({condition for study in studies for condition in study.labels})
        names: dict[str, int] = {}
        self.patient = np.array([names.setdefault(study.patient_id, len(names)) for study in studies])
        self.table = np.array([[study.labels.get(c, -1) for c in self.conditions] for study in studies], np.int8)
        self.spent = np.zeros((len(names), len(self.conditions)), bool)  # the patient has answered for the condition
        self.uses = rng.random(len(names)) * 0.5  # of each patient; ties fall at random
        self.fitting: dict[tuple[tuple[int, ...], Assignment], Int[np.ndarray, " study"]] = {}
        self.questions: list[_Question] = []
        self.turns = np.zeros(len(self.conditions))  # how often each condition was asked for
        self.negations = np.zeros(4)  # how often the right option had 0, 1, 2, 3

    def plans(self) -> Iterator[Plan]:
        triples = [triple for triple in self._triples() if self._may_be_asked(triple)]
        fresh = [triple for triple in triples if self._fours(triple)]
        if not fresh:
            raise BenchmarkError(
                "no three conditions have the studies that the design asks for (four different findings of them); the "
                "table's conditions are too rare or hardly ever labelled together: give more studies"
            )
        return self._endless(fresh)

    def _triples(self) -> list[Triple]:
        """Every three conditions; of very many some, each condition in about as many as any other."""
        count = len(self.conditions)
        if comb(count, 3) <= _MOST_TRIPLES:
            return list(combinations(range(count), 3))
        drawn: dict[Triple, None] = {}
        while len(drawn) < _MOST_TRIPLES:
            order = self.rng.permutation(count)[: count - count % 3].reshape(-1, 3)
            drawn |= {(int(a), int(b), int(c)): None for a, b, c in np.sort(order, axis=1)}
        return list(drawn)

    def _may_be_asked(self, triple: Triple) -> bool:
        names = [self.conditions[i] for i in triple]
        return askable(names, self.words) and not any(
            frozenset(pair) in self.related for pair in combinations(names, 2)
        )

    def _endless(self, fresh: list[Triple]) -> Iterator[Plan]:
        """``fresh``: conditions with unspent studies; when none is left, old questions come again."""
        while True:
            question = None
            while question is None and (triple := self._turn_of(fresh)) is not None:
                if (question := self._ask_anew(triple)) is None:
                    fresh.remove(triple)
            question = question or self._ask_again()
            self.turns[list(question.columns)] += 1
            self.negations[3 - sum(question.truth)] += 1
            yield self._plan(question)

    def _turn_of(self, fresh: list[Triple]) -> Triple | None:
        """Three conditions to ask a new question about; None where an old question on rarer ones is due."""
        if not fresh:
            return None
        if not self.balance:
            return fresh[self.rng.integers(len(fresh))]
        due = self.turns[np.array(fresh)].sum(1) + self.rng.random(len(fresh)) * 0.5
        first = int(due.argmin())
        if self.questions and due[first] > self._due_questions()[0].min() + self._slack:
            return None
        return fresh[first]

    def _due_questions(self) -> tuple[np.ndarray, np.ndarray]:
        """(how often its conditions were asked for, how often it was) of every question."""
        columns = np.array([question.columns for question in self.questions])
        return self.turns[columns].sum(1), np.array([question.asked for question in self.questions])

    @property
    def _slack(self) -> float:
        return 3 * (2 + _UNEVEN * self.turns.mean())

    def _ask_again(self) -> _Question:
        """The question asked least often; where conditions are balanced, of those whose conditions are due."""
        due, times = self._due_questions()
        if self.balance:
            times = np.where(due <= due.min() + self._slack, times, np.inf)
        return self.questions[int(times.argmin())]

    def _unspent(self, triple: Triple, assignment: Assignment) -> Int[np.ndarray, " study"]:
        key = (triple, assignment)
        if key not in self.fitting:
            self.fitting[key] = np.flatnonzero((self.table[:, triple] == np.array(assignment, np.int8)).all(1))
        fits = self.fitting[key]
        fits = fits[~self.spent[self.patient[fits]][:, triple].any(1)]
        self.fitting[key] = fits  # what is spent stays spent
        return fits

    def _fours(self, triple: Triple) -> list[Four]:
        """Sets of four options each of which an unspent study has;
        balanced, each condition is present in two of them."""
        there = {assignment for assignment in ASSIGNMENTS if len(self._unspent(triple, assignment))}
        return [four for four in (_EVEN_FOURS if self.balance else _FOURS) if there.issuperset(four)]

    def _one_of(self, fours: list[Four]) -> Four:
        """Any; where numbers of negations are balanced, the one whose options have been right least often."""
        if not self.balance:
            return fours[self.rng.integers(len(fours))]
        right = [sum(self.negations[3 - sum(option)] for option in four) for four in fours]
        return fours[int((np.array(right) + self.rng.random(len(fours)) * 0.5).argmin())]

    def _ask_anew(self, triple: Triple) -> _Question | None:
        if not (fours := self._fours(triple)):
            return None
        four = self._one_of(fours)
        truth = four[self.rng.integers(4)]
        fits = self._unspent(triple, truth)
        chosen = int(fits[self.uses[self.patient[fits]].argmin()])
        self.uses[self.patient[chosen]] += 1
        self.spent[self.patient[chosen], triple] = True
        question = _Question(self.studies[chosen], triple, truth, [four] if self.balance else fours)
        self.questions.append(question)
        return question

    def _plan(self, question: _Question) -> Plan:
        question.asked += 1 + self.rng.random() * 0.5  # the next round goes through them in another order
        possible = [four for four in question.fours if question.truth in four]
        four = self._one_of(possible)
        order, places = self.rng.permutation(3), self.rng.permutation(4)
        options = tuple(tuple(four[place][i] for i in order) for place in places)
        conditions = tuple(self.conditions[question.columns[i]] for i in order)
        answer = [int(place) for place in places].index(four.index(question.truth))
        return Plan(question.study, conditions, options, answer)  # type: ignore[arg-type]
