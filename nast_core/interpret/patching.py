"""What is written into the affirmative run: a component, at sets of positions, in a window of layers.

A plan's rows are the patched runs of one layer: one a set of positions and, for heads, one a head. Source:
method.md section 3; windows of layers as in Meng et al. 2022 (arXiv:2202.05262).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.interpret.plan import PatchPlan
from nast_core.models.components import Component
from nast_core.models.tower import Block, TextTower, Touch
from nast_core.negation.pairs import AlignedPair


class Row(NamedTuple):
    """One patched run of a layer: one head (0 where the component has none), at these positions."""

    head: int
    positions: tuple[int, ...]


def position_sets(plan: PatchPlan, tower: TextTower, pair: AlignedPair) -> tuple[tuple[int, ...], ...]:
    """Sets of positions that can carry a difference: in a causal tower none before the first differing token."""
    live = tuple(p for p in pair.positions if not tower.causal or p >= pair.differing[0])
    if plan.positions == "each":
        return tuple((p,) for p in live)
    return (live,) if plan.positions == "all" else (tuple(p for p in pair.negator if p in live),)


def rows_of(plan: PatchPlan, tower: TextTower, pair: AlignedPair) -> tuple[Row, ...]:
    """Heads outermost, so that a result unflattens to [head, set]."""
    sets = position_sets(plan, tower, pair)
    return tuple(Row(head, positions) for head in range(plan.heads(tower)) for positions in sets)


def output_with(
    tower: TextTower,
    component: Component,
    block: Block,
    x: Float[Tensor, "pair position width"],
    z: Float[Tensor, "pair position width"],
    source: Float[Tensor, "pair position width"],
) -> Float[Tensor, "pair head position width"]:
    """A block's output at each position, were one component the source's there; head is 1 but for ``head``.

    ``x`` and ``z`` are the clean run's block input and heads' outputs.
    """
    if component == "block":
        return source[:, None]
    if component == "mlp":
        return block.add_mlp(block.add_attention(x, block.attention_out(z)), source)[:, None]
    if component == "attention":
        attention = source[:, None]
    else:
        own = torch.eye(tower.n_heads, dtype=torch.bool, device=z.device)[:, None, :, None]
        theirs, mine = (part.unflatten(-1, (tower.n_heads, -1))[:, None] for part in (source, z))
        attention = block.attention_out(torch.where(own, theirs, mine).flatten(-2))
    middle = block.add_attention(x[:, None], attention)
    return block.add_mlp(middle, block.mlp(middle))


def writing(
    tower: TextTower, component: Component, where: tuple[Tensor | slice, Tensor], head: Tensor, values: Tensor
) -> Touch:
    """Writes ``values`` [..., value, width] into the tokens ``where`` of a batch as it is computed;
    of each head its slice."""

    def touch(name: Component, computed: Tensor) -> Tensor:
        if name != component:
            return computed
        output = computed.clone()
        if component == "head":
            channels = output.unflatten(-1, (tower.n_heads, -1))
            own = values.unflatten(-1, (tower.n_heads, -1))
            channels[(*where, head)] = own[..., torch.arange(len(head), device=head.device), head, :]
        else:
            output[where] = values
        return output

    return touch
