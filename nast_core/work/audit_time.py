"""What an audit will take here, told before it starts: a few texts and images are tried, and the rest is counted.

A part takes what its images and texts take, and what does not depend on the model (questions, bootstraps, probes),
which was measured once and is scaled by how fast this machine does a piece of it now. What is kept of an earlier audit
takes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nast_core.repair.method import STRENGTHS
from nast_core.repair.methods import METHODS

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe

_TEXTS = [f"There is no {what} in view {view}." for what in ("edema", "effusion", "lesion") for view in range(8)]
_PIECE = 0.031  # seconds that ``_piece`` took where the figures below were measured
_PAIRS, _TOKENS = 168, 5  # of the grammar's pairs that align, as a rule; positions from a negator on
_PATCHED = 0.25  # of a text: what a patched run takes, most of whose layers and positions are its neighbour's
_CHOOSING = 300  # questions and studies that a repair's strength is chosen by


class Pace(NamedTuple):
    """Seconds for one of each; ``else_``: how many times as slow as where the rest was measured."""

    image: float
    text: float
    else_: float


class Amount(NamedTuple):
    """Of one part, or one of its recipes: images and texts encoded, and seconds that depend on no model."""

    images: float
    texts: float
    seconds: float


def _amounts(recipe: AuditRecipe, layers: int) -> dict[str, list[Amount]]:
    n = recipe.count
    claims = [Amount(n, 560 + 12 * n, 0.3 + 0.027 * n)]
    return {
        "model": [Amount(0, 60, 0.3)],
        "benchmark": [Amount(n, 500 + 7.5 * n, 3.7 + 0.001 * n)],
        "denials": claims,
        "claims": [] if "denials" in recipe.parts else claims,
        "attention": [Amount(0, 2 * _PAIRS, 0.2)],
        "trace": [Amount(0, _PATCHED * _PAIRS * layers * _TOKENS, 0.6)],
        "probe": [Amount(0, 800, 1.5)],
        "repairs": _repairs(recipe),
        "finetunes": [],
    }


def _repairs(recipe: AuditRecipe) -> list[Amount]:
    """Texts are remembered from one to the next, so that the first to choose a strength encodes those of validation."""
    n, found, first = recipe.count, list[Amount](), True
    for method in recipe.methods:
        kind = METHODS[method.partition("(")[0]]
        if kind.strength is None:
            found.append(Amount(0, 1300 + 4.2 * n, 3.3 + 0.02 * n))
            continue
        anew = STRENGTHS["states"] * 5 * _CHOOSING if kind.works == "states" else 0
        found.append(Amount(2 * _CHOOSING * first, 1100 + 5 * _CHOOSING * first + anew, 7.5 + 0.015 * n))
        first = False
    return found


def seconds(recipe: AuditRecipe, model: DualEncoder) -> dict[str, float]:
    """Part -> about how long it will take; 0 for one whose runs are kept."""
    from nast_core.work.audit_parts import PARTS
    from nast_core.work.identity import find_run

    pace, amounts = tried(model), _amounts(recipe, model.text.n_layers)
    found = {}
    for name in recipe.in_order:
        asked: list[Recipe | None] = [*PARTS[name].recipes(recipe)]
        missing = [
            amount
            for amount, one in zip(amounts[name], asked or [None], strict=False)
            if one is None or find_run(one, model_fingerprint=model.fingerprint) is None
        ]
        found[name] = sum(one.images * pace.image + one.texts * pace.text + one.seconds * pace.else_ for one in missing)
    return found


def tried(model: DualEncoder) -> Pace:
    """The model, and this machine, for a second or so."""
    from PIL import Image

    size = (model.image_size, model.image_size)
    images = [Image.new("L", size, shade) for shade in (60, 120, 180, 240)]
    image = _timed(lambda: model.encode_images(images)) / len(images)
    text = _timed(lambda: model.encode_texts(_TEXTS)) / len(_TEXTS)
    return Pace(image, text, _timed(_piece) / _PIECE)


def _piece() -> None:
    """Some of what a bootstrap does."""
    import numpy as np

    from nast_core.statistics.rates import rates

    rates(np.random.default_rng(0).random((400, 40)), [str(i) for i in range(400)])


def _timed(work: Callable[[], object]) -> float:
    work()  # cold
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def told(recipe: AuditRecipe, model: DualEncoder) -> list[str]:
    """A line a part, and the sum, in words."""
    from nast_core.audit.names import TITLES
    from nast_core.runs.pace import duration

    parts = seconds(recipe, model)
    lines = [f"{TITLES[name]}: {duration(each)}" for name, each in parts.items() if each >= 1]
    return [*lines, f"the whole audit: {duration(sum(parts.values()))}"]
