"""The LLM writer: options in the words of a language model, through any OpenAI-compatible endpoint. Source: ours.

What is sent: our instructions, the names of three conditions, 0 or 1 for each in each option, words of our grammar, and
what the verification had against the last answer. Nothing of a study, patient, image or report.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np

from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.llm_asking import PATIENCE, Asking, Prices, Spent
from nast_core.benchmark.llm_endpoint import Endpoint, Message, Unanswered
from nast_core.benchmark.llm_reply import read_draft
from nast_core.benchmark.writer import Draft, Task, Unwritten
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_INSTRUCTIONS = """\
You write options of multiple-choice questions on {examination}s, in English, in the plain style of radiology reports.
You are given three conditions, and four options that say of each condition, in order, 1 (present) or 0 (absent).
Write every option in two forms, each a single sentence:
- "negated" names all three conditions: it states each present one plainly and denies each absent one with a negation.
- "affirmative" is the same sentence with each denial, and nothing else, replaced by an affirmative description of the
  normal state ("no {noun}" becomes "{equivalent}"). It has no negation of any kind (no, not, without, absent,
  free of, negative for) and does not name an absent condition. Present conditions keep exactly their words.
Say nothing else: no other finding, no side, place, size, cause, certainty or change over time. Use the same name for a
condition, the same description of its normal state and the same construction in all four options.
"deny_with" lists negations to use; "normal" lists affirmative descriptions of the normal state to choose from.
"turned_down", where given, says what was wrong with your last answer: put it right.
Answer with JSON alone, the options in the order given:
{{"options": [{{"negated": "...", "affirmative": "..."}}, four in all]}}"""

_CUES, _NORMALS = 3, 3  # negations and normal states to choose from; more would let a model keep to its favourites
_COMPLAINTS = 8


class LLMWriter:
    """Asks ``endpoint`` for ``jobs`` tasks at a time, and keeps prompts and answers in the folder ``answers``.

    An answer kept there is never asked for again: the same build, interrupted or not, goes on where it was. Drafts come
    in the order of the tasks, whatever the order of arrival. One writer serves one build, which ``patience`` questions
    in a row without an answer end.
    """

    name = "llm"

    def __init__(
        self,
        endpoint: Endpoint,
        answers: Path,
        *,
        jobs: int = 8,
        prices: Prices | None = None,
        patience: int = PATIENCE,
        vocabulary: Vocabulary | None = None,
    ):
        self._asking = Asking(endpoint, answers, jobs=jobs, patience=patience)
        self._prices = prices
        self._vocabulary = given(vocabulary)

    @property
    def spent(self) -> Spent:
        return self._asking.spent

    def write(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Draft | Unwritten]]:
        """Raises BenchmarkError where the endpoint refuses every task, or has given no answer too often."""
        questions = [(task.key, prompt(task, self._vocabulary)) for task in tasks]
        with closing(self._asking.each(questions)) as replies:
            for task, reply in zip(tasks, replies, strict=True):
                if isinstance(reply, Unanswered):
                    yield task, Unwritten(reply.reason, str(reply))
                else:
                    yield task, read_draft(reply)

    def notes(self) -> dict[str, str]:
        return self._asking.notes(self._prices)


@lru_cache(maxsize=16)
def instructions(vocabulary: Vocabulary) -> str:
    """What the model is told, with an example of the vocabulary's own."""
    names = [vocabulary.example] if vocabulary.example else list(vocabulary.conditions)
    entry = next((vocabulary[name] for name in names if vocabulary[name].equivalents), vocabulary[names[0]])
    equivalent = next((one.text for one in entry.equivalents), "normal findings")
    return _INSTRUCTIONS.format(
        examination=vocabulary.examination.name, noun=entry.nouns[0].text, equivalent=equivalent
    )


def prompt(task: Task, vocabulary: Vocabulary | None = None) -> list[Message]:
    """The messages of a task: equal tasks ask equally, and neither its key nor its seed is in them."""
    vocabulary = given(vocabulary)
    rng, words = np.random.default_rng(task.seed), grammar(vocabulary)
    cues = list(dict.fromkeys(a.cue for a in words.clauses_of_absence if a.fits(task.conditions)))
    fitting = {
        condition: [n.text for n in words.normals[condition] if not n.not_with & set(task.conditions)]
        for condition in task.conditions
    }
    question = {
        "conditions": task.conditions,
        "options": task.assignments,
        "deny_with": _some(rng, cues, _CUES),
        "normal": {condition: _some(rng, normals, _NORMALS) for condition, normals in fitting.items()},
    }
    if wrong := [complaint for complaint in task.complaints if not complaint.startswith("endpoint: ")][:_COMPLAINTS]:
        question["turned_down"] = wrong
    return [{"role": "system", "content": instructions(vocabulary)}, {"role": "user", "content": json.dumps(question)}]


def _some(rng: np.random.Generator, choices: Sequence[str], count: int) -> list[str]:
    return [choices[i] for i in rng.permutation(len(choices))[:count]]
