"""Embedding lens: what would a text mean if it stopped after this layer? Source: method.md section 9.

The plain form reads a layer's pooled state as if it were the last: unit(project(h_l)). It is known to fail on CLIPs,
whose layers do not share one space. The Jacobian form first carries the state to the last layer by a linear map that
is the same for every text,

    e_l = unit(project(J_l h_l)),        J_l = mean over texts of d h_L[pooled] / d h_l[pooled]

so that at the last layer, where J is the identity, both are the embedding itself. Departures: of many texts each gives
some of J's rows (``mean_jacobians``); and method.md's J goes to the embedding, behind the final norm, whose own
derivative takes out of a state just what it scales: so here the norm is read, not linearised.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import PairError, TextError
from nast_core.interpret.ablation import need_whole_sight
from nast_core.interpret.plan import LENS_TEXTS
from nast_core.models.description import no_lens
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import Block, Hidden, TextTower, Tokens
from nast_core.negation.forms import FORMS
from nast_core.negation.pairs import PolarityPair
from nast_core.negation.phrases import sentence_case
from nast_core.progress import Tick
from nast_core.statistics.rates import Rate, rates
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

if TYPE_CHECKING:
    import xarray as xr

Way = Literal["jacobian", "plain"]
WAYS: tuple[Way, ...] = ("jacobian", "plain")
TARGETS = (*FORMS, "equivalent")
NEAREST = 10  # phrases
_FEWEST = 4  # of them in a tower whose every position must be followed
_A_ROW = 32  # texts that a row of the Jacobian is a mean over, at least, where there are as many
_BUDGET = 8 * 2**20  # bytes of a block's inner states and their gradients: more outgrow the caches (measured)
_BATCH, _AT_ONCE = 64, 8  # texts

Jacobians = Float[Tensor, "layer width width"]


def texts_for_jacobians(tower: TextTower, texts: Sequence[str], most: int = LENS_TEXTS) -> list[str]:
    """Some of the texts, evenly: ``most`` in a causal tower, where a state meets no other position on its way. Where it
    does, every position is followed back: so many fewer that the work stays of one size, but _FEWEST."""
    every = list(dict.fromkeys(texts))
    if not tower.causal:
        longest = tower.tokenize(every[: 1 if tower.padding == "fixed" else None]).ids.shape[1]
        most = max(_FEWEST, most // longest)
    at = np.unique(np.linspace(0, len(every) - 1, min(most, len(every))).round().astype(int))
    return [every[i] for i in at]


def mean_jacobians(model: DualEncoder, texts: Sequence[str], *, progress: Tick | None = None) -> Jacobians:
    """J_l of every layer, 0 to the last, whose is the identity; [layer, last width, width], on the CPU.

    A row is a backward product a text, and the last state is wide. Of more than twice _A_ROW texts, each gives some of
    the rows by turns, so that every row is a mean over at least _A_ROW of them, spread over all lengths.

    Raises PairError for a tower that pools several positions, and for no text.
    """
    tower = _single(model)
    if not texts:
        raise PairError("no text was given; the lens's Jacobian is a mean over texts, so it needs at least one")
    ordered = [text for batch in model.text_batches(texts, _BATCH) for text in batch]
    turns = max(1, len(ordered) // _A_ROW)
    jacobians = torch.zeros(tower.n_layers + 1, tower.width, tower.width, dtype=model.dtype, device=tower.device)
    with torch.inference_mode(False), torch.no_grad():
        for turn in range(turns):
            own, rows = ordered[turn::turns], torch.arange(turn, tower.width, turns, device=tower.device)
            for batch in model.text_batches(own, _AT_ONCE):
                jacobians[:, rows] += _jacobians(tower, tower.tokenize(batch), rows) / len(own)
                if progress:
                    progress(len(batch))
    return jacobians.cpu()


def _jacobians(tower: TextTower, tokens: Tokens, rows: Int[Tensor, " row"]) -> Float[Tensor, "layer row width"]:
    """Some rows of every layer's Jacobian, summed over the batch's texts."""
    mask, hidden, states = tower.attention_mask(tokens), tower.embed(tokens), []
    for block in tower.blocks:
        states.append(hidden)
        hidden = tower.step(block, hidden, mask)
    texts, width, text = len(tokens), tower.width, torch.arange(len(tokens), device=tower.device)
    live = 1 if tower.causal else hidden.shape[1]
    at = torch.zeros_like(tokens.pooled) if tower.causal else tokens.pooled
    result = torch.zeros(tower.n_layers + 1, len(rows), width, dtype=hidden.dtype, device=tower.device)
    per_row = texts * live * width * 4 * 2 * hidden.element_size()
    some = max(1, min(len(rows), _BUDGET // per_row))
    for start in range(0, len(rows), some):
        wanted = torch.eye(width, dtype=hidden.dtype, device=tower.device)[rows[start : start + some]]
        back = torch.zeros(len(wanted), texts, live, width, dtype=hidden.dtype, device=tower.device)
        back[:, text, at] = wanted[:, None]
        result[-1, start : start + some] = wanted * texts
        for layer in reversed(range(tower.n_layers)):
            block, whole = tower.blocks[layer], states[layer]
            with torch.enable_grad():
                entered = (whole[text, tokens.pooled][:, None] if tower.causal else whole).detach().requires_grad_()
                left = (
                    _alone(tower, block, entered, whole, mask, tokens)
                    if tower.causal
                    else _whole(tower, block, entered, mask)
                )
                (back,) = torch.autograd.grad(left, entered, back, is_grads_batched=True)
            result[layer, start : start + some] = back[:, text, at].sum(1)
    return result


def _whole(tower: TextTower, block: Block, entered: Hidden, mask: Tensor | None) -> Hidden:
    read = block.attention_in(entered)
    query, key, value = (tower.split(part) for part in (block.query(read), *block.key_value(read)))
    return tower.from_heads(block, entered, tower.join(tower.weights(query, key, mask) @ value))


def _alone(
    tower: TextTower, block: Block, entered: Hidden, clean: Hidden, mask: Tensor | None, tokens: Tokens
) -> Float[Tensor, "text 1 width"]:
    """A block at the pooled position alone: in a causal tower nothing before it hears of it."""
    rows, at = torch.arange(len(tokens), device=tower.device), tokens.pooled
    others = block.key_value(block.attention_in(clean))
    read = block.attention_in(entered)
    own = block.key_value(read)
    key, value = (tower.split(torch.cat([theirs.detach(), mine], 1)) for theirs, mine in zip(others, own, strict=True))
    assert mask is not None  # of a causal tower
    seen = mask.expand(len(tokens), *mask.shape[1:])[rows, :, at]  # [text, 1, key]
    itself = seen[rows, :, at]
    seen = seen.clone()
    seen[rows, :, at] = False  # its own key comes last, where the gradient reaches it
    seen = torch.cat([seen, itself[..., None]], -1)[:, :, None]
    weights = tower.weights(tower.split(block.query(read)), key, seen)
    return tower.from_heads(block, entered, tower.join(weights @ value))


def would_be(
    tower: TextTower, states: Float[Tensor, "*text layer width"], jacobians: Jacobians | None = None
) -> Float[Tensor, "*text layer dim"]:
    """Unit would-be embeddings of pooled states of every layer; without ``jacobians``, in the plain form."""
    if jacobians is not None:
        states = torch.einsum("...li,loi->...lo", states, jacobians.to(states))
    vectors = tower.project(states)
    return F.normalize(vectors if vectors.dtype == torch.float64 else vectors.float(), dim=-1).cpu()


@torch.inference_mode()
def would_be_embeddings(
    model: DualEncoder, texts: Sequence[str], jacobians: Jacobians | None = None, *, progress: Tick | None = None
) -> dict[Way, Float[Tensor, "text layer dim"]]:
    """Of every text, in the plain form and, with ``jacobians``, in theirs. Raises PairError as ``mean_jacobians``."""
    tower = _single(model)
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    forms: dict[Way, Jacobians | None] = (
        {"plain": None} if jacobians is None else {"jacobian": jacobians, "plain": None}
    )
    made = {way: torch.empty(0) for way in forms}
    for batch in model.text_batches(list(place), _BATCH):
        tokens = tower.tokenize(batch)
        rows = torch.arange(len(batch), device=tower.device)
        states = tower.states(tokens)[:, rows, tokens.pooled].transpose(0, 1)
        for way, carried in forms.items():
            vectors = would_be(tower, states, carried)
            if not made[way].numel():
                made[way] = torch.empty(len(place), *vectors.shape[1:], dtype=vectors.dtype)
            made[way][[place[text] for text in batch]] = vectors
        if progress:
            progress(len(batch))
    again = [place[text] for text in texts]
    return {way: vectors[again] for way, vectors in made.items()}


class Near(NamedTuple):
    """The nearest phrases of a bank, the nearest first."""

    number: Int[np.ndarray, "*cell rank"]
    cosine: Float[np.ndarray, "*cell rank"]


def nearest(vectors: Float[Tensor, "*cell dim"], bank: Float[Tensor, "phrase dim"], most: int = NEAREST) -> Near:
    """Of unit vectors, the ``most`` phrases of a bank with the largest cosine."""
    found = (vectors @ bank.to(vectors).T).topk(min(most, len(bank)))
    return Near(found.indices.numpy().astype(np.int32), found.values.numpy())


def bank_of(vocabulary: Vocabulary | None = None, conditions: Sequence[str] = ()) -> list[str]:
    """Phrases to name a would-be embedding by: every condition stated, denied, and its absence said affirmatively."""
    vocabulary, phrases = given(vocabulary), []
    for condition in conditions or vocabulary.conditions:
        entry = vocabulary[condition]
        for noun in entry.prompt_nouns:
            phrases += [f"there {noun.verb} {noun.phrase}", f"there {noun.verb} no {noun.text}"]
        phrases += entry.prompt_equivalents
    return [sentence_case(f"{phrase}.") for phrase in dict.fromkeys(phrases)]


def readable(tower: TextTower, texts: Sequence[str]) -> list[str]:
    """Those that are not over the tower's context: a vocabulary's phrases were written for no model in particular."""
    kept = []
    for text in texts:
        try:
            tower.tokenize([text])
        except TextError:
            continue
        kept.append(text)
    return kept


def equivalent_of(pair: PolarityPair, vocabulary: Vocabulary | None = None) -> str | None:
    """A sentence that says affirmatively what a pair's negated text denies; None where the vocabulary has none."""
    vocabulary = given(vocabulary)
    if pair.finding not in vocabulary:
        return None
    entry = vocabulary[pair.finding]
    whole = [text for text in entry.prompt_equivalents if text not in entry.prompts.in_part]
    return sentence_case(f"{whole[0]}.") if whole else None


