"""Causal tracing the slow way: one whole run of one text for every patch, block by block, in plain tensor code."""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from nast_core.models.tower import TextTower
from nast_core.negation.pairs import AlignedPair


def block_by_hand(tower: TextTower, block, x, mask, write):
    """A block's output for one text [1, position, width]; ``write`` sees and may replace each component."""
    heads, (length, width) = tower.n_heads, x.shape[1:]
    read = block.attention_in(x)
    key, value = block.key_value(read)
    q, k, v = (part.reshape(length, heads, width // heads).transpose(0, 1) for part in (block.query(read), key, value))
    scores = q @ k.transpose(1, 2) / (width // heads) ** 0.5
    if mask is not None:
        scores = torch.where(mask[0], scores, float("-inf"))
    z = (scores.softmax(-1) @ v).transpose(0, 1).reshape(1, length, width)
    attention = write("attention", block.attention_out(write("head", z)))
    middle = block.add_attention(x, attention)
    return write("block", block.add_mlp(middle, write("mlp", block.mlp(middle))))


def values_of(tower: TextTower, text: str, component: str):
    """A component after every layer, layer 0 being the embedding (None but for blocks)."""
    tokens = tower.tokenize([text])
    x, mask = tower.embed(tokens), tower.attention_mask(tokens)
    kept = [x if component == "block" else None]
    for block in tower.blocks:
        seen = {}
        x = block_by_hand(tower, block, x, mask, lambda name, value, seen=seen: seen.setdefault(name, value))
        kept.append(seen[component])
    return kept


def patched(
    tower: TextTower,
    pair: AlignedPair,
    component: str,
    layers: Sequence[int],
    positions: Sequence[int],
    head: int | None = None,
    source=None,
):
    """The unit vector of the affirmative text with a component of the negated text written in."""
    source = source or values_of(tower, pair.pair.negated, component)
    channels = slice(None)
    if head is not None:
        size = tower.width // tower.n_heads
        channels = slice(head * size, (head + 1) * size)

    def write_at(layer):
        def write(name, value):
            if name != component or layer not in layers:
                return value
            value = value.clone()
            for position in positions:
                value[0, position, channels] = source[layer][0, position, channels]
            return value

        return write

    tokens = tower.tokenize([pair.pair.affirmative])
    states = [write_at(0)("block", tower.embed(tokens))]
    for layer, block in enumerate(tower.blocks, start=1):
        states.append(block_by_hand(tower, block, states[-1], tower.attention_mask(tokens), write_at(layer)))
    return F.normalize(tower.finish(states, tokens), dim=-1)[0]


def patched_everywhere(tower: TextTower, pair: AlignedPair, plan):
    """What ``patched_pairs`` gives of one pair, [layer, head, position or 1, dim]."""
    source = values_of(tower, pair.pair.negated, plan.component)
    sets = {"each": [[p] for p in range(pair.length)], "negator": [pair.negator], "all": [pair.positions]}
    heads = range(tower.n_heads) if plan.component == "head" else [None]
    return torch.stack(
        [
            torch.stack(
                [
                    torch.stack(
                        [
                            patched(tower, pair, plan.component, range(layer, layer + plan.window), at, head, source)
                            for at in sets[plan.positions]
                        ]
                    )
                    for head in heads
                ]
            )
            for layer in range(plan.first_layer, tower.n_layers + 1)
        ]
    )
