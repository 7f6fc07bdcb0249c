"""What a loaded model is made of and what it cannot do, in words: for the command line and the Models page alike."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import PreNormBlock
from nast_core.models.zoo import ZooCard

_PADDING = {
    "ignored": "hidden from every token",
    "fixed": "every text is filled up to the full context, and the padding is read",
    "averaged": "would enter the mean, so texts are never padded",
}


def anatomy(model: DualEncoder) -> dict[str, str]:
    """Family and licence, towers, pooling, context, normalisation, scale, size, weights: name -> what it is."""
    text, rows = model.text, dict(model.report.rows)
    norm = "before attention and MLP (pre-norm)" if isinstance(text.blocks[0], PreNormBlock) else "after (post-norm)"
    first = {name: rows.pop(name) for name in ("Text tower", "Image tower", "Pooling", "Context") if name in rows}
    return {
        "Name": model.card.name,
        "Family": model.card.family,
        "Licence": model.card.licence,
        **({"Revision": model.card.revision} if model.card.revision else {}),
        **first,
        "Padding": _PADDING[text.padding],
        "Layer norm": norm,
        "Joint space": f"{text.dim} dimensions; vectors are scaled to length 1",
        "Logit scale": f"{model.logit_scale:.2f}" if model.logit_scale else "none: scores are cosines",
        **({"Logit bias": f"{model.logit_bias:.2f}"} if model.logit_bias else {}),
        "Parameters": f"{model.parameters:,}",
        **rows,
        "Fingerprint": model.fingerprint,
        "Keys not used": _some(model.report.unused_keys) or "none",
    }


class Compared(NamedTuple):
    """A published figure of a known model, beside the same measured here."""

    name: str
    others: float
    here: float | None  # None: a figure of data that are not here
    source: str


def compared(model: DualEncoder, card: ZooCard | None) -> list[Compared]:
    """What others got with the loaded model, where a public source states it (zoo.py, Reference)."""
    rows = []
    for reference in card.reference if card else ():
        here = None
        if reference.texts:
            a, b = model.encode_texts(list(reference.texts))
            here = float(a @ b)
        rows.append(Compared(reference.name, reference.value, here, reference.source))
    return rows


def lacking(model: DualEncoder) -> dict[str, str]:
    """What a model cannot do, ability -> why: what its family declares, and what follows from its pooling."""
    found = dict(model.limits)
    if not model.text.pools_one_position:
        found["single pooled state"] = (
            f"the embedding is the {model.text.pooling}; so no single state holds it, and CTE need not be 1 anywhere "
            "in the end"
        )
    also = {"direct contributions": no_contributions(model), "embedding lens": no_lens(model)}
    return found | {what: why for what, why in also.items() if why}


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def no_contributions(model: DualEncoder) -> str:
    """Why a score is no sum of direct contributions, half a sentence; empty where it is."""
    text = model.text
    if not text.pools_one_position:
        return f"the embedding is the {text.pooling}, and no single state holds it"
    with torch.no_grad():
        noise = torch.Generator().manual_seed(0)
        a, b = torch.randn(2, text.width, generator=noise, dtype=torch.float64).to(text.device, model.dtype)
        parts = text.project_normed(torch.stack([a + b, a, b, torch.zeros_like(a)])).double()
    off = (parts[0] - parts[1] - parts[2] + parts[3]).abs().max()
    if float(off) <= 1e-3 * float(parts.abs().max()):
        return ""
    return f"its readout ({text.pooling}) bends what it reads, so that the parts of a state do not add up behind it"


def no_lens(model: DualEncoder) -> str:
    """Why a layer's state has no would-be embedding, half a sentence; empty where it has."""
    if model.text.pools_one_position:
        return ""
    return f"the embedding is the {model.text.pooling}, and no single state holds it"
