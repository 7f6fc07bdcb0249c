"""Exact causal tracing, batched: which states of the text encoder carry a negation (method.md section 3).

Nothing is computed twice. The image meets a text only in the last dot product, so tracing yields the
joint-space vector of every patched run, and scoring it against any image is one product. Each text runs
clean once; the rows patched in a layer join one growing batch there. In a causal tower a row's positions
before the patched one are the clean ones: their keys and values are read from the clean run, and a row holds
only the positions from its own on, packed without padding. The last block computes the pooled position only.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from nast_core.interpret.ablation import need_whole_sight
from nast_core.interpret.patching import Row, output_with, rows_of, writing
from nast_core.interpret.plan import PatchPlan
from nast_core.models.tower import Block, TextTower, Tokens, Touch, untouched
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick

BLOCKS = PatchPlan()
_CPU_BUDGET = 18 * 2**20  # two pairs of a ViT-B/32: more is no faster, and what the allocator holds grows eightfold
_ACCELERATOR_BUDGET = 2**30


class Patched(NamedTuple):
    """Unit joint-space vectors of some pairs, on the CPU."""

    pairs: list[int]  # which of the pairs given
    vectors: Float[Tensor, "pair layer head set dim"]  # of patched runs; head is 1 where the component has none
    ends: Float[Tensor, "pair form dim"]  # of the affirmative and the negated text


@torch.inference_mode()
def patched_runs(
    tower: TextTower,
    pairs: Sequence[AlignedPair],
    plan: PatchPlan = BLOCKS,
    *,
    memory_budget: int | None = None,
    progress: Tick | None = None,
) -> Iterator[Patched]:
    """Vectors of the affirmative text with values of the negated text written in, some pairs at a time.

    Entry [pair, l, head, set] belongs to layer ``plan.first_layer`` + l and to the pair's ``position_sets``, in
    their order. ``memory_budget`` bounds the bytes in flight, whatever the number of pairs; by default as many as the
    device gains from.

    Source: Meng et al. 2022 (arXiv:2202.05262) section 2, with states swapped as in NAST; the batching is ours.
    """
    need_whole_sight(tower)
    for members, chunks in _groups(tower, pairs, plan, memory_budget or budget_on(tower.device)):
        affirmative = tower.tokenize([pairs[i].pair.affirmative for i in members])
        negated = tower.tokenize([pairs[i].pair.negated for i in members])
        source, last = tower.components(negated, plan.component)
        pooled = pairs[members[0]].pooled
        parts = [
            _trace_group(tower, plan, affirmative, source, rows, pooled)
            if tower.pools_one_position
            else _trace_layers(tower, plan, affirmative, source, rows)
            for rows in chunks
        ]
        vectors = torch.cat([rows for _, rows in parts], 2).unflatten(2, (plan.heads(tower), -1))
        end = tower.readout(last, negated) if tower.pools_one_position else tower.encode(negated)
        patched = Patched(members, _unit(vectors), _unit(torch.stack([parts[0][0], end], 1)))
        if progress:
            progress(len(members))
        yield patched


def budget_on(device: torch.device) -> int:
    """Bytes of states in flight that a device gains from."""
    return _CPU_BUDGET if device.type == "cpu" else _ACCELERATOR_BUDGET


def _unit(vectors: Tensor) -> Tensor:
    wide = vectors if vectors.dtype == torch.float64 else vectors.float()
    return F.normalize(wide, dim=-1).cpu()


def _groups(
    tower: TextTower, pairs: Sequence[AlignedPair], plan: PatchPlan, budget: int
) -> Iterator[tuple[list[int], list[tuple[Row, ...]]]]:
    """Pairs alike in length and rows, as many as the budget holds, and their rows cut to it where one pair is over."""

    def shape(i: int) -> tuple[int, tuple[Row, ...]]:
        return pairs[i].length, rows_of(plan, tower, pairs[i])

    token_bytes = plan.layers(tower) * tower.width * 12 * 4  # of a state, its heads and the MLP's inner width
    for (length, rows), same in groupby(sorted(range(len(pairs)), key=shape), key=shape):
        sizes = [length - _begin(tower, row) for row in rows]
        per_chunk = max(1, len(rows) * budget // max(1, sum(sizes) * token_bytes))
        chunks = [rows[i : i + per_chunk] for i in range(0, len(rows), per_chunk)]
        at_once = max(1, round(budget / (sum(sizes) * token_bytes)))
        members = list(same)
        yield from ((members[i : i + at_once], chunks) for i in range(0, len(members), at_once))


def _begin(tower: TextTower, row: Row) -> int:
    """The first position whose states a row must hold: in a causal tower those before are the clean ones."""
    return min(row.positions) if tower.causal else 0


class _Places(NamedTuple):
    """Where a layer's rows lie when packed side by side, and which values their patches write there."""

    copied: Int[Tensor, " token"]  # the clean position that each token starts from
    token: Int[Tensor, " value"]
    position: Int[Tensor, " value"]
    head: Int[Tensor, " value"]


