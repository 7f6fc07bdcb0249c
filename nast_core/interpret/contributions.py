"""Direct contributions: which heads, fed by which words, make the score. Source: ours, method.md section 9.

The last state at the pooled position is a sum: the embedding, and what every head and MLP adds. With the scales of the
norms held at their values and the vector's length at its own, S is linear in that sum, so

    S = sum over (layer, head, source token) + sum over MLPs + embedding + rest

exactly; the rest is what no word feeds, biases of norms and projections. ``delta`` says what the sum is off by. In a
post-norm tower the sum holds too, but every addition is normed anew: what an early layer adds is scaled by all norms
behind it, so that its share is smaller than what later layers made of it. What a component does through later layers is
in none of these figures.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from nast_core.errors import PairError
from nast_core.interpret.effects import check_images
from nast_core.interpret.pair_coordinates import pair_coordinates
from nast_core.models.description import no_contributions
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import Block, TextTower, Tokens
from nast_core.negation.forms import FORMS
from nast_core.negation.pairs import ROLES, AlignedPair
from nast_core.progress import Tick
from nast_core.statistics.rates import rates

if TYPE_CHECKING:
    import xarray as xr

_PAIRS = 16  # at once


class Contributions(NamedTuple):
    """Logits that each part adds to a text's score."""

    heads: Float[Tensor, "text layer head position"]  # position: the source token
    mlps: Float[Tensor, "text layer"]
    embedding: Float[Tensor, " text"]
    rest: Float[Tensor, " text"]
    score: Float[Tensor, " text"]

    @property
    def total(self) -> Float[Tensor, " text"]:
        return self.heads.sum((1, 2, 3)) + self.mlps.sum(1) + self.embedding + self.rest


class _At(NamedTuple):
    """One block as it went by, at the pooled position."""

    block: Block
    weights: Float[Tensor, "text head position"]
    value: Float[Tensor, "text head position channel"]
    z: Float[Tensor, "text width"]  # heads' outputs side by side
    attention: Float[Tensor, "text width"]
    middle: Float[Tensor, "text width"]
    mlp: Float[Tensor, "text width"]
    entered: Float[Tensor, "text width"]


def direct_contributions(
    model: DualEncoder, texts: Sequence[str], images: Float[Tensor, "text dim"]
) -> tuple[Contributions, Tokens]:
    """What each part of the text tower adds to the score of every text with its own image.

    ``images``: unit vectors, or means of some: scores are means then. Raises PairError for a tower whose score is no
    such sum (``no_contributions``).
    """
    tower = model.text
    if why := no_contributions(model):
        raise PairError(f"the score of {model.card.name} is no sum of direct contributions: {why}")
    with torch.inference_mode(False), torch.no_grad():
        tokens = tower.tokenize(texts)
        rows = torch.arange(len(texts), device=tower.device)
        first, passed, last = _run(tower, tokens, rows)
        toward, rest, score = _readout(model, last, images.to(tower.device))
        heads, mlps = [], []
        for at in reversed(passed):
            toward, constant = _before_norm(at.block.mlp_norm, at.middle + at.mlp, toward)
            mlps.append((at.mlp * toward).sum(-1))
            toward, further = _before_norm(at.block.attention_norm, at.entered + at.attention, toward)
            of_heads = _through_output(at, toward)
            by_head = tower.split(of_heads[:, None])[:, :, 0]  # [text, head, channel]
            heads.append(at.weights * (at.value @ by_head[..., None])[..., 0])
            rest = rest + constant + further + (at.attention * toward).sum(-1) - (at.z * of_heads).sum(-1)
        embedding = (first * toward).sum(-1)
        found = (torch.stack(heads[::-1], 1), torch.stack(mlps[::-1], 1), embedding, rest, score)
        return Contributions(*(part.cpu() for part in found)), tokens


