"""The LLM writer: options in the words of a language model, through any OpenAI-compatible endpoint. Source: ours.

What is sent: our instructions, the names of three conditions, 0 or 1 for each in each option, words of our grammar, and
what the verification had against the last answer. Nothing of a study, patient, image or report.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.llm_answers import Answers, question_id
from nast_core.benchmark.llm_endpoint import Endpoint, Message, Unanswered
from nast_core.benchmark.llm_reply import Reply, read_draft, read_reply
from nast_core.benchmark.writer import Draft, Task, Unwritten
from nast_core.errors import BenchmarkError
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
_PAGE = 2_000  # characters that are kept of what is no chat completion
PATIENCE = 10  # questions without an answer in a row, each retried, before the build is stopped


class Prices(NamedTuple):
    """In one's own currency per million tokens."""

    prompt: float
    answer: float


@dataclass
class Spent:
    """What the answers to a build took, those kept from earlier runs included."""

    answers: int = 0
    new: int = 0  # of them asked for in this run
    prompt_tokens: int = 0
    answer_tokens: int = 0
    uncounted: int = 0  # answers of which the endpoint did not tell the tokens

    def add(self, reply: Reply, *, new: bool) -> None:
        prompt, answer = reply.tokens or (0, 0)
        self.answers += 1
        self.new += new
        self.prompt_tokens += prompt
        self.answer_tokens += answer
        self.uncounted += reply.tokens is None

    def cost(self, prices: Prices) -> float:
        return (self.prompt_tokens * prices.prompt + self.answer_tokens * prices.answer) / 1e6


class LLMWriter:
    """Asks ``endpoint`` for ``jobs`` tasks at a time, and keeps prompts and answers in the folder ``answers``.

    An answer kept there is never asked for again: the same build, interrupted or not, goes on where it was. Drafts come
    in the order of the tasks, whatever the order of arrival. One writer serves one build, which ``patience`` questions in a
    row without an answer end.
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
        self.spent = Spent()
        self._endpoint = endpoint
        self._answers = Answers(answers)
        self._jobs = jobs
        self._prices = prices
        self._patience = patience
        self._vocabulary = given(vocabulary)
        self._silent = 0  # questions in a row without an answer

    def write(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Draft | Unwritten]]:
        """Raises BenchmarkError where the endpoint refuses every task, or has given no answer too often."""
        pool = ThreadPoolExecutor(self._jobs)
        try:
            for task, future in [(task, pool.submit(self._ask, task)) for task in tasks]:
                try:
                    reply, new = future.result()
                except Unanswered as error:
                    self._lose_patience(error)
                    yield task, Unwritten(error.reason, str(error))
                else:
                    self._silent = 0
                    self.spent.add(reply, new=new)
                    yield task, read_draft(reply)
        finally:
            pool.shutdown(cancel_futures=True)  # waits for questions on their way: their answers are paid for

    def notes(self) -> dict[str, str]:
        spent = self.spent
        notes = {
            "model": f"{self._endpoint.model} at {self._endpoint.address}",
            "answers": f"{spent.answers:,}, {spent.new:,} of them asked for in this run, the others kept from earlier ones",
            "tokens": f"{spent.prompt_tokens:,} of prompts, {spent.answer_tokens:,} of answers",
        }
        if spent.uncounted:
            notes["tokens"] += f"; {spent.uncounted:,} answers came without a count"
        if self._prices:
            notes["cost"] = (
                f"about {spent.cost(self._prices):,.2f} at {self._prices.prompt:g} and {self._prices.answer:g} per million "
                "tokens of prompts and answers"
            )
        return notes

    def _ask(self, task: Task) -> tuple[Reply, bool]:
        """The reply to a task, and whether it is a new one."""
        messages = prompt(task, self._vocabulary)
        question = question_id(self._endpoint.model, task.key, messages)
        raw = self._answers.take(question)
        new = raw is None
        if raw is None:
            raw = self._endpoint.ask(messages)
        reply = read_reply(raw)
        if new:
            self._answers.keep(question, messages, raw if reply else raw[:_PAGE])
        if reply is None:
            raise Unanswered("endpoint: not a chat completion", f"it sent {raw[:80]!r}")
        return reply, new

    def _lose_patience(self, error: Unanswered) -> None:
        self._silent += 1
        if self._silent == self._patience:
            silence = f"{self._patience} questions in a row; the last" if self._patience > 1 else "the question"
            raise BenchmarkError(
                f"{self._endpoint.address} has not answered {silence}: "
                f"{error.reason.removeprefix('endpoint: ')} ({error}). Answers so far are kept in {self._answers.file}: "
                "start the same build again when the endpoint is well, and it goes on from there"
            ) from error


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
