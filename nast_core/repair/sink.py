"""``sink``: of a text with a denial, chosen late heads look from the pooled position at the start and at itself alone.

Source: arXiv:2605.03052, shown on language models and untested on CLIP (method.md section 8). Chosen: of the later half
of the layers, the heads with the greatest negator-selective attention, method.md section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nast_core.errors import RepairError
from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
    from nast_core.models.tower import Block, Tokens
    from nast_core.vocabulary.model import Vocabulary

_PAIRS = 120  # that heads are told by


def late_heads(base: DualEncoder, vocabulary: Vocabulary) -> dict[str, Tensor]:
    """``heads`` [head 2]: layer and head, each from 1, of the later half of the layers, the most selective first."""
    import numpy as np
    import torch

    from nast_core.interpret.attention import negator_selective_attention
    from nast_core.negation.pairs import align_all, template_pairs

    aligned = align_all(template_pairs(vocabulary=vocabulary), base.text).aligned
    if not aligned:
        raise RepairError(
            f"sink cannot repair {base.card.name}: none of the template pairs aligns under its tokenizer, so there is "
            "nothing to choose heads by; take another method"
        )
    some = [aligned[i] for i in np.unique(np.linspace(0, len(aligned) - 1, _PAIRS).round().astype(int))]
    nsa = negator_selective_attention(base, some).nsa.mean("pair").to_numpy()
    first = base.text.n_layers // 2
    order = np.argsort(-np.nan_to_num(nsa[first:]).ravel(), kind="stable")
    layer, head = np.unravel_index(order, nsa[first:].shape)
    return {"heads": torch.from_numpy(np.stack([layer + first + 1, head + 1], 1))}


def vectors(asked: Asked) -> Tensor:
    """Unit vectors [text dim]."""
    import torch

    from nast_core.models.tower import Outer
    from nast_core.repair.states import encoded_through

    tower = asked.base.text
    chosen = asked.fitted["heads"][: int(asked.values["heads"])].tolist()
    if not chosen:
        return asked.own

    class Sunk(Outer):
        """Knows its batch, and what the block read of it."""

        def __init__(self, block: Block, layer: int, tokens: Tokens):
            super().__init__(block)
            self.heads, self.pooled = [head - 1 for one, head in chosen if one == layer], tokens.pooled

        def query(self, read: Any) -> Any:
            self.read_by = self.block.query(read)
            return self.read_by

        def key_value(self, read: Any) -> Any:
            self.read_of = self.block.key_value(read)
            return self.read_of

        def attention_out(self, z: Any) -> Any:
            if self.heads:
                rows = torch.arange(len(z), device=z.device)
                z = tower.split(z).clone()
                z[rows[:, None], torch.tensor(self.heads), self.pooled[:, None]] = self._sunk(rows).to(z.dtype)
                z = tower.join(z)
            return self.block.attention_out(z)

        def _sunk(self, rows: Tensor) -> Tensor:
            """[text head channel] of the chosen heads at the pooled position."""
            query = tower.split(self.read_by)[rows, :, self.pooled][:, self.heads]
            key, value = (tower.split(part)[:, self.heads] for part in self.read_of)
            places = torch.stack([torch.zeros_like(self.pooled), self.pooled], 1)  # the start, and itself
            seen = [part[rows[:, None], :, places] for part in (key, value)]  # [text place head channel]
            weights = torch.einsum("thc,tphc->thp", query, seen[0]) * query.shape[-1] ** -0.5
            return torch.einsum("thp,tphc->thc", weights.softmax(-1), seen[1])

    return encoded_through(asked.base, [one.text for one in asked.splits], Sunk)


def _cannot(base: DualEncoder) -> str:
    from nast_core.repair.states import no_single_state

    return no_single_state(base)


SINK = Method(
    name="sink",
    said="late heads that look at the negator look from the pooled position at the start and at itself alone",
    source="arXiv:2605.03052",
    works="states",
    vectors=vectors,
    parameters={"heads": Parameter(4, 0, 1024, "how many heads; 0: the model itself", (1, 20), whole=True)},
    limits={"a start apart from the pooled position": "where the first position is pooled, its heads see it alone"},
    cannot=_cannot,
    fit=late_heads,
    fits=("heads",),
)
