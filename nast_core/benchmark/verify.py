"""Does a draft state exactly what its task asks? Read back by a parser that did not write it. Source: ours.

Of each option: the negated text states the assignment, each absence by a negation; the affirmative text states the
same with no negation in it; and the two differ only at the negated phrases and in words that carry no claim.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from nast_core.benchmark.items import LETTERS
from nast_core.benchmark.writer import Draft, Task
from nast_core.files.gate import shown
from nast_core.negation.corrections import NONE, Corrections
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.parser import Mention
from nast_core.negation.reading import changes, mentions_of
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

REASONS = {
    "wrong state": "the negated text does not say what the option asks",
    "not said": "a condition of the option is not mentioned",
    "more than asked": "another condition is mentioned, or something else is denied",
    "absence without a negation": "the negated text says an absence affirmatively",
    "negation left": "the affirmative text has a negation in it",
    "not affirmed": "the affirmative text does not say a condition to be normal, or says so of a present one",
    "present changed": "the two forms name what is present in different words",
    "changed elsewhere": "the two forms differ outside the negated phrases",
    "equal options": "two options read the same",
}
_LINKING = (
    "a an the and or nor with but while is are was were has have had been be there in of on any some evidence sign "
    "signs "
    "presence indication chest lungs study examination radiograph film image shows show showing does seen noted "
    "present only it demonstrates contains reveals findings include both"
)  # words that may change with a negated phrase, since they claim nothing by themselves
_WORD = re.compile(r"[\w'-]+")
_SUFFIX = re.compile(r"\w+-free\b", re.IGNORECASE)  # "device-free"


@lru_cache(maxsize=16)
def _linking_words(vocabulary: Vocabulary) -> frozenset[str]:
    about = vocabulary.examination
    return frozenset([*_LINKING.split(), *_words(f"{about.name} {about.image} {about.region}")])


class Complaint(NamedTuple):
    """What is wrong with a draft: a countable reason, and a sentence that a writer can act on."""

    reason: str  # key of REASONS
    said: str
    option: int | None = None  # its place; None where it is of several


@dataclass(frozen=True)
class Verdict:
    """What the parser made of a draft. Without complaints it states exactly its task."""

    complaints: tuple[Complaint, ...]
    cues: tuple[tuple[str | None, ...], ...]  # by option and condition: what denies it; None where it is present

    @property
    def good(self) -> bool:
        return not self.complaints

    def cues_of(self, answer: int) -> tuple[str, str, str]:
        """Per condition the cue that denies it in the right option, else in the first that does; else empty."""
        order = (self.cues[answer], *self.cues)
        cues = [next((option[place] for option in order if option[place]), None) or "" for place in range(3)]
        return cues[0], cues[1], cues[2]


def verify_all(
    drafts: Iterable[tuple[Task, Draft]], corrections: Corrections = NONE, vocabulary: Vocabulary | None = None
) -> Iterator[Verdict]:
    """A verdict on each draft, in order. Every option text is read as a whole; ``corrections``: a person's, over the
    parser.

    Where a person names a finding that the parser does not see, or the other way about, which words are the finding's
    is not known: whether the forms of that option differ elsewhere is then left to the person.
    """
    return (verify(task, draft, corrections, vocabulary) for task, draft in drafts)


def verify(task: Task, draft: Draft, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> Verdict:
    """As ``verify_all``, of one draft."""
    vocabulary = given(vocabulary)
    negated = [mentions_of(text, corrections, vocabulary) for text in draft.negated]
    complaints: list[Complaint] = []
    cues: list[tuple[str | None, ...]] = []
    for place, assignment in enumerate(task.assignments):
        truth = dict(zip(task.conditions, assignment, strict=True))
        texts = draft.negated[place], draft.affirmative[place]
        faults = against_option(truth, texts, vocabulary, corrections)
        complaints += [Complaint(c.reason, f"option {LETTERS[place]}: {c.said}", place) for c in faults]
        by_condition = {c: m.cue for m in reversed(negated[place]) for c in m.conditions if m.state == "absent"}
        cues.append(tuple(by_condition.get(condition) for condition in task.conditions))
    for form in (draft.negated, draft.affirmative):
        if len({" ".join(_words(text)) for text in form}) < 4:
            complaints.append(Complaint("equal options", "two options read the same"))
    return Verdict(tuple(complaints), tuple(cues))


def against_option(
    truth: dict[str, int], texts: tuple[str, str], vocabulary: Vocabulary, corrections: Corrections = NONE
) -> list[Complaint]:
    """What is wrong with one option, said with negations and said affirmatively. ``truth``: 1 present, 0 absent."""
    negated, affirmative = (mentions_of(text, corrections, vocabulary) for text in texts)
    faults = [
        *_against_negated(truth, texts[0], negated, vocabulary),
        *_against_affirmative(truth, texts[1], affirmative, vocabulary),
    ]
    if not any(change.words_unknown for text in texts for change in changes(text, corrections, vocabulary)):
        faults = faults or list(_against_pair(texts, negated, affirmative, vocabulary))
    return faults


def against_denial(truth: dict[str, int], text: str, vocabulary: Vocabulary) -> list[Complaint]:
    """The same of a text with negations alone."""
    return list(_against_negated(truth, text, mentions_of(text, NONE, vocabulary), vocabulary))


def _against_negated(
    truth: dict[str, int], text: str, mentions: list[Mention], vocabulary: Vocabulary
) -> Iterator[Complaint]:
    states: dict[str, set[str]] = {}
    for mention in mentions:
        if mention.state == "normal":
            yield Complaint(
                "absence without a negation", f"{_quoted(text, mention)} says an absence without a negation"
            )
        elif mention.condition not in truth:
            yield Complaint(
                "more than asked", f"{_quoted(text, mention)} is about {mention.condition}, which is not asked"
            )
        else:
            states.setdefault(mention.condition, set()).add(mention.state)
    for condition, state in truth.items():
        right = "present" if state else "absent"
        if condition not in states:
            if not any(m.state == "normal" and condition in m.conditions for m in mentions):
                yield Complaint("not said", f"{condition} is not mentioned in {shown(text)!r}")
        elif states[condition] != {right}:
            heard = " and ".join(sorted(states[condition]))
            yield Complaint("wrong state", f"{condition} should be {right}, but {shown(text)!r} says {heard}")
    spans = [(m.cue_start, m.cue_end) for m in mentions if m.cue]
    for cue in denying_cues(text, vocabulary):
        if not any(start < cue.end and cue.start < end for start, end in spans):
            yield Complaint("more than asked", f"{cue.text!r} in {shown(text)!r} denies none of the conditions")


def _against_affirmative(
    truth: dict[str, int], text: str, mentions: list[Mention], vocabulary: Vocabulary
) -> Iterator[Complaint]:
    negations = [cue.text for cue in denying_cues(text, vocabulary)] or _SUFFIX.findall(text)
    if negations:
        yield Complaint("negation left", f"{negations[0]!r} stands in the affirmative text {shown(text)!r}")
    present = {condition for condition, state in truth.items() if state}
    absent = set(truth) - present
    conditions, normal = set(), set()
    for mention in mentions:
        if mention.state == "normal":
            about = set(mention.conditions)
            if about & present or not about & absent:
                yield Complaint("not affirmed", f"{_quoted(text, mention)} says the wrong condition to be normal")
            normal |= about
        elif mention.condition not in truth:
            yield Complaint(
                "more than asked", f"{_quoted(text, mention)} is about {mention.condition}, which is not asked"
            )
        else:
            conditions.add(mention.condition)
            if mention.condition in absent or mention.state != "present":
                yield Complaint(
                    "not affirmed", f"{mention.condition} is named, not said to be normal, in {shown(text)!r}"
                )
    for condition in sorted(present - conditions):
        yield Complaint("not said", f"{condition} is not mentioned in {shown(text)!r}")
    for condition in sorted(absent - normal - conditions):
        yield Complaint("not affirmed", f"{shown(text)!r} has no affirmative equivalent of absent {condition}")


def _against_pair(
    texts: tuple[str, str], negated: list[Mention], affirmative: list[Mention], vocabulary: Vocabulary
) -> Iterator[Complaint]:
    """Complaints on how the two forms of one option differ; both have passed on their own."""
    names = [
        [text[m.start : m.end].lower() for m in mentions if m.state == "present"]
        for text, mentions in zip(texts, (negated, affirmative), strict=True)
    ]
    if sorted(names[0]) != sorted(names[1]):
        yield Complaint("present changed", f"{names[0]} became {names[1]}")
        return
    linking = _linking_words(vocabulary)
    left = _claims(
        texts[0], [*_spans(negated, "absent"), *((m.cue_start, m.cue_end) for m in negated if m.cue)], linking
    )
    right = _claims(texts[1], _spans(affirmative, "normal"), linking)
    if left != right:
        words = next(
            (*left[i:j], *right[k:m])
            for kind, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
            if kind != "equal"
        )
        yield Complaint("changed elsewhere", f"the forms also differ in {' '.join(words)!r}")


def _spans(mentions: list[Mention], state: str) -> list[tuple[int, int]]:
    return [(m.start, m.end) for m in mentions if m.state == state]


def _claims(text: str, phrases: Sequence[tuple[int, int]], linking: frozenset[str]) -> list[str]:
    """The words of a text outside ``phrases`` that claim something."""
    return [
        match.group().lower()
        for match in _WORD.finditer(text)
        if match.group().lower() not in linking
        and not any(start < match.end() and match.start() < end for start, end in phrases)
    ]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _quoted(text: str, mention: Mention) -> str:
    return repr(text[mention.start : mention.end] or text)
