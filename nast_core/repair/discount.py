"""``discount``: the score of what a text affirms, discounted by the scores of what it denies.

A rule on scores, so no single vector says it: a text's vector here is the vectors of A and of N_1..N_4 side by side,
which the repaired model's own ``score`` reads. Source: NEAT's rule, method.md section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.repair.method import Dot
    from nast_core.repair.splitting import Split

MOST = 4  # denied findings that are discounted each; further ones are read as one text


def concepts(one: Split) -> list[str]:
    """At most MOST texts."""
    every = list(one.concepts)
    return every if len(every) <= MOST else [*every[: MOST - 1], " ".join(every[MOST - 1 :])]


def vectors(asked: Asked) -> Tensor:
    """A, N_1..N_4 side by side [text 5*dim]; zeros where there are fewer."""
    import torch

    affirmative = asked.affirmative
    named = [concepts(one) for one in asked.splits]
    every = asked.encode([text for texts in named for text in texts]).split([len(texts) for texts in named])
    blocks = torch.zeros(len(named), 1 + MOST, affirmative.shape[-1], dtype=affirmative.dtype)
    blocks[:, 0] = affirmative
    for row, denied in enumerate(every):
        blocks[row, 1 : 1 + len(denied)] = denied
    return blocks.flatten(1)


def cosines(texts: Tensor, dot: Dot, values: Mapping[str, float]) -> Tensor:
    """s(A) * prod(1 - lam relu(s(N))) of vectors [..., 5*dim]; ``dot`` gives the cosines of one block with images."""
    blocks = texts.unflatten(-1, (1 + MOST, -1))
    score = dot(blocks[..., 0, :].contiguous())
    for number in range(1, 1 + MOST):
        denied = blocks[..., number, :]
        if bool(denied.any()):
            score = score * (1 - values["lam"] * dot(denied.contiguous()).relu())
    return score


DISCOUNT = Method(
    name="discount",
    said="the score of what is affirmed, discounted by those of what is denied",
    source="NEAT's rule",
    works="vectors",
    vectors=vectors,
    parameters={
        "lam": Parameter(0.5, 0.0, 1.0, "how far a denied finding discounts; 0: what is affirmed alone", (0.05, 1.0))
    },
    limits={
        "a single vector": "the rule is on scores, so a text's vector is those of what it affirms and of four findings "
        "that it denies, side by side; its cosine with another text says nothing",
        "more than four denials": "the fourth and all behind it are read as one text",
    },
    cosines=cosines,
    blocks=1 + MOST,
)
