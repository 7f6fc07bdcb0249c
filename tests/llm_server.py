"""A small server of chat completions on this machine, which answers well, badly, late or not at all, as told.

A good answer is worded by the template writer from what the request says, and from nothing else.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nast_core.benchmark.template import draft
from nast_core.benchmark.writer import Task

TOKENS = {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400}
SLOW = 2.0  # seconds
Behave = Callable[[dict[str, Any], int], str | int]  # (question, times it was asked before) -> a behaviour or a status


@dataclass
class Log:
    """What the server received and how busy it was."""

    url: str = ""
    requests: list[str] = field(default_factory=list)  # path, headers and body of each, as text
    asked: Counter[str] = field(default_factory=Counter)  # by conditions and options
    most_at_once: int = 0
    at_once: int = 0


def task_of(question: dict[str, Any], wrong: bool = False) -> Task:
    options = [[1 - state if wrong else state for state in option] for option in question["options"]]
    return Task("", tuple(question["conditions"]), tuple(map(tuple, options)), seed=7)


def good(question: dict[str, Any], wrong: bool = False) -> str:
    said = draft(task_of(question, wrong))
    forms = zip(said.negated, said.affirmative, strict=True)
    return json.dumps({"options": [{"negated": n, "affirmative": a} for n, a in forms]})


CONTENTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "good": good,
    "fenced": lambda question: f"```json\n{good(question)}\n```",
    "lying": lambda question: good(question, wrong=True),
    "half": lambda question: good(question)[:90],
    "html": lambda question: "<html><body>Sure!</body></html>",
    "three": lambda question: json.dumps({"options": json.loads(good(question))["options"][:3]}),
    "spanish": lambda question: json.dumps(
        {"options": [{"negated": f"Sin derrame {i}.", "affirmative": f"Corazón normal {i}."} for i in range(4)]}
    ),
    "empty": lambda question: "",
}


@contextmanager
def running_llm(behave: Behave = lambda question, before: "good") -> Iterator[Log]:
    log, lock = Log(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            question = json.loads(json.loads(body)["messages"][-1]["content"])
            name = json.dumps([question["conditions"], question["options"]])
            with lock:
                log.requests.append(f"{self.path}\n{self.headers}\n{body}")
                before = log.asked[name]
                log.asked[name] += 1
                log.at_once += 1
                log.most_at_once = max(log.most_at_once, log.at_once)
            try:
                self.answer(behave(question, before), question)
            except OSError:
                pass  # the client has gone
            finally:
                with lock:
                    log.at_once -= 1

        def answer(self, how: str | int, question: dict[str, Any]) -> None:
            if isinstance(how, int):
                self.send(how, json.dumps({"error": {"message": f"scripted {how}"}}))
            elif how == "page":
                self.send(200, "<html>Please log in</html>", "text/html")
            elif how == "dropped":
                self.send(200, '{"choices": [', missing=100)
            else:
                self.complete(how, question)

        def complete(self, how: str, question: dict[str, Any]) -> None:
            if how == "slow":
                time.sleep(SLOW)
            content = CONTENTS["good" if how in ("slow", "cut", "uncounted") else how](question)
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "length" if how == "cut" else "stop",
            }
            usage = {} if how == "uncounted" else {"usage": TOKENS}
            self.send(200, json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], **usage}))

        def send(self, status: int, text: str, kind: str = "application/json", missing: int = 0) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body) + missing))
            self.send_header("Retry-After-Ms", "5")  # so that tests do not wait for the client's pauses
            self.end_headers()
            self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        request_queue_size = 64
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    log.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield log
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
