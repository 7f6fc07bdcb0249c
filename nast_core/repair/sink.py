"""``sink``: of a text with a denial, chosen late heads look from the pooled position at the start and at itself alone.

Source: arXiv:2605.03052, shown on language models and untested on CLIP (method.md section 8). Chosen: of the later half
of the layers, the heads with the greatest negator-selective attention, method.md section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nast_core.errors import RepairError
from nast_core.repair.method import Asked, Method, Parameter

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
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
    from nast_core.interpret.ablation import sink

    chosen = [(layer, head) for layer, head in asked.fitted["heads"][: int(asked.values["heads"])].tolist()]
    if not chosen:
        return asked.own
    return sink(asked.base, chosen).encode_texts([one.text for one in asked.splits])


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
