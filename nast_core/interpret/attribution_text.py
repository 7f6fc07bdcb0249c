"""Token attributions: which words of a text make its score on an image."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import PairError
from nast_core.interpret.attribution import (
    MAX_STEPS,
    N_STEPS,
    AttributionError,
    Integral,
    Line,
    check_precision,
    completeness,
    fixed,
    integrate,
    score_variables,
    scores,
)
from nast_core.interpret.pair_coordinates import pair_coordinates
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import TextTower, Tokens
from nast_core.negation.forms import FORMS
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick

_MEMORY = 256 * 2**20  # bytes of states kept for the backward pass


def attribute_tokens(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Float[Tensor, "pair dim"],
    *,
    n_steps: int = N_STEPS,
    max_steps: int = MAX_STEPS,
    progress: Tick | None = None,
) -> xr.Dataset:
    """Integrated gradients of S over the embedding output (layer 0), summed over its width, for both texts of each
    pair.

    Baseline: the same text with the end-of-text token in place of every word, positions kept. Special tokens and
    padding stand in both, so theirs is exactly 0. Both texts of a pair share the baseline: their sums differ by d.

    Args:
        images: unit vectors, one a pair, as ``encode_images`` gives them.
        progress: called with the number of forward passes just done, of about ``evaluations`` a pair.
    Returns:
        Dataset: ``token_attribution`` [pair, form, position], logits, NaN at padding; ``delta``, ``s_baseline``
        [pair, form], logits; ``delta_share``, ``n_steps`` [pair, form]; ``s_affirmative``, ``s_negated``, ``d`` [pair];
        ``token`` [pair, form, position]; ``special``, ``role`` [pair, position].
    Raises:
        PairError: no pair, or not one image a pair. AttributionError: half precision, or a tower without gradients.
    Source: Sundararajan et al. 2017 (arXiv:1703.01365). Equal to captum's LayerIntegratedGradients on the embedding
        module, which not every family has as one module. The baseline is ours: padding is another token in each family,
        in some a word, and moves RoBERTa's positions.
    """
    check_precision(model)
    if not pairs or len(images) != len(pairs):
        raise PairError(f"attribution needs one image a pair; got {len(pairs)} pairs and {len(images)} images")
    vectors, length = fixed(model, images), max(pair.length for pair in pairs)
    shape = len(pairs), len(FORMS), length
    attribution, token = np.full(shape, np.nan), np.full(shape, "", dtype=object)
    special, role = np.zeros((len(pairs), length), bool), np.full((len(pairs), length), "padding", dtype=object)
    by_pair: list[list[Integral]] = []
    for row, pair in enumerate(pairs):
        texts = [model.text.tokenize([text]) for text in (pair.pair.affirmative, pair.pair.negated)]
        lines = [token_line(model, tokens, vectors[row], progress) for tokens in texts]
        integrals = integrate(
            model,
            lines,
            batch=_batch(model.text, texts[0].ids.shape[1]),
            n_steps=n_steps,
            max_steps=max_steps,
            advice="; causal tracing and attention need none",
        )
        real = texts[0].mask[0].cpu().numpy()
        at = np.flatnonzero(real)
        for form, (one, pieces) in enumerate(
            zip(integrals, (pair.pieces_affirmative, pair.pieces_negated), strict=True)
        ):
            attribution[row, form, at] = one.attribution.sum(-1).numpy()[at]
            token[row, form, at] = np.array(pieces, dtype=object)[at]
        special[row, at] = [texts[1].offsets[0][p] == (0, 0) for p in at]
        role[row, at] = np.array(pair.roles, dtype=object)[at]
        by_pair.append(integrals)
    return xr.Dataset(
        {
            "token_attribution": (("pair", "form", "position"), attribution, {"units": "logits"}),
            "token": (("pair", "form", "position"), token),
            "special": (("pair", "position"), special),
            "role": (("pair", "position"), role),
            **score_variables(np.array([[one.end for one in forms] for forms in by_pair])),
            **completeness(by_pair),
        },
        coords={**pair_coordinates(pairs), "form": list(FORMS), "position": np.arange(length)},
        attrs={
            **provenance(model, "attribution"),
            "method": "tokens",
            "baseline": "end-of-text token in place of every word",
        },
    )


def evaluations(n_steps: int = N_STEPS) -> int:
    """Forward passes for one pair, if its integrals need no more than ``n_steps``."""
    return len(FORMS) * (n_steps + 2)


def token_line(
    model: DualEncoder,
    tokens: Tokens,
    image: Float[Tensor, " dim"],
    progress: Tick | None = None,
) -> Line:
    """From the baseline's embedding output to that of one tokenised text; the score is S on a unit vector ``image``."""

    def score(states: Float[Tensor, "row position width"]) -> Float[Tensor, " row"]:
        rows = tokens.rows(torch.zeros(len(states), dtype=torch.long, device=tokens.ids.device))
        values = scores(model, model.text.finish([states], rows), image[None])[:, 0]
        if progress:
            progress(len(states))
        return values

    with torch.inference_mode(False), torch.no_grad():
        return Line(score, model.text.embed(_neutral(tokens)), model.text.embed(tokens))


def _neutral(tokens: Tokens) -> Tokens:
    """One text with the end-of-text token in place of every word.
    Raises AttributionError where it has no such token."""
    spans, real = tokens.offsets[0], tokens.mask[0].tolist()
    words = [p for p, (start, end) in enumerate(spans) if end > start]
    ends = [p for p in range(words[-1] + 1, len(spans)) if real[p]]
    if not ends:
        raise AttributionError(
            "this tokenizer ends texts with no token of its own, and token attributions take that for a word that "
            "says nothing"
        )
    ids = tokens.ids.clone()
    ids[0, words] = int(ids[0, ends[0]])
    return replace(tokens, ids=ids)


def _batch(tower: TextTower, length: int) -> int:
    """Points that run at once: each keeps some two dozen values a layer and state for the backward pass."""
    return max(1, min(64, _MEMORY // (tower.n_layers * length * tower.width * 24 * 4)))
