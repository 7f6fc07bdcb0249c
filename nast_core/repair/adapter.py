"""``adapter``: a small correction of the vectors of texts with a denial, learnt in seconds from text alone.

z + W_up tanh(W_down z), rank 8, of the joint-space vector z, gated by the parser: texts without a denial never pass it.
Source: method.md section 8. What it learns from is ours: the base's vector of the text as ``rewrite`` has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.errors import RepairError
from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
    from nast_core.vocabulary.model import Vocabulary

RANK = 8
TEXTS = 1500  # that it learns from
_STEPS, _RATE = 400, 1e-2


def corrected(z: Tensor, down: Tensor, up: Tensor, share: float = 1.0) -> Tensor:
    """unit(z + share W_up tanh(W_down z)) of vectors [text dim]; ``down`` [rank dim], ``up`` [dim rank]."""
    from torch.nn import functional as F

    return F.normalize(z + share * (z @ down.T).tanh() @ up.T, dim=-1)


def learnt(base: DualEncoder, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """``down`` and ``up``. Raises RepairError where the vocabulary has no affirmative equivalents."""
    from nast_core.repair.learning_texts import denying_texts
    from nast_core.repair.splitting import split

    splits = [split(text, vocabulary) for text in denying_texts(base.text, vocabulary, TEXTS)]
    known = [one for one in splits if one.denied and not one.unwritten]
    if not known:
        raise RepairError(
            "adapter learns from affirmative equivalents, and the vocabulary has none; add some, or take another method"
        )
    own = base.encode_texts([one.text for one in known])
    wanted = base.encode_texts([one.rewritten for one in known])
    return fitted(own.float().clone(), wanted.float().clone())


def fitted(own: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """``down`` and ``up`` that bring unit vectors [text dim] nearest to ``wanted``, by mean 1 - cosine."""
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        noise = torch.Generator().manual_seed(0)
        down = (torch.randn(RANK, own.shape[1], generator=noise)).requires_grad_()
        up = torch.zeros(own.shape[1], RANK, requires_grad=True)
        adam = torch.optim.Adam([down, up], lr=_RATE)
        for _ in range(_STEPS):
            adam.zero_grad()
            (1 - (corrected(own, down, up) * wanted).sum(-1)).mean().backward()
            adam.step()
    return {"down": down.detach(), "up": up.detach()}


def vectors(asked: Asked) -> Tensor:
    """Unit vectors [text dim]."""
    own, share = asked.own, asked.values["share"]
    down, up = (asked.fitted[name].to(own) for name in ("down", "up"))
    return corrected(own, down, up, share) if share else own


ADAPTER = Method(
    name="adapter",
    said="a correction of rank 8, learnt in seconds from text alone, of vectors of texts with a denial",
    source="method.md section 8",
    works="vectors",
    vectors=vectors,
    parameters={"share": Parameter(1.0, 0.0, 2.0, "of the correction; 0: the model itself", (0.1, 2.0))},
    limits={
        "findings without an affirmative equivalent": "it learns nothing of them, since it learns from equivalents"
    },
    fit=learnt,
    fits=("down", "up"),
)
