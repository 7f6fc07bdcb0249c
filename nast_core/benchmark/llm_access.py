"""Where the LLM writer's questions go, and whose key goes along. Source: ours.

A key belongs to the one endpoint that the environment names beside it; an address that comes from elsewhere (a link, a
recipe, the command line) is asked without one unless it is that endpoint.
"""

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown

if TYPE_CHECKING:
    import httpx2

OPENAI = "https://api.openai.com/v1"
# A key, and the variables that may name its endpoint, the first one set is used; without any it is OpenAI's own.
KEYS = {"NAST_LLM_KEY": ("NAST_LLM_URL", "OPENAI_BASE_URL"), "OPENAI_API_KEY": ("OPENAI_BASE_URL",)}
_MORE = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}  # sent with OPENAI_API_KEY
_NAME = "[a-z0-9_-]{1,63}"
_HOST = re.compile(rf"{_NAME}(\.{_NAME})*\.?|[0-9a-f:.]*:[0-9a-f:.]*")  # a name or IPv4, or IPv6
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Access:
    """An endpoint's address, and what of the environment is sent to it."""

    base: "httpx2.URL"
    key: str | None  # the environment variable whose value goes along
    headers: dict[str, str] = field(repr=False)  # they hold the key

    @property
    def address(self) -> str:
        """Where it is, without a name or password that the address may hold."""
        return str(self.base.copy_with(userinfo=b"", query=None, fragment=None)).rstrip("/")

    @property
    def host(self) -> str:
        return self.base.netloc.decode()

    @property
    def told(self) -> str:
        """As a button says it."""
        return f"{self.host}, {f'with {self.key}' if self.key else 'without a key'}"

    @property
    def here(self) -> bool:
        """Whether it is on this machine."""
        return self.base.host in ("localhost", "::1") or self.base.host.startswith("127.")


def access_to(base_url: str | None) -> Access:
    """``base_url`` such as http://localhost:8000/v1; None: where NAST_LLM_URL or OPENAI_BASE_URL says, else OpenAI's
    own.

    Raises BenchmarkError for an address that is none, and for a key that cannot be sent.
    """
    base = _own(KEYS["NAST_LLM_KEY"]) if base_url is None else _url(base_url, "")
    for key, places in KEYS.items():
        value = os.environ.get(key, "").strip()
        if not value or not _within(base, _own(places)):
            continue
        headers = {"Authorization": f"Bearer {value}"}
        if key == "OPENAI_API_KEY":
            headers |= {name: os.environ[var].strip() for var, name in _MORE.items() if os.environ.get(var)}
        if not all(text.isascii() and text.isprintable() for text in headers.values()):
            raise BenchmarkError(f"{key}, or what is sent with it, holds characters that no key has; set it anew")
        return Access(base, key, headers)
    return Access(base, None, {})


def _own(places: tuple[str, ...]) -> "httpx2.URL":
    place = next((place for place in places if os.environ.get(place)), None)
    return _url(os.environ[place], f"{place}: ") if place else _url(OPENAI, "")


def _url(text: str, said_by: str) -> "httpx2.URL":
    import httpx2

    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError):
        url = httpx2.URL("")
    host = url.raw_host.decode()
    if url.scheme not in _PORTS or len(host) > 253 or not _HOST.fullmatch(host) or not 0 < _port(url) < 65536:
        raise BenchmarkError(
            f"{said_by}{shown(text)!r} is no address of an endpoint; give one such as http://localhost:8000/v1"
        )
    return url.copy_with(fragment=None)


def _within(url: "httpx2.URL", own: "httpx2.URL") -> bool:
    """Whether ``url`` is ``own`` or below it: scheme, host, port and every step of the path."""
    if (url.scheme, url.raw_host, _port(url)) != (own.scheme, own.raw_host, _port(own)):
        return False
    path, start = (one.raw_path.partition(b"?")[0].rstrip(b"/") for one in (url, own))
    below = path.removeprefix(start)
    return path.startswith(start) and (not below or (below.startswith(b"/") and b"%" not in below))


def _port(url: "httpx2.URL") -> int:
    return url.port if url.port is not None else _PORTS.get(url.scheme, 0)
