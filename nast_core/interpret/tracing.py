"""Exact causal tracing, batched: which states of the text encoder carry a negation (method.md section 3).

Nothing is computed twice. The image meets a text only in the last dot product, so tracing yields the
joint-space vector of every patched run, and scoring it against any image is one product. Each text runs
clean once; the rows patched after layer l join one growing batch there. In a causal tower a row's positions
before the patched one are the clean ones: their keys and values are read from the clean run, and a row holds
only the positions from its own on, packed without padding. The last block computes the pooled position only.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from nast_core.models.tower import Block, TextTower
from nast_core.negation.pairs import AlignedPair

MEMORY_BUDGET = 256 * 2**20  # bytes of states in flight; larger batches gain nothing once the cores are full


class _Rows(NamedTuple):
    """Which positions each patched row holds, packed side by side: row i patches ``positions[i]``."""

    positions: Int[Tensor, " row"]
    token_row: Int[Tensor, " token"]
    token_position: Int[Tensor, " token"]
    patched: Int[Tensor, " row"]  # index among tokens of each row's patched position
    pooled: Int[Tensor, " row"]  # index among tokens of each row's pooled position
    keys: Int[Tensor, "row position"]  # index into [clean positions | own tokens] of what a row's queries see
    queries: Int[Tensor, "row query"]  # index among tokens, 0 where a row has no such query
    unpad: Int[Tensor, " token"]  # index into the flat [row x query] of every token


def _layout(length: int, patched: Sequence[int], pooled: int, causal: bool, device: torch.device) -> _Rows:
    positions = torch.tensor(patched)
    begin = positions if causal else torch.zeros_like(positions)
    grid = torch.arange(length).expand(len(positions), -1)
    held = grid >= begin[:, None]
    token_row, token_position = held.nonzero(as_tuple=True)
    index = torch.full(grid.shape, -1)
    index[held] = torch.arange(int(held.sum()))
    start = int(begin.min())
    queries = index[:, start:].clamp(min=0)
    unpad = token_row * (length - start) + token_position - start
    keys = torch.where(held, length + index, grid)
    rows = torch.arange(len(positions))
    layout = _Rows(positions, token_row, token_position, index[rows, positions], index[:, pooled], keys, queries, unpad)
    return _Rows(*(part.to(device) for part in layout))


@torch.inference_mode()
def patched_vectors(
    tower: TextTower,
    pairs: Sequence[AlignedPair],
    *,
    memory_budget: int = MEMORY_BUDGET,
    progress: Callable[[int], None] | None = None,
) -> list[Float[Tensor, "layer position dim"]]:
    """Unit joint-space vectors of the affirmative text with one state of the negated text written in.

    Entry [l, p] has h_n[l, p] in place of h_a[l, p], for layer 0 (embedding output) to L and every position p
    of the pair. Positions before the first differing token hold the clean vector, which is exact in causal
    towers: equal prefixes have equal states. Returns one tensor a pair, on the CPU, in the order given.

    Source: Meng et al. 2022 (arXiv:2202.05262) section 2, with states swapped as in NAST; the batching is ours.
    """
    results: list[Tensor | None] = [None] * len(pairs)
    work = _trace_group if tower.pools_one_position else _trace_layers
    for group in _groups(tower, pairs, memory_budget):
        vectors = work(tower, [pairs[i] for i in group])
        wide = vectors if vectors.dtype == torch.float64 else vectors.float()
        for i, value in zip(group, wide.cpu(), strict=True):
            results[i] = value
        if progress:
            progress(len(group))
    return [value for value in results if value is not None]


def _patched_positions(tower: TextTower, pair: AlignedPair) -> tuple[int, ...]:
    """In a causal tower nothing before the first differing token can have changed."""
    return tuple(p for p in pair.positions if not tower.causal or p >= pair.differing[0])


def _groups(tower: TextTower, pairs: Sequence[AlignedPair], budget: int) -> Iterator[list[int]]:
    """Indices of pairs alike in length and patched positions, cut to the memory budget."""

    def shape(i: int) -> tuple[int, tuple[int, ...]]:
        return pairs[i].length, _patched_positions(tower, pairs[i])

    for (length, patched), same in groupby(sorted(range(len(pairs)), key=shape), key=shape):
        members, rows = list(same), len(patched)
        tokens = rows * (rows + 1) // 2 if tower.causal else rows * length
        bytes_per_pair = tower.n_layers * tokens * tower.width * 12 * 4  # states, heads and the MLP's inner width
        size = max(1, budget // bytes_per_pair)
        yield from (members[i : i + size] for i in range(0, len(members), size))


def _trace_layers(tower: TextTower, pairs: Sequence[AlignedPair]) -> Float[Tensor, "pair layer position dim"]:
    """For towers whose embedding is read from several layers or positions: each layer's patches as one batch."""
    results = []
    for pair in pairs:
        tokens = tower.tokenize([pair.pair.affirmative])
        clean = tower.states(tokens)
        source = tower.states(tower.tokenize([pair.pair.negated]))
        patched = torch.tensor(_patched_positions(tower, pair), device=clean.device)
        rows = torch.arange(len(patched), device=clean.device)
        repeated = tokens.rows(torch.zeros_like(rows))
        vectors = tower.encode(tokens)[:, None].repeat(tower.n_layers + 1, pair.length, 1)
        for layer in range(tower.n_layers + 1):
            states = [state.repeat(len(patched), 1, 1) for state in clean[: layer + 1]]
            states[-1][rows, patched] = source[layer, 0, patched]
            vectors[layer, patched] = tower.finish(states, repeated)
        results.append(F.normalize(vectors, dim=-1))
    return torch.stack(results)