def lens(
    model: DualEncoder,
    pairs: Sequence[PolarityPair],
    jacobians: Jacobians | None,
    vocabulary: Vocabulary | None = None,
    bank: Sequence[str] = (),
    *,
    progress: Tick | None = None,
) -> "xr.Dataset":
    """Where both texts of every pair would lie if they stopped after a layer. Pairs need not align.

    Returns:
        Dataset: ``cosine`` [way, pair, form, layer, target] to the embeddings of the pair's own two texts and of the
        affirmative equivalent of its denial (NaN where there is none); where ``bank`` has phrases, ``nearest`` [way,
        pair, form, layer, rank], their numbers in it, and ``nearest_cosine``. Layer 0 is the embedding output.
    Raises:
        PairError: no pair, or a tower that pools several positions.
    """
    import xarray as xr

    if not pairs:
        raise PairError("no pair was given; the lens needs at least one")
    texts = [text for pair in pairs for text in (pair.affirmative, pair.negated)]
    ways = would_be_embeddings(model, texts, jacobians, progress=progress)
    said = [equivalent_of(pair, vocabulary) for pair in pairs]
    fit = set(readable(model.text, sorted({one for one in said if one})))
    said = [one if one in fit else None for one in said]
    ends = model.encode_texts([*texts, *filter(None, said)])
    targets = torch.full((len(pairs), len(TARGETS), ends.shape[1]), torch.nan, dtype=ends.dtype)
    targets[:, :2] = ends[: len(texts)].unflatten(0, (-1, 2))
    targets[[i for i, one in enumerate(said) if one], 2] = ends[len(texts) :]
    vectors = torch.stack([ways[way] for way in ways]).unflatten(1, (-1, 2))  # [way, pair, form, layer, dim]
    cosine = torch.einsum("wpfld,ptd->wpflt", vectors, targets.to(vectors)).numpy()
    dims, none = ("way", "pair", "form", "layer"), {"units": "cosine"}
    data = {"cosine": ((*dims, "target"), cosine, none)}
    coords: dict[str, Any] = {
        "way": list(ways),
        "form": list(FORMS),
        "target": list(TARGETS),
        "layer": np.arange(model.text.n_layers + 1),
        **{
            name: ("pair", np.array(values, dtype=object))
            for name, values in (
                ("affirmative", texts[::2]),
                ("negated", texts[1::2]),
                ("finding", [pair.finding for pair in pairs]),
                ("equivalent", [one or "" for one in said]),
            )
        },
    }
    if bank:
        near = nearest(vectors, model.encode_texts(list(bank)))
        data["nearest"] = ((*dims, "rank"), near.number, {"units": "number in the bank"})
        data["nearest_cosine"] = ((*dims, "rank"), near.cosine, none)
        coords["phrase"] = ("phrase", np.array(list(bank), dtype=object))
    return xr.Dataset(data, coords=coords, attrs=provenance(model, "lens"))