def _run(tower: TextTower, tokens: Tokens, rows: Tensor) -> tuple[Tensor, list[_At], Tensor]:
    """The pooled position's embedding, what every block did there, and its last state."""
    hidden, mask, at = tower.embed(tokens), tower.attention_mask(tokens), tokens.pooled
    first, passed = hidden[rows, at], []
    for block in tower.blocks:
        read = block.attention_in(hidden)
        query, key, value = (tower.split(part) for part in (block.query(read), *block.key_value(read)))
        weights = tower.weights(query, key, block.sight(mask, tokens))
        seen: dict[str, Tensor] = {}

        def keep(name: str, component: Tensor, seen: dict[str, Tensor] = seen) -> Tensor:
            seen[name] = component[rows, at]
            return component

        entered, hidden = hidden[rows, at], tower.from_heads(block, hidden, tower.join(weights @ value), keep)
        middle = block.add_attention(entered, seen["attention"])
        passed.append(
            _At(block, weights[rows, :, at], value, seen["head"], seen["attention"], middle, seen["mlp"], entered)
        )
    return first, passed, hidden[rows, at]


def _readout(model: DualEncoder, last: Tensor, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The direction in the last state that the score reads, what no state feeds, and the score."""
    tower, scale = model.text, model.logit_scale or 1.0
    norm = tower.final_norm if isinstance(tower.final_norm, nn.LayerNorm) else None
    with torch.enable_grad():
        normed = (last if norm is None else norm(last)).detach().requires_grad_()
        vectors = tower.project_normed(normed)
        length = vectors.detach().norm(dim=-1)
        score = scale * (vectors * images.to(vectors)).sum(-1) / length
        (toward,) = torch.autograd.grad(score.sum(), normed)
    rest = score.detach() - (normed.detach() * toward).sum(-1) + model.logit_bias
    before, constant = _before_norm(norm, last, toward)
    return before, rest + constant, score.detach() + model.logit_bias


def _before_norm(norm: nn.LayerNorm | None, x: Tensor, toward: Tensor) -> tuple[Tensor, Tensor]:
    """A direction behind a norm as one before it, its scale held where it is at ``x``; and what its bias adds."""
    if norm is None:
        return toward, torch.zeros_like(toward[..., 0])
    constant = (toward * norm.bias).sum(-1) if norm.bias is not None else torch.zeros_like(toward[..., 0])
    scaled = toward * norm.weight if norm.weight is not None else toward
    spread = (x.var(-1, correction=0, keepdim=True) + norm.eps).sqrt()
    return (scaled - scaled.mean(-1, keepdim=True)) / spread, constant


def _through_output(at: _At, toward: Tensor) -> Float[Tensor, "text width"]:
    """A direction behind the output projection as one of the heads' outputs."""
    with torch.enable_grad():
        z = at.z.detach().requires_grad_()
        (before,) = torch.autograd.grad((at.block.attention_out(z) * toward).sum(), z)
    return before


def contributions(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Float[Tensor, "pair dim"] | Float[Tensor, "pair image dim"],
    *,
    progress: Tick | None = None,
) -> "xr.Dataset":
    """Direct contributions to S of both texts of every pair, on its own image, or to its mean over several.

    Returns:
        Dataset in logits: ``heads`` [pair, form, layer, head, position], ``mlps`` [pair, form, layer], ``embedding``
        and ``rest`` [pair, form]; ``s_affirmative``, ``s_negated``, ``d`` [pair]; ``delta`` [pair, form], what the sum
        is off by; ``role`` [pair, position]. Layers and heads count from 1.
    Raises:
        PairError: no pair, not one image or set of images a pair, or a tower whose score is no such sum.
    """
    check_images(pairs, images)
    if images.dim() == 3:
        images = images.nanmean(1)  # S is linear in the image, so a mean image's is the mean
    tower, longest = model.text, max(pair.length for pair in pairs)
    parts = {
        "heads": np.zeros((len(pairs), 2, tower.n_layers, tower.n_heads, longest), np.float64),
        "mlps": np.zeros((len(pairs), 2, tower.n_layers)),
        **{name: np.zeros((len(pairs), 2)) for name in ("embedding", "rest", "score", "delta")},
    }
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].length)
    for start in range(0, len(order), _PAIRS):
        some = order[start : start + _PAIRS]
        texts = [text for i in some for text in (pairs[i].pair.affirmative, pairs[i].pair.negated)]
        found, tokens = direct_contributions(model, texts, images[some].repeat_interleave(2, 0))
        width = min(tokens.ids.shape[1], longest)
        for name in ("heads", "mlps", "embedding", "rest", "score"):
            values = getattr(found, name).double().unflatten(0, (-1, 2)).numpy()
            if name == "heads":
                parts[name][some, ..., :width] = values[..., :width]
            else:
                parts[name][some] = values
        parts["delta"][some] = (found.total - found.score).double().unflatten(0, (-1, 2)).numpy()
        if progress:
            progress(len(some))
    return _dataset(model, pairs, parts, longest)


