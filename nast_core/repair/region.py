"""``region``: a text's vector is the direction near what it affirms that stays clear of what it denies.

Source: SpaceVLM (arXiv:2511.12331), formula of method.md section 8. Several denials one after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

_PARALLEL = 1e-9  # sin of the angle below which two directions are one, and no other is told by them


def direction(affirmative: Tensor, denied: Tensor, t: float) -> Tensor:
    """d [text dim], in float64, of unit vectors e_A and e_N [text dim].

    al = arccos t, th the angle between them: if th < 2 al,
    d = (sin(al + th/2) e_A - sin(al - th/2) e_N) / sin th, else d = e_A, as where both are one direction.
    """
    import torch

    a, n = affirmative.double(), denied.double()
    al = torch.arccos(torch.tensor(t, dtype=torch.float64))
    th = torch.arccos((a * n).sum(-1, keepdim=True).clamp(-1, 1))
    sine = torch.sin(th)
    told = (th < 2 * al) & (sine > _PARALLEL)
    d = (torch.sin(al + th / 2) * a - torch.sin(al - th / 2) * n) / torch.where(told, sine, torch.ones_like(sine))
    return torch.where(told, d, a)


def vectors(asked: Asked) -> Tensor:
    """Unit vectors [text dim]."""
    import torch
    from torch.nn import functional as F

    start = asked.affirmative
    found, every = start.double(), asked.denied
    for place in range(max(map(len, every))):
        rows = torch.tensor([row for row, denied in enumerate(every) if len(denied) > place])
        these = torch.stack([every[row][place] for row in rows.tolist()])
        found[rows] = direction(found[rows], these, asked.values["t"])
    return F.normalize(found, dim=-1).to(start)


REGION = Method(
    name="region",
    said="the direction near what is affirmed that stays clear of what is denied",
    source="SpaceVLM (arXiv:2511.12331)",
    works="vectors",
    vectors=vectors,
    parameters={
        "t": Parameter(
            0.92, 0.0, 1.0, "cosine that bounds both regions; 1: what is affirmed, and no more", (0.02, 0.97)
        )
    },
)
