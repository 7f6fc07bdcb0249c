"""Attribution patching: all of CTE at once, to first order, from two forwards and one backward.

Source: Syed et al. 2023 (arXiv:2310.10348) section 3. An estimate: shown with its correlation to exact tracing.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import PairError
from nast_core.interpret.effects import MIN_GAP, Effects, ImageScores, check_images, trace
from nast_core.interpret.plan import PatchPlan
from nast_core.interpret.tracing import BLOCKS, budget_on
from nast_core.models.components import Component
from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import TextTower, Tokens
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick

SAMPLE = 16  # pairs that are traced exactly beside an estimate
_BATCHES = 6  # times the exact path's budget: few rows a pair, so that more pairs are needed to fill the cores


def attribution_trace(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Float[Tensor, "pair dim"] | Float[Tensor, "pair image dim"],
    *,
    plan: PatchPlan = BLOCKS,
    min_gap: float = MIN_GAP,
    memory_budget: int | None = None,
    progress: Tick | None = None,
) -> xr.Dataset:
    """First-order estimate of ``trace``, with the same arguments and result:

        cte[pair, l, p] ~ - grad of S(a, i) at h_a[l, p] . ( h_n[l, p] - h_a[l, p] ) / d

    d is exact. Raises PairError for a window over one layer, which a gradient at the clean run does not describe.
    """
    check_images(pairs, images)
    if plan.window > 1:
        raise PairError(
            f"attribution patching estimates single layers, and the window is {plan.window}; use window 1, or method "
            "exact"
        )
    result, scores = Effects(model, pairs, plan), ImageScores(model, images, min_gap)
    for members in _groups(model.text, pairs, memory_budget or _BATCHES * budget_on(model.text.device)):
        affirmative = model.text.tokenize([pairs[i].pair.affirmative for i in members])
        negated = model.text.tokenize([pairs[i].pair.negated for i in members])
        with torch.no_grad():
            source, last = model.text.components(negated, plan.component)
            n = model.text.readout(last, negated) if model.text.pools_one_position else model.text.encode(negated)
        with torch.enable_grad():
            values, a = _watched(model.text, affirmative, plan.component)
            units = F.normalize(torch.stack([a, n], 1).double(), dim=-1)
            seen = [scores.add(i, *ends) for i, ends in zip(members, units.detach().cpu(), strict=True)]
            targets = torch.stack([torch.zeros(model.text.dim).double() if x is None else x for x in seen])
            score = (units[:, 0] * targets.to(units.device)).sum()
            slopes = torch.autograd.grad(score, values)
        gaps = ((units[:, 0] - units[:, 1]).detach().cpu() * targets).sum(-1)
        change = torch.stack(
            [g.double() * (h - v).detach().double() for g, h, v in zip(slopes, source, values, strict=True)], 1
        )
        for row, i in enumerate(members):
            if seen[row] is not None:
                result.put(i, _effect(model.text, plan, pairs[i], change[row].cpu(), float(gaps[row])))
        if progress:
            progress(len(members))
    return result.dataset(scores, "attribution")


def _watched(tower: TextTower, tokens: Tokens, component: Component) -> tuple[list[Tensor], Tensor]:
    """The clean run's values of a component, in the graph, and the text's vector."""
    mask = tower.attention_mask(tokens)
    states = [tower.embed(tokens).detach().requires_grad_()]
    tensors = [states[0]] if component == "block" else []

    def keep(name: Component, value: Tensor) -> Tensor:
        if name == component:
            tensors.append(value)
        return value

    for block in tower.blocks:
        states.append(tower.step(block, states[-1], block.sight(mask, tokens), keep))
    return tensors, tower.finish(states, tokens)


def _effect(
    tower: TextTower, plan: PatchPlan, pair: AlignedPair, change: Float[Tensor, "layer position width"], gap: float
) -> Float[np.ndarray, "layer head place"]:
    per_head = (
        change.unflatten(-1, (plan.heads(tower), -1)).sum(-1).transpose(1, 2)
    )  # [layer, head, place], so far every position
    if plan.positions == "negator":
        per_head = per_head[..., list(pair.negator)].sum(-1, keepdim=True)
    elif plan.positions == "all":
        per_head = per_head[..., list(pair.positions)].sum(-1, keepdim=True)
    return (-per_head / gap).numpy()


def _groups(tower: TextTower, pairs: Sequence[AlignedPair], budget: int) -> Iterator[list[int]]:
    """Pairs of equal length, as many as the budget holds with their graph."""
    order = sorted(range(len(pairs)), key=lambda i: pairs[i].length)
    for length, same in groupby(order, key=lambda i: pairs[i].length):
        members = list(same)
        at_once = max(1, budget // (tower.n_layers * length * tower.width * 24 * 4))
        yield from (members[i : i + at_once] for i in range(0, len(members), at_once))


def agreement(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Tensor,
    *,
    plan: PatchPlan = BLOCKS,
    sample: int = SAMPLE,
    seed: int = 0,
) -> dict[str, float | int]:
    """Correlation of the estimate with exact tracing over the cells of a random sample of pairs."""
    from scipy.stats import spearmanr  # takes a second and a half: one pair is looked at without it

    chosen = np.random.default_rng(seed).permutation(len(pairs))[:sample].tolist()
    some, their_images = [pairs[i] for i in chosen], images[chosen]
    name = "cte_head" if plan.component == "head" else "cte"
    exact, estimate = (
        method(model, some, their_images, plan=plan)[name].values.ravel() for method in (trace, attribution_trace)
    )
    defined = ~np.isnan(exact)
    varies = defined.sum() > 2 and exact[defined].std() > 0 and estimate[defined].std() > 0
    return {
        "pearson": float(np.corrcoef(exact[defined], estimate[defined])[0, 1]) if varies else float("nan"),
        "spearman": float(spearmanr(exact[defined], estimate[defined]).statistic) if varies else float("nan"),
        "cells": int(defined.sum()),
        "pairs": len(some),
    }


def with_agreement(
    estimate: xr.Dataset, model: DualEncoder, pairs: Sequence[AlignedPair], images: Tensor, *, plan: PatchPlan = BLOCKS
) -> xr.Dataset:
    """An estimate that carries its ``agreement`` in its attributes: nobody is to see it without."""
    close = agreement(model, pairs, images, plan=plan)
    return estimate.assign_attrs({f"agreement_{name}": value for name, value in close.items()})