def _trace_group(tower: TextTower, pairs: Sequence[AlignedPair]) -> Float[Tensor, "pair layer position dim"]:
    tokens = tower.tokenize([p.pair.affirmative for p in pairs])
    source = tower.states(tower.tokenize([p.pair.negated for p in pairs]))
    length, pooled = tokens.ids.shape[1], pairs[0].pooled
    patched = _patched_positions(tower, pairs[0])
    layout = _layout(length, patched, pooled, tower.causal, tokens.ids.device)
    mask = tower.attention_mask(tokens)
    packed = tower.embed(tokens)  # [pair, clean positions | tokens of every row, by patched layer, width]
    for layer, block in enumerate(tower.blocks):
        fresh = packed[:, layout.token_position]
        fresh[:, layout.patched] = source[layer][:, layout.positions]
        packed = torch.cat([packed, fresh], 1)
        packed = _block(tower, block, packed, mask, layout, length, pooled, last=layer == tower.n_layers - 1)
    projected = tower.project(packed)  # the last block left the pooled states: clean, then [layer x row]
    vectors = projected[:, :1, None].repeat(1, tower.n_layers + 1, length, 1)
    vectors[:, :-1, layout.positions] = projected[:, 1:].unflatten(1, (tower.n_layers, -1))
    vectors[:, -1, pooled] = tower.project(source[-1][:, pooled])
    return F.normalize(vectors, dim=-1)


def _block(
    tower: TextTower,
    block: Block,
    packed: Tensor,
    mask: Tensor | None,
    layout: _Rows,
    length: int,
    pooled: int,
    *,
    last: bool,
) -> Tensor:
    """One block for the clean run and every patched row at once; the last keeps only the pooled positions.

    ``mask`` is the clean run's, [pair or 1, 1, query, key].
    """
    layers = (packed.shape[1] - length) // len(layout.token_row)
    read = block.attention_in(packed)
    key, value = block.key_value(read)
    if last:
        rows = length + torch.arange(layers, device=packed.device)[:, None] * len(layout.token_row) + layout.pooled
        wanted = torch.cat([rows.new_tensor([pooled]), rows.flatten()])
        packed, read = packed[:, wanted], read[:, wanted]
    query = block.query(read)
    clean = 1 if last else length
    start = int(length - layout.queries.shape[1])

    def visible(queries: Tensor) -> Tensor | None:
        return None if mask is None else mask[:, :, queries]

    def seen(part: Tensor) -> Tensor:  # [pair, layer, row, position, width]
        own = part[:, length:].unflatten(1, (layers, -1))
        everything = torch.cat([part[:, None, :length].expand(-1, layers, -1, -1), own], 2)
        return everything[:, :, layout.keys]

    asked = query[:, clean:].unflatten(1, (layers, -1))
    asked = asked[:, :, :, None] if last else asked[:, :, layout.queries]  # [pair, layer, row, query, width]
    device = packed.device
    end = torch.tensor([pooled], device=device)
    sees = visible(end if last else torch.arange(start, length, device=device))
    sees = None if sees is None else sees[:, None, None]  # the same in every layer and row
    z_rows = _attend(tower, asked, seen(key), seen(value), sees)
    z_rows = z_rows.flatten(2, 3) if last else z_rows.flatten(2, 3)[:, :, layout.unpad]
    at = end if last else torch.arange(length, device=device)
    z_clean = _attend(tower, query[:, :clean], key[:, :length], value[:, :length], visible(at))
    packed = block.add_attention(packed, block.attention_out(torch.cat([z_clean, z_rows.flatten(1, 2)], 1)))
    return block.add_mlp(packed, block.mlp(packed))


def _attend(tower: TextTower, query: Tensor, key: Tensor, value: Tensor, sees: Tensor | None) -> Tensor:
    """Concatenated heads [..., query, width] before the output projection."""
    z = F.scaled_dot_product_attention(tower.split(query), tower.split(key), tower.split(value), attn_mask=sees)
    return z.transpose(-3, -2).flatten(-2)