class _Layout(NamedTuple):
    """How rows are packed: all their tokens, and after the last block their pooled tokens only."""

    tokens: _Places
    ends: _Places
    pooled: Int[Tensor, " row"]  # token of each row's pooled position
    keys: Int[Tensor, "row position"]  # index into [clean positions | own tokens] of what a row's queries see
    queries: Int[Tensor, "row query"]  # token of each query, 0 where a row has no such query
    unpad: Int[Tensor, " token"]  # index into the flat [row x query] of every token


def _layout(tower: TextTower, rows: Sequence[Row], length: int, pooled: int) -> _Layout:
    begin = torch.tensor([_begin(tower, row) for row in rows])
    grid = torch.arange(length).expand(len(rows), -1)
    tail = grid >= begin[:, None]
    token_row, token_position = tail.nonzero(as_tuple=True)
    token = torch.full(grid.shape, -1)
    token[tail] = torch.arange(len(token_row))
    start = int(begin.min())

    def places(copied: Tensor, values: Sequence[tuple[int, int, int]]) -> _Places:
        columns = torch.tensor(values, dtype=torch.long).reshape(-1, 3).unbind(1)
        return _Places(*(part.to(tower.device) for part in (copied, *columns)))

    written = [(int(token[i, p]), p, row.head) for i, row in enumerate(rows) for p in row.positions]
    ends = [(i, 0, row.head) for i, row in enumerate(rows) if pooled in row.positions]
    parts = (
        token[:, pooled],
        torch.where(tail, length + token, grid),
        token[:, start:].clamp(min=0),
        token_row * (length - start) + token_position - start,
    )
    zeros = torch.zeros(len(rows), dtype=torch.long)
    return _Layout(places(token_position, written), places(zeros, ends), *(part.to(tower.device) for part in parts))


def _trace_group(
    tower: TextTower, plan: PatchPlan, tokens: Tokens, source: Sequence[Tensor], rows: Sequence[Row], pooled: int
) -> tuple[Float[Tensor, "pair dim"], Float[Tensor, "pair layer row dim"]]:
    length = tokens.ids.shape[1]
    layout = _layout(tower, rows, length, pooled)
    mask = tower.attention_mask(tokens)
    packed = tower.embed(tokens)  # [pair, clean positions | tokens of every row, by patched layer, width]
    if plan.component == "block":
        packed = _joined(packed, source[0][:, None], layout.tokens)
    for layer, block in enumerate(tower.blocks, start=1):
        last = layer == tower.n_layers
        places = layout.ends if last else layout.tokens
        at = [pooled] if last else list(range(length))
        x, own = packed[:, at], source[layer - plan.first_layer][:, at]
        touch = _window(tower, plan, layer, len(at), places, own)
        packed, z = _block(tower, block, packed, mask, layout, length, pooled, touch, last=last)
        packed = _joined(packed, output_with(tower, plan.component, block, x, z, own), places)
    projected = tower.project(packed)  # the last block left the pooled states: clean, then [layer x row]
    return projected[:, 0], projected[:, 1:].unflatten(1, (-1, len(rows)))


def _joined(packed: Tensor, outputs: Float[Tensor, "pair head position width"], places: _Places) -> Tensor:
    """The batch and a layer's new rows: the clean states, with the plan's values written in."""
    fresh = packed[:, places.copied]
    fresh[:, places.token] = outputs[:, places.head, places.position]
    return torch.cat([packed, fresh], 1)


