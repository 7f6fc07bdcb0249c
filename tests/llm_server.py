"""A small server of chat completions on this machine, which answers well, badly, late, without end or not at all, as
told.

A good answer is worded by the template writer from what the request says, and from nothing else.
"""

import gzip
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
DRIP = 0.02  # seconds between two bytes of what is dripped
Behave = Callable[[dict[str, Any], int], str | int]  # (question, times it was asked before) -> a behaviour or a status


@dataclass
class Log:
    """What the server received and how busy it was."""

    url: str = ""
    requests: list[str] = field(default_factory=list)  # path, headers and body of each, as text
    asked: Counter[str] = field(default_factory=Counter)  # by conditions and options
    sent: int = 0  # bytes of what has no end
    most_at_once: int = 0
    at_once: int = 0


def task_of(question: dict[str, Any], wrong: bool = False) -> Task:
    options = [[1 - state if wrong else state for state in option] for option in question["options"]]
    return Task("", tuple(question["conditions"]), tuple(map(tuple, options)), seed=7)


def good(question: dict[str, Any], wrong: bool = False) -> str:
    said = draft(task_of(question, wrong))
    forms = zip(said.negated, said.affirmative, strict=True)
    return json.dumps({"options": [{"negated": n, "affirmative": a} for n, a in forms]})


def proposed(question: dict[str, Any]) -> str:
    """Equivalents of a condition's absence: a good one, one that negates, and one that is another condition's noun."""
    other = question["others"][0]
    texts = [f"ordinary {question['condition'].lower()} region", f"no {question['nouns'][0]}", f"some {other.lower()}"]
    return json.dumps({"equivalents": [{"text": text, "not_with": [other, "Gout"]} for text in texts]})


CONTENTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "good": good,
    "proposed": proposed,
    "fenced": lambda question: f"```json\n{good(question)}\n```",
    "lying": lambda question: good(question, wrong=True),
    "half": lambda question: good(question)[:90],
    "html": lambda question: "<html><body>Sure!</body></html>",
    "three": lambda question: json.dumps({"options": json.loads(good(question))["options"][:3]}),
    "spanish": lambda question: json.dumps(
        {"options": [{"negated": f"Sin derrame {i}.", "affirmative": f"Corazón normal {i}."} for i in range(4)]}
    ),
    "empty": lambda question: "",
    "capitals": lambda question: f"```JSON\n{good(question)}\n```",
    "thoughtful": lambda question: (
        f'<think>Perhaps {{"options": []}}, or {good(question, wrong=True)}?</think>\n{good(question)}'
    ),
    "polite": lambda question: f"Sure! {{Here}} is what you asked for:\n{good(question)}\nI hope it's {{helpful}}.",
    "twice": lambda question: f"{good(question)}\n\n{good(question)}",
    "two minds": lambda question: f"{good(question)} or {good(question, wrong=True)}",
    "deep": lambda question: '{"options":' * 50_000,
    "braces": lambda question: "{" * 500_000,
    "digits": lambda question: f'{{"options": {"9" * 100_000}}}',
    "half a character": lambda question: good(question).replace("There", "\\ud83d"),
}
USAGES: dict[str, object] = {
    "uncounted": ...,
    "partly counted": {"prompt_tokens": 300},
    "counted in words": {"prompt_tokens": "many", "completion_tokens": [1]},
    "counted backwards": {"prompt_tokens": -300, "completion_tokens": 1e30},
    "counted by null": None,
}
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What is sent first, and then again and again with a pause of so many seconds between.
ENDLESS: dict[str, tuple[bytes, bytes, float]] = {
    "chunks": (_CHUNKED, b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0),
    "dripped": (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b" ", DRIP),
    "dripped chunks": (_CHUNKED, b"1\r\n \r\n", DRIP),
    "dripped headers": (b"HTTP/1.1 200 OK\r\nX: ", b"x", DRIP),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n", 0),
    "one header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536, 0),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0),
    "an error": (_CHUNKED.replace(b"200 OK", b"500 Oh"), b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0),
    "silence": (b"", b"", DRIP),
}


@contextmanager
def running_llm(behave: Behave = lambda question, before: "good") -> Iterator[Log]:
    log, lock, closing = Log(), threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            question = json.loads(json.loads(body)["messages"][-1]["content"])
            name = json.dumps([question.get("conditions", question.get("condition")), question.get("options")])
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
            elif how in ENDLESS:
                self.go_on(*ENDLESS[how])
            elif how == "bomb":
                self.send(200, gzip.compress(b" " * 1_000_000) * 500, coding="gzip")
            elif how.startswith("elsewhere "):
                self.send(302, "", location=how.removeprefix("elsewhere "))
            elif how == "page":
                self.send(200, "<html>Please log in</html>", "text/html")
            elif how == "dropped":
                self.send(200, '{"choices": [', missing=100)
            else:
                self.complete(how, question)

        def complete(self, how: str, question: dict[str, Any]) -> None:
            if how == "slow":
                time.sleep(SLOW)
            content: object = CONTENTS[how if how in CONTENTS else "good"](question)
            if how == "in parts":
                content = [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": content}]
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": content},
                "finish_reason": "length" if how == "cut" else "stop",
            }
            counted = USAGES.get(how, TOKENS)
            usage = {} if counted is ... else {"usage": counted}
            self.send(200, json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], **usage}))

        def go_on(self, start: bytes, again: bytes, pause: float) -> None:
            self.wfile.write(start)
            while not closing.wait(pause) and not (pause and self.gone()):
                self.wfile.write(again)
                log.sent += len(again)

        def gone(self) -> bool:
            self.connection.setblocking(False)
            try:
                return self.connection.recv(1) == b""
            except BlockingIOError:
                return False
            finally:
                self.connection.setblocking(True)

        def send(
            self,
            status: int,
            text: str | bytes,
            kind: str = "application/json",
            missing: int = 0,
            coding: str = "",
            location: str = "",
        ) -> None:
            body = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if coding:
                self.send_header("Content-Encoding", coding)
            if location:
                self.send_header("Location", location)
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
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
