"""How the app is served: to this machine alone unless whoever starts it says otherwise, and never inside another page.

The server imports ``dashboard/app.py`` once, before the first session, and passes every request through ``Guard``.
Settings lie in ``dashboard/.streamlit/config.toml``, which Streamlit reads beside the script, whatever folder it is
started from.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tomllib
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from streamlit import config
from streamlit.web.server import server_util

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOW = "NAST_ALLOW_REMOTE"
REFUSED = (
    "NAST Dashboard answers this machine alone, and this request came by another address or name than localhost. To"
    f" let other machines in, start it with --server.address 0.0.0.0 or set {ALLOW}=1, behind a proxy that asks for a"
    " login."
)
_SETTINGS = Path(__file__).with_name(".streamlit") / "config.toml"
_POLICY = {
    "default-src": "'self'",
    "script-src": (
        "'self' 'unsafe-inline' 'unsafe-eval'"
    ),  # Streamlit's page has a script in it; its charts may compile theirs
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in _POLICY.items()),
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # the address bar names files and models
    "X-Content-Type-Options": "nosniff",
}


def local(host: str) -> bool:
    """Whether an address of this machine can only be reached from it."""
    try:
        address = ip_address(host)
    except ValueError:  # "localhost", or the path of a Unix socket
        return host == "localhost" or host.startswith("/")
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def said_so() -> bool:
    """Whether other machines were asked for: by an address, on the command line or not, or by NAST_ALLOW_REMOTE."""
    in_a_file = config.get_where_defined("server.address").endswith(".toml")
    given = config.is_manually_set("server.address") and not in_a_file
    return given or os.environ.get(ALLOW, "0") not in ("", "0")


class Guard:
    """ASGI middleware: refuses what comes in by an address of other machines, or for another host; adds headers.

    It looks at the address that the connection really came in by, so that no setting, server or port mapping goes round
    it, and at the names in Host and Origin: a stranger's page whose name is made to point here (DNS rebinding) comes in
    by loopback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if not all(map(local, _called(scope))) and not said_so():
            await _refuse(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                from starlette.datastructures import MutableHeaders

                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)


def _called(scope: Scope) -> Iterator[str]:
    """What a request calls this machine: the address it came in by, and the hosts of its headers."""
    yield (scope.get("server") or ("localhost", None))[0]  # none: a Unix socket
    for name, value in scope["headers"]:
        if name in (b"host", b"origin"):
            _, _, host = value.decode("latin-1").rpartition("://")
            yield _host_of(host)


def _host_of(address: str) -> str:
    """localhost:8501 -> localhost; [::1]:8501 -> ::1."""
    with suppress(ValueError):
        return urlsplit(f"//{address}").hostname or ""
    return ""


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    from starlette.responses import PlainTextResponse

    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": "not from this machine"})
    else:
        await PlainTextResponse(REFUSED, status_code=403)(scope, receive, send)


@asynccontextmanager
async def opening(_: object) -> AsyncIterator[None]:
    """Opens the user's browser once the server listens, as Streamlit does for plain scripts."""
    by_streamlit = (
        Path(sys.argv[0]).name == "app.py"
    )  # it leaves the script's name there; other servers leave their own
    if by_streamlit and not config.get_option("server.headless"):
        host = server_util.get_display_address(config.get_option("server.address") or "localhost")
        asyncio.get_running_loop().run_in_executor(None, webbrowser.open, server_util.get_url(host))
    yield None


@cache
def settle_options() -> None:
    """Settings that nothing has set yet: where Streamlit does not find the file, as in tests or by a linked script.

    The address is left alone: it can no longer be changed, and ``Guard`` stands before it.
    """
    for name, value in _flat(tomllib.loads(_SETTINGS.read_text("utf-8"))):
        if name != "server.address" and not config.is_manually_set(name):
            config.set_option(name, value)


def skip_components_of_packages() -> None:
    """Streamlit reads the metadata of every installed package for components that this app has no use for: of 200
    packages 0.8 s of every start."""
    with suppress(ImportError):
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = _no_components


def _no_components(max_workers: int | None = None) -> list[tuple[Any, Path]]:
    return []


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
