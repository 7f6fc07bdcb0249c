"""One OpenAI-compatible endpoint: asked with retries, its answers and refusals told apart. Source: ours.

What stops every task (nothing listens, the key or the model is refused) is a BenchmarkError; what may be better at the
next try (busy, slow, cut off) is Unanswered.
"""

import os
from typing import NamedTuple
from urllib.parse import urlsplit

import openai
from pydantic import BaseModel, ValidationError

from nast_core.errors import BenchmarkError

KEYS = ("NAST_LLM_KEY", "OPENAI_API_KEY")  # environment variables that may hold the key, the first one set is used
Message = dict[str, str]


class Unanswered(Exception):
    """An endpoint that gave no answer to one question, after all retries."""

    def __init__(self, reason: str, said: str):
        super().__init__(said)
        self.reason = reason  # a countable class such as "endpoint: HTTP 503"


class Reply(NamedTuple):
    """What a chat completion says, and its size in tokens where the endpoint counts them."""

    content: str
    cut_off: bool
    tokens: tuple[int, int] | None  # of prompt and answer


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: _Usage | None = None


def read_reply(raw: str) -> Reply | None:
    """The body of a chat completion; None where it is something else, such as the page of a proxy."""
    try:
        read = _Completion.model_validate_json(raw)
        choice = read.choices[0]
    except (ValidationError, IndexError):
        return None
    tokens = (read.usage.prompt_tokens, read.usage.completion_tokens) if read.usage else None
    return Reply(choice.message.content or "", choice.finish_reason == "length", tokens)


class Endpoint:
    """Chat completions of ``model`` at ``base_url``, such as http://localhost:8000/v1; None is OpenAI's own.

    Busy, failing and silent servers are asked ``retries`` times more, with the openai client's growing pauses.
    Safe to share between threads. Raises BenchmarkError for an address that is none, or a key that is needed and not set.
    """

    def __init__(self, base_url: str | None, model: str, *, timeout: float = 120.0, retries: int = 4):
        key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        if base_url is not None and (
            urlsplit(base_url).scheme not in ("http", "https") or not urlsplit(base_url).netloc
        ):
            raise BenchmarkError(
                f"{base_url!r} is no address of an endpoint; give one such as http://localhost:8000/v1"
            )
        if base_url is None and key is None:
            raise BenchmarkError(f"OpenAI's endpoint needs a key; set {KEYS[0]} or {KEYS[1]}, or name another endpoint")
        self.model = model
        self._timeout = timeout
        # A server on one's own machine needs no key, but the client insists on one.
        self._client = openai.OpenAI(api_key=key or "none", base_url=base_url, timeout=timeout, max_retries=retries)

    @property
    def address(self) -> str:
        """Where it is, without a name or password that the address may hold."""
        url = self._client.base_url
        return str(url.copy_with(userinfo=b"", query=None)).rstrip("/")

    def ask(self, messages: list[Message]) -> str:
        """The body of the answer, whatever it is (see read_reply). Raises Unanswered and BenchmarkError."""
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=messages,  # type: ignore[arg-type]
            )
        except openai.APITimeoutError as error:
            raise Unanswered("endpoint: timed out", f"no answer within {self._timeout:g} s") from error
        except openai.APIConnectionError as error:
            # By name: the client stands on httpx or on httpx2, by its version.
            if type(error.__cause__).__name__ == "ConnectError":
                raise BenchmarkError(
                    f"nothing answers at {self.address} ({error.__cause__}); start the server there, or check the address"
                ) from error
            raise Unanswered("endpoint: connection lost", str(error.__cause__ or error)) from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise BenchmarkError(
                f"{self.address} refuses the key (HTTP {error.status_code}); set {KEYS[0]} to one that may use "
                f"{self.model!r}"
            ) from error
        except openai.NotFoundError as error:
            raise BenchmarkError(
                f"{self.address} does not know the model {self.model!r}, or no chat completions are there (HTTP 404); "
                "check both: an address often ends in /v1"
            ) from error
        except openai.APIStatusError as error:
            raise Unanswered(f"endpoint: HTTP {error.status_code}", _shortened(error.response.text)) from error
        return answer.http_response.text


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) < 200 else f"{line[:200]} ..."
