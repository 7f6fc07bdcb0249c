"""``project``: what a text shares with the findings that it denies is taken out of its vector, or a share of it.

Source: Aggarwal et al., ICLR 2026 (OpenReview Dd86hsSam5), formula of method.md section 8. Departures: equal concepts
are one, so that E has full rank; ``anchor`` 0 leaves k a out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

NEUTRAL_WORDS = ("neutral", "balanced", "unbiased", "fair")


def projected(own: Tensor, denied: Tensor, anchor: Tensor, lam: float) -> Tensor:
    """unit(e_c - lam (P e_c - k a)) [dim], in float64. ``own`` [dim], ``denied`` [concept dim], ``anchor`` [dim]: a.

    P projects on the space of the denied vectors, of which there are k.
    """
    import torch
    from torch.nn import functional as F

    columns = denied.double().T
    part = columns @ (torch.linalg.pinv(columns) @ own.double())
    return F.normalize(own.double() - lam * (part - len(denied) * anchor.double()), dim=0)


def vectors(asked: Asked) -> Tensor:
    """Unit vectors [text dim]; with a strength of 0 the texts' own."""
    import torch

    own, lam = asked.own, asked.values["lam"]
    if not lam:
        return own
    anchor = asked.encode(NEUTRAL_WORDS).mean(0) * asked.values["anchor"]
    rows = [projected(one, denied, anchor, lam) for one, denied in zip(own, asked.denied, strict=True)]
    return torch.stack(rows).to(own)


PROJECT = Method(
    name="project",
    said="the denied findings' share is taken out of the vector",
    source="Aggarwal et al. 2026 (OpenReview Dd86hsSam5)",
    works="vectors",
    vectors=vectors,
    parameters={
        "lam": Parameter(1.9, 0.0, 4.0, "how much of the denied findings' share goes; 0: the model itself", (0.1, 2.0)),
        "anchor": Parameter(1.0, 0.0, 1.0, "how much of the neutral words' mean comes in its place, for each denial"),
    },
    limits={"counting": "the anchor adds the same for every denial, so options move by how many denials they have"},
)
