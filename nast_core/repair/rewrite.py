"""``rewrite``: each denied phrase becomes its affirmative equivalent, and the model reads that. Source: ours, after the
benchmark's own construction; the reference line, since it needs nothing of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.repair.method import Asked, Method

if TYPE_CHECKING:
    from torch import Tensor


def rewritten(asked: Asked) -> Tensor:
    """Unit vectors [text dim] of the rewritten texts; a finding without an equivalent stays as it was said."""
    return asked.encode([one.rewritten for one in asked.splits])


REWRITE = Method(
    name="rewrite",
    said="each denied phrase is read as its affirmative equivalent",
    source="ours",
    works="vectors",
    vectors=rewritten,
    limits={
        "findings without an affirmative equivalent": "the vocabulary has no words for their absence, so they are "
        "counted and left as they were said"
    },
)