def story(
    model: DualEncoder, text: str, jacobians: Jacobians | None, bank: Sequence[str], most: int = NEAREST
) -> list[list[tuple[str, float]]]:
    """Of one text, the nearest phrases of a bank at every layer, each with its cosine; in the plain form without
    ``jacobians``."""
    ways = would_be_embeddings(model, [text], jacobians)
    near = nearest(ways["plain" if jacobians is None else "jacobian"][0], model.encode_texts(list(bank)), most)
    return [
        [(bank[i], float(cosine)) for i, cosine in zip(of, cosines, strict=True)]
        for of, cosines in zip(near.number, near.cosine, strict=True)
    ]


def moved(found: "xr.Dataset", way: str) -> list[Rate]:
    """By layer, how far the negation moves a text from X towards what says no X without a negation: the cosine to the
    equivalent less that to X, of the denial less of the statement, mean over pairs with its 95 % interval.

    A denial that lies near its equivalent tells nothing where the statement lies as near. Source: ours.
    """
    cosine = found.cosine.sel(way=way).transpose("form", "target", "pair", "layer")
    towards = cosine.sel(target="equivalent") - cosine.sel(target="affirmative")
    change = (towards.sel(form="negated") - towards.sel(form="affirmative")).values
    return rates(change, [str(i) for i in range(len(change))])


