"""``nast app``: the dashboard, from any folder."""

import os
import socket
import sys
from typing import Annotated

import typer

from nast_core.commands.common import command, need_model
from nast_core.errors import NastError
from nast_core.files.places import APP

app = typer.Typer()


@command(app, "app")
def open_app(
    model: Annotated[
        str, typer.Option(help="What is loaded first: demo, a folder, or a name of 'nast model list'.")
    ] = "demo",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Without it 8501, or the next that is free.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open it in the browser.")] = True,
) -> None:
    """Opens the dashboard, which answers this machine alone, and serves it until Ctrl-C.

    Example: nast app --model ./my-clip
    """
    need_model(model)
    words = [sys.executable, "-m", "streamlit", "run", str(APP)]
    if port is not None:
        _need_free(port)
        words += ["--server.port", str(port)]
    if not browser:
        words += ["--server.headless", "true"]
    os.execve(sys.executable, words, os.environ | {"NAST_MODEL": model})


def _need_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as the server does: one that has just ended is no hindrance
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as fault:
            raise NastError(
                f"port {port} cannot be used ({fault.strerror}); give another, or none for the next that is free"
            ) from None
