"""How fast the loaded model is on this machine: whether all of a set is done at once, or one of it is shown first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from dashboard.parts import memo

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

AT_ONCE = 5.0  # seconds: for longer nobody should look at a page without a picture
_SURE = 0.5  # seconds of a first call that are not what a first call pays for what later ones find ready
_TEXTS = [f"There is no {finding}." for finding in ("edema", "lesion", "fracture", "effusion")]


class Pace(NamedTuple):
    """Seconds for one of each."""

    image: float
    text: float


def seconds(model: DualEncoder, *, images: int = 0, texts: int = 0) -> float:
    """What encoding so many of each takes, about; the model is timed once."""
    pace = _pace(model, model.fingerprint)
    return images * pace.image + texts * pace.text


@memo.copied()
def _pace(_model: DualEncoder, fingerprint: str) -> Pace:
    from PIL import Image

    image = Image.new("L", (_model.image_size, _model.image_size), 128)
    return Pace(timed(lambda: _model.encode_images([image])), timed(lambda: _model.encode_texts(_TEXTS)) / len(_TEXTS))


def timed(work: Callable[[], object]) -> float:
    """Seconds of ``work``, done once more where the first may have paid for imports."""
    spent = _once(work)
    return spent if spent > _SURE else min(spent, _once(work))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
