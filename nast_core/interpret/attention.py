"""Negator-selective attention, NSA, per layer and head (method.md section 2)."""

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import PairError
from nast_core.interpret.pair_coordinates import pair_coordinates
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import TextTower, Tokens
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick


@torch.inference_mode()
def negator_selective_attention(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    *,
    batch_size: int = 32,
    progress: Tick | None = None,
) -> xr.Dataset:
    """NSA of every pair: how much more the texts after the negator look at it than at its counterpart.

        nsa[pair, layer, head] = max over q of ( A_n[layer, head, q, negator] - A_a[layer, head, q, negator] )

    A is summed over the negator's tokens. q runs over the real positions after the negator; in bidirectional
    towers over every real position but the negator. Layers and heads count from 1.

    Returns:
        Dataset with ``nsa`` and ``nsa_absolute`` (A_n alone), shares of attention in [-1, 1] and [0, 1],
        float64 [pair, layer, head].
    Raises:
        PairError: no pair given.
    Source: Quantmeyer et al. 2024 (arXiv:2407.10488) section 4; NAST figure 5. Departure: per-pair values kept.
    """
    if not pairs:
        raise PairError("no aligned pair was given; NSA needs at least one")
    selective: list[Tensor] = []
    absolute: list[Tensor] = []
    for start in range(0, len(pairs), batch_size):
        batch = pairs[start : start + batch_size]
        tokens = model.text.tokenize([*(p.pair.negated for p in batch), *(p.pair.affirmative for p in batch)])
        column = negator_column(model.text, tokens, [p.negator for p in batch] * 2)
        negated, affirmative = column.chunk(2, dim=1)  # [layer, pair, head, query]
        hidden = ~_queries(model.text, tokens, batch)[None, :, None, :]
        for rows, values in ((selective, negated - affirmative), (absolute, negated)):
            rows.append(values.masked_fill(hidden, float("-inf")).amax(-1).transpose(0, 1).cpu())
        if progress:
            progress(len(batch))
    dims = ("pair", "layer", "head")
    return xr.Dataset(
        {
            "nsa": (dims, torch.cat(selective).double().numpy(), {"units": "share of attention"}),
            "nsa_absolute": (dims, torch.cat(absolute).double().numpy(), {"units": "share of attention"}),
        },
        coords={
            **pair_coordinates(pairs),
            "layer": np.arange(1, model.text.n_layers + 1),
            "head": np.arange(1, model.text.n_heads + 1),
        },
        attrs=provenance(model, "attention"),
    )


def negator_column(
    tower: TextTower, tokens: Tokens, spans: Sequence[tuple[int, ...]]
) -> Float[Tensor, "layer text head query"]:
    """Attention paid to each text's span, summed over it; only this column is kept, never the square."""
    at_span = torch.zeros(tokens.ids.shape, dtype=torch.bool, device=tokens.ids.device)
    for row, span in enumerate(spans):
        at_span[row, list(span)] = True
    weight = at_span[:, None, :, None]
    return torch.stack([(a @ weight.to(a.dtype)).squeeze(-1) for a in tower.attention(tokens)])


def _queries(tower: TextTower, tokens: Tokens, pairs: Sequence[AlignedPair]) -> Tensor:
    """True at the positions a negator may be looked at from, [pair, query]."""
    allowed = tokens.mask[: len(pairs)].clone()
    for row, pair in enumerate(pairs):
        allowed[row, pair.pooled] = True  # SigLIP pools a padding position
        if tower.causal:
            allowed[row, : pair.negator[-1] + 1] = False
        else:
            allowed[row, list(pair.negator)] = False
    return allowed


@torch.inference_mode()
def attention_patterns(model: DualEncoder, texts: Sequence[str]) -> list[Float[np.ndarray, "layer head query key"]]:
    """Every head's whole pattern for a few texts, each cut to its own tokens and the pooled position.

    Rows sum to 1 less what is paid to padding, in towers that see it.
    """
    tokens = model.text.tokenize(texts)
    weights = torch.stack(list(model.text.attention(tokens))).double().cpu().numpy()
    own = tokens.mask.scatter(1, tokens.pooled[:, None], True)
    positions = [row.nonzero()[:, 0].cpu().numpy() for row in own]
    return [weights[:, row][:, :, at[:, None], at] for row, at in enumerate(positions)]


@torch.inference_mode()
def value_weighted_patterns(
    model: DualEncoder, texts: Sequence[str]
) -> list[Float[np.ndarray, "layer head query key"]]:
    """As ``attention_patterns``, each share times the length of what its head would write of that token alone:
    A[q, k] |W_O W_V h_k|, the value's bias included and the output's not.

    A head that looks at a token whose value is short takes nothing from it. Source: Kobayashi et al. 2020
    (arXiv:2004.10102).
    """
    tower, lengths = model.text, []
    tokens = tower.tokenize(texts)
    for block, hidden in zip(tower.blocks, tower.states(tokens)[:-1], strict=True):
        value = tower.split(block.key_value(block.attention_in(hidden))[1])  # [text, head, key, channel]
        alone = torch.zeros(
            *value.shape[:3], *value.shape[1:2], value.shape[-1], dtype=value.dtype, device=value.device
        )
        for head in range(tower.n_heads):
            alone[:, head, :, head] = value[:, head]
        written = block.attention_out(alone.flatten(-2))
        nothing = block.attention_out(torch.zeros_like(written[..., :1, :]))
        lengths.append((written - nothing).norm(dim=-1))
    weighed = torch.stack(lengths).double().cpu().numpy()  # [layer, text, head, key]
    own = tokens.mask.scatter(1, tokens.pooled[:, None], True)
    positions = [row.nonzero()[:, 0].cpu().numpy() for row in own]
    return [
        pattern * weighed[:, row][:, :, None, at]
        for row, (pattern, at) in enumerate(zip(attention_patterns(model, texts), positions, strict=True))
    ]