def lens_summary(found: "xr.Dataset") -> dict[str, Any]:
    """summary.json of a lens: by layer the mean cosine of denials to each target in each form, and ``moved``, with its
    95 % interval over pairs, each {value, low, high, n}."""
    denied = found.cosine.sel(form="negated")
    pairs = [str(i) for i in range(denied.sizes["pair"])]
    of = {
        (str(way), str(target)): rates(denied.sel(way=way, target=target).values, pairs)
        for way in found.way.values
        for target in found.target.values
    }
    further = {str(way): moved(found, str(way)) for way in found.way.values}
    return {
        "layers": [
            {
                "layer": int(layer),
                **{
                    str(way): {str(target): of[str(way), str(target)][row]._asdict() for target in found.target.values}
                    | {"moved": further[str(way)][row]._asdict()}
                    for way in found.way.values
                },
            }
            for row, layer in enumerate(found.layer.values)
        ],
        "pairs": len(pairs),
        "texts_of_the_jacobian": int(found.attrs["jacobian_texts"]),
        "model": str(found.attrs["model"]),
    }


def _single(model: DualEncoder) -> TextTower:
    if why := no_lens(model):
        raise PairError(f"{model.card.name} has no would-be embedding at a layer: {why}")
    need_whole_sight(model.text)
    return model.text
