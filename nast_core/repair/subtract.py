"""``subtract``: the score of what a text affirms, less a share of the scores of what it denies.

Linear, so a vector too: A - lam sum N, whose length is part of it. Source: method.md section 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor


def vectors(asked: Asked) -> Tensor:
    """e_A - lam sum e(N) [text dim], not of length 1."""
    import torch

    affirmative = asked.affirmative
    return affirmative - asked.values["lam"] * torch.stack([denied.sum(0) for denied in asked.denied])


SUBTRACT = Method(
    name="subtract",
    said="the score of what is affirmed, less a share of that of what is denied",
    source="method.md section 8",
    works="vectors",
    vectors=vectors,
    parameters={
        "lam": Parameter(0.2, 0.0, 4.0, "share of each denied finding's score; 0: what is affirmed alone", (0.05, 1.0))
    },
    limits={"vectors of length 1": "a text with a denial has a vector whose length is part of its score"},
    unit=False,
)
