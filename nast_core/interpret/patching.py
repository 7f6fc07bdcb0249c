"""What is written into the affirmative run: a component, at sets of positions, in a window of layers.

A plan's rows are the patched runs of one layer: one a set of positions and, for heads, one a head. Source:
method.md section 3; windows of layers as in Meng et al. 2022 (arXiv:2202.05262).
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from nast_core.models.tower import Block, Component, TextTower, Touch
from nast_core.negation.pairs import AlignedPair

Positions = Literal["each", "negator", "all"]


class PatchPlan(BaseModel):
    """Which of the negated text's values replace the affirmative text's, and which of them together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: Component = "block"
    positions: Positions = "each"  # one at a time, the negator's tokens together, or every position together
    window: int = Field(default=1, ge=1)  # layers written together, from a row's own layer on

    @property
    def first_layer(self) -> int:
        """Block states begin with the embedding output, layer 0; other components with block 1."""
        return 0 if self.component == "block" else 1

    def layers(self, tower: TextTower) -> int:
        return tower.n_layers + 1 - self.first_layer

    def heads(self, tower: TextTower) -> int:
        return tower.n_heads if self.component == "head" else 1


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
    return tuple(Row(head, held) for head in range(plan.heads(tower)) for held in sets)


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
    """Writes ``values`` [..., value, width] into the tokens ``where`` of a batch as it is computed; of each head its slice."""

    def touch(name: Component, computed: Tensor) -> Tensor:
        if name != component:
            return computed
        written = computed.clone()
        if component == "head":
            channels = written.unflatten(-1, (tower.n_heads, -1))
            own = values.unflatten(-1, (tower.n_heads, -1))
            channels[(*where, head)] = own[..., torch.arange(len(head), device=head.device), head, :]
        else:
            written[where] = values
        return written

    return touch
