"""Hostile model folders are tried with no way out: a socket, a prompt or a module of the folder that runs is a
failure."""

import builtins
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from nast_core import load_model
from nast_core.errors import NastError
from tests.checkpoints import write_huggingface_clip, write_open_clip
from tests.writers import (
    biovil,
    chinese_clip,
    cxr_clip,
    medclip,
    open_clip_bert,
    open_clip_coca,
    open_clip_siglip,
    siglip,
    vision_text_dual,
)  # fmt: skip

WRITERS: dict[str, Callable[[Path], Path]] = {
    "clip": write_huggingface_clip,
    "siglip": siglip.write,
    "naflex": siglip.write_naflex,
    "dual": vision_text_dual.write,
    "dual-roberta": vision_text_dual.write_roberta,
    "chinese": chinese_clip.write,
    "biovil": biovil.write,
    "cxr-clip": cxr_clip.write,
    "cxr-clip-original": lambda folder: cxr_clip.write(folder, original=True),
    "medclip": medclip.write,
    "open_clip": write_open_clip,
    "open_clip-bert": open_clip_bert.write,
    "open_clip-roberta": open_clip_bert.write_roberta,
    "unimed": open_clip_bert.write_unimed,
    "open_clip-siglip": open_clip_siglip.write,
    "coca": open_clip_coca.write,
}
LOCALS_OF_LIBRARIES = (
    "NoneType",
    "object has no",
    "keyword argument",
    "Traceback",
    "not subscriptable",
    "unhashable",
    "positional argument",
    "torch.Size",
    "TensorList",
)


class LeftError(Exception):
    """Something was asked of the network, or of whoever sits before the terminal."""


def shut(patch: pytest.MonkeyPatch) -> None:
    def refused(*asked: object, **_: object) -> None:
        raise LeftError(asked)

    patch.setattr(socket.socket, "connect", refused)
    patch.setattr(socket.socket, "connect_ex", refused)
    patch.setattr(socket, "getaddrinfo", refused)
    patch.setattr(builtins, "input", refused)


def plant(folder: Path) -> Path:
    """A module in the folder, under every name that payloads use, that leaves a file behind when it is run."""
    canary = folder / "code ran"
    code = f"open({str(canary)!r}, 'w').close()\nclass Evil: ...\n"
    for name in ("evil.py", "modeling_evil.py", "__init__.py"):
        (folder / name).write_text(code)
    return canary


def refusal(folder: Path) -> str:
    """The sentence with which a folder is refused: one line, of readable length, in words of ours."""
    with pytest.raises(NastError) as caught:
        load_model(folder, device="cpu")
    said = str(caught.value)
    assert "\n" not in said
    assert len(said.replace(str(folder), "")) < 500
    assert not [word for word in LOCALS_OF_LIBRARIES if word in said], said
    return said


def edit(path: Path, change: Callable[[dict], object]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
