"""What the families' tests of bad folders share."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nast_core import load_model
from nast_core.errors import ModelError


def refused(folder: Path) -> str:
    """The message with which a folder is refused, after checking that it is one line of readable length."""
    with pytest.raises(ModelError) as caught:
        load_model(folder, device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert 30 < len(message.replace(str(folder), "")) < 400
    return message


def edit(path: Path, change: Callable[[dict], object]) -> None:
    """Changes a JSON file in place."""
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
