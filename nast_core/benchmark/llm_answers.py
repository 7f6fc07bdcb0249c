"""Answers of an endpoint, kept as they come, so that no question is paid for twice. Source: ours.

A line of answers.jsonl is a question's id, what was asked, and the body that came back. Lines are only ever added, each
in one write: a build that is killed leaves at most half a line. What is no such line is passed over.
"""

import hashlib
import json
import os
import threading
from collections import defaultdict, deque
from pathlib import Path

from nast_core.benchmark.llm_endpoint import Message
from nast_core.benchmark.llm_reply import read_reply
from nast_core.errors import DataError
from nast_core.files.documents import parse_json
from nast_core.files.gate import MB, as_path, read_bytes, shown

_MOST = 500 * MB  # a build of 10,000 items keeps about 50


def question_id(model: str, key: str, messages: list[Message]) -> str:
    """Equal for equal models, tasks and prompts; a new wording of our instructions asks anew."""
    return hashlib.sha256(json.dumps([model, key, messages]).encode()).hexdigest()[:32]


class Answers:
    """The answers in ``folder``/answers.jsonl, given out in the order in which they were kept, each once.

    A question that was asked again, because its answer was turned down, has several. Bodies that are no chat completion
    are kept for the reader only. Safe to share between threads. Raises DataError for a folder that cannot be used.
    """

    def __init__(self, folder: Path):
        self.file = as_path(folder) / "answers.jsonl"
        self._lock = threading.Lock()
        self._by_question: defaultdict[str, deque[str]] = defaultdict(deque)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            # Made here if it is not there; a pipe in its place must not be waited for.
            os.close(os.open(self.file, os.O_RDONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o666))
            lines = read_bytes(self.file, most=_MOST).split(b"\n")
            self._add(b"\n" if lines[-1] else b"")  # what is added must not continue half a line
        except OSError as error:
            raise DataError(f"{shown(self.file)} cannot be used ({error.strerror}); choose another folder") from error
        for line in lines:
            if entry := _read(line):
                question, raw = entry
                self._by_question[question].append(raw)

    def take(self, question: str) -> str | None:
        """The next kept answer to a question; None where it must be asked."""
        with self._lock:
            answers = self._by_question.get(question)
            return answers.popleft() if answers else None

    def keep(self, question: str, messages: list[Message], raw: str) -> None:
        line = json.dumps({"id": question, "prompt": messages, "answer": raw}) + "\n"
        try:
            with self._lock:
                self._add(line.encode())
        except OSError as error:
            raise DataError(f"{self.file} cannot be written ({error.strerror}); make room and start again") from error

    def _add(self, line: bytes) -> None:
        with self.file.open("ab") as out:
            out.write(line)


def _read(line: bytes) -> tuple[str, str] | None:
    """Question and answer of a line; None where it is none, or its answer no chat completion."""
    try:
        row = parse_json(line.decode())
        question, raw = row["id"], row["answer"]
    except (ValueError, LookupError, TypeError):
        return None
    if not isinstance(question, str) or not isinstance(raw, str) or read_reply(raw) is None:
        return None
    return question, raw