def _window(tower: TextTower, plan: PatchPlan, layer: int, clean: int, places: _Places, own: Tensor) -> Touch:
    """Writes this layer's values, too, into the rows whose window has not ended."""
    layers = range(max(plan.first_layer, layer - plan.window + 1), layer)
    if not layers:
        return untouched
    size = len(places.copied)
    token = torch.cat([clean + (entered - plan.first_layer) * size + places.token for entered in layers])
    position, head = places.position.repeat(len(layers)), places.head.repeat(len(layers))
    return writing(tower, plan.component, (slice(None), token), head, own[:, position])


def _block(
    tower: TextTower,
    block: Block,
    packed: Tensor,
    mask: Tensor | None,
    layout: _Layout,
    length: int,
    pooled: int,
    touch: Touch,
    *,
    last: bool,
) -> tuple[Tensor, Tensor]:
    """One block for the clean run and every row at once, and the clean run's heads' outputs.

    The last block keeps only the pooled positions. ``mask`` is the clean run's, [pair or 1, 1, query, key].
    """
    per_layer = len(layout.tokens.copied)
    layers = (packed.shape[1] - length) // per_layer
    read = block.attention_in(packed)
    key, value = block.key_value(read)
    device = packed.device
    at = torch.tensor([pooled], device=device) if last else torch.arange(length, device=device)
    if last:
        ends = length + torch.arange(layers, device=device)[:, None] * per_layer + layout.pooled
        wanted = torch.cat([at, ends.flatten()])
        packed, read = packed[:, wanted], read[:, wanted]
    query = block.query(read)
    z = _attend(
        tower, query[:, : len(at)], key[:, :length], value[:, :length], None if mask is None else mask[:, :, at]
    )
    if layers:
        start = length - layout.queries.shape[1]

        shift = torch.arange(layers, device=device)[:, None, None] * per_layer  # to a layer's own tokens
        index = layout.keys + shift * (layout.keys >= length)  # [layer, row, position] into packed
        queries = query[:, len(at) :].unflatten(1, (layers, -1))
        queries = queries[:, :, :, None] if last else queries[:, :, layout.queries]  # [pair, layer, row, query, width]
        sees = None if mask is None else mask[:, :, at if last else at[start:]][:, None, None]
        rows = _attend(tower, queries, key[:, index], value[:, index], sees).flatten(2, 3)
        rows = rows if last else rows[:, :, layout.unpad]
        z_all = torch.cat([z, rows.flatten(1, 2)], 1)
    else:
        z_all = z
    return tower.from_heads(block, packed, z_all, touch), z


def _attend(tower: TextTower, query: Tensor, key: Tensor, value: Tensor, sees: Tensor | None) -> Tensor:
    """Heads' outputs side by side, [..., query, width], before the output projection."""
    return tower.join(
        F.scaled_dot_product_attention(tower.split(query), tower.split(key), tower.split(value), attn_mask=sees)
    )


def _trace_layers(
    tower: TextTower, plan: PatchPlan, tokens: Tokens, source: Sequence[Tensor], rows: Sequence[Row]
) -> tuple[Float[Tensor, "pair dim"], Float[Tensor, "pair layer row dim"]]:
    """For towers whose embedding is read from several layers or positions: a layer's rows as one plain batch."""
    values = [(i, p, row.head) for i, row in enumerate(rows) for p in row.positions]
    row, position, head = torch.tensor(values, device=tower.device).unbind(1)
    ends, patched = [], []
    for pair in range(len(tokens)):
        one = tokens.rows(torch.tensor([pair], device=tower.device))
        many = tokens.rows(torch.full((len(rows),), pair, device=tower.device))
        mask, clean = tower.attention_mask(many), tower.states(one)
        ends.append(tower.encode(one))
        vectors = []
        for first in range(plan.first_layer, tower.n_layers + 1):
            states = [state.repeat(len(rows), 1, 1) for state in clean[: max(first, 1)]]
            if first == 0:
                states[0][row, position] = source[0][pair, position]
            for layer in range(max(first, 1), min(first + plan.window, tower.n_layers + 1)):
                own = source[layer - plan.first_layer][pair, position]
                touch = writing(tower, plan.component, (row, position), head, own)
                states.append(tower.step(tower.blocks[layer - 1], states[-1], mask, touch))
            vectors.append(tower.finish(states, many))
        patched.append(torch.stack(vectors))
    return torch.cat(ends), torch.stack(patched)
