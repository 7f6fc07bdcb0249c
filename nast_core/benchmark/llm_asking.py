"""Questions to a language model, several at a time, each paid for once. Source: ours."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nast_core.benchmark.llm_answers import Answers, question_id
from nast_core.benchmark.llm_endpoint import Endpoint, Message, Unanswered
from nast_core.benchmark.llm_reply import Reply, read_reply
from nast_core.errors import BenchmarkError

_PAGE = 2_000  # characters that are kept of what is no chat completion
PATIENCE = 10  # questions without an answer in a row, each retried, before the build is stopped


class Prices(NamedTuple):
    """In one's own currency per million tokens."""

    prompt: float
    answer: float


@dataclass
class Spent:
    """What the answers took, those kept from earlier runs included."""

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


class Asking:
    """Asks ``endpoint`` ``jobs`` questions at a time, and keeps prompts and answers in the folder ``answers``.

    An answer kept there is never asked for again. ``patience`` questions in a row without an answer end all of it.
    """

    def __init__(self, endpoint: Endpoint, answers: Path, *, jobs: int = 8, patience: int = PATIENCE):
        self.spent = Spent()
        self._endpoint = endpoint
        self._answers = Answers(answers)
        self._jobs = jobs
        self._patience = patience
        self._silent = 0  # questions in a row without an answer

    def each(self, questions: Iterable[tuple[str, list[Message]]]) -> Generator[Reply | Unanswered, None, None]:
        """The replies to (key, messages), in order. Raises BenchmarkError where the endpoint refuses every question, or
        has given no answer too often."""
        pool = ThreadPoolExecutor(self._jobs)
        try:
            for future in [pool.submit(self._ask, key, messages) for key, messages in questions]:
                try:
                    reply, new = future.result()
                except Unanswered as error:
                    self._lose_patience(error)
                    yield error
                else:
                    self._silent = 0
                    self.spent.add(reply, new=new)
                    yield reply
        finally:
            pool.shutdown(cancel_futures=True)  # waits for questions on their way: their answers are paid for

    def notes(self, prices: Prices | None = None) -> dict[str, str]:
        """What was asked of whom, and what it took."""
        spent = self.spent
        notes = {
            "model": f"{self._endpoint.model} at {self._endpoint.address}",
            "answers": f"{spent.answers:,}, {spent.new:,} of them asked for in this run, the others kept from "
            "earlier ones",
            "tokens": f"{spent.prompt_tokens:,} of prompts, {spent.answer_tokens:,} of answers",
        }
        if spent.uncounted:
            notes["tokens"] += f"; {spent.uncounted:,} answers came without a count"
        if prices:
            notes["cost"] = (
                f"about {spent.cost(prices):,.2f} at {prices.prompt:g} and {prices.answer:g} per million "
                "tokens of prompts and answers"
            )
        return notes

    def _ask(self, key: str, messages: list[Message]) -> tuple[Reply, bool]:
        """The reply, and whether it is a new one."""
        question = question_id(self._endpoint.model, key, messages)
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
                f"{error.reason.removeprefix('endpoint: ')} ({error}). Answers so far are kept in "
                f"{self._answers.file}: "
                "start the same build again when the endpoint is well, and it goes on from there"
            ) from error
