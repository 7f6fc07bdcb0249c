"""One OpenAI-compatible endpoint: asked with retries, its answers and refusals told apart. Source: ours.

What stops every task (nothing listens, the key or the model is refused) is a BenchmarkError; what may be better at the
next try (busy, slow, cut off) is Unanswered. An endpoint may be anybody's: the bytes of an answer and the time for all
of it are bounded, redirects are not followed, and nothing compressed is read, since none was asked for.
"""

import asyncio
import json
import random
import time
from typing import NoReturn

import httpx2

from nast_core.benchmark.llm_access import KEYS, OPENAI, access_to
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown

Message = dict[str, str]
MOST = 1_000_000  # bytes of an answer; one of four options has about two thousand, with its thoughts fifty
_ERROR = 1_000  # bytes of an error that are read
_AGAIN = (408, 409, 429)  # and 500 and above
_LONGEST = 60.0  # seconds of pause that an endpoint may ask for


class Unanswered(Exception):
    """An endpoint that gave no answer to one question, after all retries."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason  # a countable class such as "endpoint: HTTP 503"


class _Again(Unanswered):
    """What may be better in a moment."""

    def __init__(self, reason: str, message: str, pause: float | None = None):
        super().__init__(reason, message)
        self.pause = pause  # seconds, as the endpoint wishes


class _NothingThere(_Again):
    """No connection at all."""


class Endpoint:
    """Chat completions of ``model`` at ``base_url`` (see access_to).

    Busy and failing servers are asked ``retries`` times more, with growing pauses; ``timeout`` is in seconds, for each
    time and all of its answer. Safe to share between threads. Raises BenchmarkError for an address that is none, or a
    key that is needed and not set.
    """

    def __init__(self, base_url: str | None, model: str, *, timeout: float = 120.0, retries: int = 4):
        self.access = access_to(base_url)
        if self.access.address == OPENAI and not self.access.key:
            raise BenchmarkError(f"OpenAI's endpoint needs a key; set {' or '.join(KEYS)}, or name another endpoint")
        self.model = model
        self._timeout = timeout
        self._retries = retries
        # A proxy of the environment sees nothing of https, and all of http, keys included; this machine needs none.
        self._proxies = self.access.base.scheme == "https" and not self.access.here
        try:
            self._tls = httpx2.create_ssl_context()
            self._client()
        except (OSError, ValueError, ImportError, httpx2.InvalidURL) as error:
            raise BenchmarkError(
                f"the environment's certificates or proxy cannot be used ({error}); see SSL_CERT_FILE, SSL_CERT_DIR "
                "and HTTPS_PROXY"
            ) from error

    @property
    def address(self) -> str:
        return self.access.address

    def ask(self, messages: list[Message]) -> str:
        """The body of the answer, whatever it is (see read_reply). Raises Unanswered and BenchmarkError.

        To be called where no event loop runs, as in a pool's thread.
        """
        begun = time.monotonic()
        for attempt in range(self._retries + 1):
            try:
                return asyncio.run(self._bounded(messages))
            except _Again as busy:
                # An endpoint that takes its time to fail is not asked for hours: the build comes back to the question.
                if attempt == self._retries or time.monotonic() - begun > self._timeout:
                    if isinstance(busy, _NothingThere):
                        raise BenchmarkError(
                            f"nothing answers at {self.address} ({busy}); start the server there, or check the address"
                        ) from busy
                    raise
                time.sleep(busy.pause or min(0.5 * 2**attempt, 8) * random.uniform(0.75, 1))
        raise AssertionError("the last attempt returns or raises")

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=self._tls, trust_env=self._proxies, timeout=self._timeout, follow_redirects=False
        )

    async def _bounded(self, messages: list[Message]) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(messages)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise Unanswered("endpoint: timed out", f"no whole answer within {self._timeout:g} s") from error
        except httpx2.ConnectError as error:
            raise _NothingThere("endpoint: nothing there", str(error)) from error
        except httpx2.TransportError as error:
            raise _Again("endpoint: connection lost", str(error)) from error

    async def _post(self, messages: list[Message]) -> str:
        base = self.access.base
        headers = self.access.headers | {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": "nast-dashboard",
        }
        body = json.dumps({"model": self.model, "messages": messages}).encode()
        async with (
            self._client() as client,
            client.stream(
                "POST",
                base.copy_with(path=f"{base.path.rstrip('/')}/chat/completions"),
                content=body,
                headers=headers,
            ) as response,
        ):
            if not response.is_success:
                await self._refused(response)
            coding = response.headers.get("Content-Encoding", "identity")
            if coding.lower() != "identity":
                raise Unanswered("endpoint: compressed answer", f"it sent {coding[:20]!r}, which was not asked for")
            content = await _beginning(response, MOST + 1)
        if len(content) > MOST:
            raise Unanswered("endpoint: endless answer", f"it sent more than {MOST:,} bytes")
        return content.decode("utf-8", "replace")

    async def _refused(self, response: httpx2.Response) -> NoReturn:
        status = response.status_code
        if response.is_redirect:
            onward = response.headers.get("Location", "")[:200]
            raise BenchmarkError(
                f"{self.address} sends everyone on to {shown(onward)!r} (HTTP {status}), which is not followed; give "
                "the address of the endpoint itself"
            )
        if status in (401, 403) and self.access.key:
            raise BenchmarkError(
                f"{self.address} refuses the key (HTTP {status}); set {self.access.key} to one that may use "
                f"{shown(self.model)!r}"
            )
        if status in (401, 403):
            raise BenchmarkError(
                f"{self.address} wants a key, and was sent none (HTTP {status}): a key goes only to the endpoint "
                f"that the environment names; set NAST_LLM_URL to {self.address} and NAST_LLM_KEY to its key"
            )
        if status == 404:
            raise BenchmarkError(
                f"{self.address} does not know the model {shown(self.model)!r}, or no chat completions are there "
                "(HTTP 404); check both: an address often ends in /v1"
            )
        text = (await _beginning(response, _ERROR)).decode("utf-8", "replace")
        reason, message = f"endpoint: HTTP {status}", repr(" ".join(text.split())[:200])
        if status in _AGAIN or status >= 500:
            raise _Again(reason, message, _pause(response.headers))
        raise Unanswered(reason, message)


async def _beginning(response: httpx2.Response, most: int) -> bytes:
    """At most ``most`` bytes of the body, as they came."""
    content = bytearray()
    async for part in response.aiter_raw():
        content += part
        if len(content) >= most:
            break
    return bytes(content[:most])


def _pause(headers: httpx2.Headers) -> float | None:
    """Seconds that a busy endpoint asks to be left alone; None where it does not say, or asks for too many."""
    for name, unit in (("Retry-After-Ms", 1e-3), ("Retry-After", 1.0)):
        try:
            pause = float(headers.get(name, "")) * unit
        except ValueError:  # a date, which clocks that differ make a riddle
            continue
        if 0 < pause <= _LONGEST:
            return pause
    return None