def _dataset(
    model: DualEncoder, pairs: Sequence[AlignedPair], parts: dict[str, np.ndarray], longest: int
) -> "xr.Dataset":
    import xarray as xr

    logits, score = {"units": "logits"}, parts.pop("score")
    role = np.full((len(pairs), longest), "padding", dtype=object)
    for row, pair in enumerate(pairs):
        role[row, : pair.length] = pair.roles
    own = parts.pop("heads").astype(np.float32 if model.dtype != torch.float64 else np.float64)
    single = {name: (("pair", "form"), parts[name], logits) for name in ("embedding", "rest", "delta")}
    return xr.Dataset(
        {
            "heads": (("pair", "form", "layer", "head", "position"), own, logits),
            "mlps": (("pair", "form", "layer"), parts["mlps"], logits),
            **single,
            "s_affirmative": ("pair", score[:, 0], logits),
            "s_negated": ("pair", score[:, 1], logits),
            "d": ("pair", score[:, 0] - score[:, 1], logits),
            "role": (("pair", "position"), role),
        },
        coords={
            **pair_coordinates(pairs),
            "form": list(FORMS),
            "layer": np.arange(1, model.text.n_layers + 1),
            "head": np.arange(1, model.text.n_heads + 1),
            "position": np.arange(longest),
        },
        attrs=provenance(model, "contributions"),
    )


def of_the_negation(found: "xr.Dataset") -> "xr.Dataset":
    """What each part adds to S(no X) - S(X): the negated form less the affirmative, without ``form``."""
    parts = found[["heads", "mlps", "embedding", "rest", "delta"]]
    return parts.sel(form="negated", drop=True) - parts.sel(form="affirmative", drop=True)


def contributions_summary(found: "xr.Dataset") -> dict[str, Any]:
    """summary.json: what each part adds to S(no X) - S(X), logits, means over pairs with 95 % intervals, each {value,
    low, high, n}: every head, every MLP, the source tokens' heads by role, and the sums; and the largest delta."""
    parts = of_the_negation(found)
    pairs = [str(i) for i in range(found.sizes["pair"])]

    def means(values: np.ndarray) -> list[dict[str, Any]]:
        return [one._asdict() for one in rates(np.asarray(values, float).reshape(len(pairs), -1), pairs)]

    by_head = parts["heads"].sum("position")
    cells = [(int(layer), int(head)) for layer in found.layer.values for head in found["head"].values]
    roles = [role for role in ROLES if bool((found["heads"].where(found.role == role, 0) != 0).any())]
    of_role = np.stack(
        [parts["heads"].where(found.role == role, 0).sum(("layer", "head", "position")).values for role in roles], 1
    )
    of_mlp = zip(found.layer.values, means(parts["mlps"].values), strict=True)
    (difference,), (heads,), (mlps,), (embedding,), (rest,) = map(
        means,
        (
            -found.d.values,
            by_head.sum(("layer", "head")).values,
            parts["mlps"].sum("layer").values,
            parts["embedding"].values,
            parts["rest"].values,
        ),
    )
    return {
        "difference": difference,
        "all_heads": heads,
        "all_mlps": mlps,
        "embedding": embedding,
        "rest": rest,
        "heads": [
            {"layer": layer, "head": head, **one}
            for (layer, head), one in zip(cells, means(by_head.values), strict=True)
        ],
        "mlps": [{"layer": int(layer), **one} for layer, one in of_mlp],
        "roles": [{"role": role, **one} for role, one in zip(roles, means(of_role), strict=True)],
        "largest_delta": float(abs(found.delta).max()),
        "pairs": len(pairs),
        "model": str(found.attrs["model"]),
    }
