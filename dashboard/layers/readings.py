"""What the Layers page computes: one pair at once; probes, lens and contributions of all pairs as runs found again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from dashboard.parts import datasets, jobs, keeper, memo, pace, widgets
from dashboard.parts.pairs import alignment
from dashboard.tracing import traces

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.interpret.lens import Jacobians
    from nast_core.interpret.patch_lens import Cell, PatchedText
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair, PolarityPair
    from nast_core.recipe import Recipe
    from nast_core.runs.store import Run
    from nast_core.work.contributions import Shared
    from nast_core.work.lens import Looked
    from nast_core.work.probe import Probed

# Times the encoding of its texts that each takes (make bench); the lens's, of the texts of its Jacobian.
_PROBE, _JACOBIAN, _CONTRIBUTIONS = 2, 20, 3


def every_pair(model: DualEncoder, dataset: str | None = None) -> tuple[PolarityPair, ...]:
    """The pairs of the chosen dataset, or of ``dataset``, about conditions that a model knows, aligned or not; where
    there is none, the page ends."""
    with widgets.advice():
        of = datasets.load(dataset or datasets.spec())
    with widgets.lacking():
        return tuple(of.pairs(model.card.conditions, present=None))


# --- all pairs: runs --------------------------------------------------------------------------------------------------


def probed(model: DualEncoder, spec: str | None = None, dataset: str | None = None) -> Probed | None:
    """Of the sidebar's model and dataset, or those named; None where it takes long and is offered."""
    from nast_core.work.probe import ProbeRecipe

    recipe = ProbeRecipe(model=spec or keeper.spec(), dataset=dataset or datasets.spec())
    with widgets.advice():
        data = datasets.load(recipe.dataset).fingerprint
    seconds = _PROBE * pace.seconds(model, texts=2 * _spoken(model, model.fingerprint, recipe.dataset, data))
    return _result(jobs.here_or_offered(recipe, model, "Probe every layer", seconds, key=_key("probe", recipe)))


def looked(model: DualEncoder, spec: str | None = None, dataset: str | None = None) -> Looked | None:
    """The lens's run, as ``probed``."""
    from nast_core.work.lens import LensRecipe

    recipe = LensRecipe(model=spec or keeper.spec(), dataset=dataset or datasets.spec())
    texts = tuple(one.negated for one in every_pair(model, recipe.dataset))
    seconds = pace.seconds(model, texts=_passes(model, model.fingerprint, texts) + 2 * len(texts))
    return _result(jobs.here_or_offered(recipe, model, "Make the lens", seconds, key=_key("lens", recipe)))


@memo.copied()
def _passes(_model: DualEncoder, fingerprint: str, texts: tuple[str, ...]) -> int:
    """Forward passes of one text that the lens's Jacobian costs, about."""
    from nast_core.interpret.lens import readable, texts_for_jacobians

    tower = _model.text
    through = len(texts_for_jacobians(tower, usable)) if (usable := readable(tower, texts)) else 0
    return through * (_JACOBIAN if tower.causal else tower.width)  # every position followed back: no shortcut


def shared(model: DualEncoder) -> Shared | None:
    """The contributions' run, as ``probed``."""
    from nast_core.work.contributions import ContributionsRecipe

    recipe = ContributionsRecipe(model=keeper.spec(), dataset=datasets.spec())
    pairs = alignment(model).aligned
    seconds = pace.seconds(
        model, images=len({one.pair.finding for one in pairs}), texts=_CONTRIBUTIONS * 2 * len(pairs)
    )
    return _result(
        jobs.here_or_offered(recipe, model, f"Take {len(pairs)} pairs apart", seconds, key="layers-contributions-run")
    )


def _key(what: str, recipe: Recipe) -> str:
    return f"layers-{what}-run-{recipe.model}"


def _result(run: Run | None):
    if run is None:
        return None
    with widgets.advice():
        return _read(run, run.id)


@memo.shared()
def _read(_run: Run, run_id: str):
    return _run.result


@memo.copied("Gathering the pairs")
def _spoken(_model: DualEncoder, fingerprint: str, dataset: str, data: str) -> int:
    from nast_core.work.pairs import spoken_pairs

    with widgets.lacking():
        return len(spoken_pairs(None, _model, dataset)[0])


# --- one pair ---------------------------------------------------------------------------------------------------------


class OneLens(NamedTuple):
    """One pair under the lens."""

    cosine: xr.DataArray  # [way, form, layer, target]
    equivalent: str  # empty where the vocabulary has none
    phrases: tuple[str, ...]  # the bank
    nearest: dict[str, np.ndarray]  # way -> numbers in the bank, [form, layer, rank]
    near: dict[str, np.ndarray]  # their cosines


def one_lens(model: DualEncoder, pair: PolarityPair, found: Looked | None) -> OneLens:
    """In the plain form and, where the lens was made, in the Jacobian one."""
    jacobians = found.jacobians if found else None
    of = (model.fingerprint, datasets.chosen().fingerprint)
    with widgets.advice():
        return _one_lens(model, jacobians, *of, pair, found is not None)


@memo.copied()
def _one_lens(
    _model: DualEncoder, _jacobians: Jacobians | None, fingerprint: str, data: str, pair: PolarityPair, carried: bool
) -> OneLens:
    from nast_core.interpret.lens import lens, nearest, would_be_embeddings

    words = datasets.vocabulary()
    found = lens(_model, [pair], _jacobians, words).isel(pair=0)
    ways = would_be_embeddings(_model, [pair.affirmative, pair.negated], _jacobians)
    phrases, ends = bank(_model)
    near = {way: nearest(vectors, ends) for way, vectors in ways.items()}
    return OneLens(
        found.cosine,
        str(found.equivalent.values),
        phrases,
        {way: one.number for way, one in near.items()},
        {way: one.cosine for way, one in near.items()},
    )


def bank(model: DualEncoder) -> tuple[tuple[str, ...], torch.Tensor]:
    """Phrases that a would-be embedding is named by, and their vectors."""
    return _bank(model, model.fingerprint, datasets.vocabulary().fingerprint)


@memo.shared("Encoding the phrases to name layers by")
def _bank(_model: DualEncoder, fingerprint: str, words: str) -> tuple[tuple[str, ...], torch.Tensor]:
    from nast_core.interpret.lens import bank_of, readable

    vocabulary = datasets.vocabulary()
    known = [one for one in _model.card.conditions if one in vocabulary]
    phrases = readable(_model.text, bank_of(vocabulary, known))
    return tuple(phrases), _model.encode_texts(phrases)


def one_apart(model: DualEncoder, pair: AlignedPair, vector: np.ndarray) -> xr.Dataset:
    """Direct contributions to both texts' scores on an image's vector [dim]; as ``contributions``, without ``pair``."""
    with widgets.advice():
        return _one_apart(model, model.fingerprint, pair, vector)


@memo.copied("Taking the scores apart")
def _one_apart(_model: DualEncoder, fingerprint: str, pair: AlignedPair, vector: np.ndarray) -> xr.Dataset:
    from nast_core.interpret.contributions import contributions

    return contributions(_model, [pair], torch.from_numpy(vector)[None]).isel(pair=0)


class OfHead(NamedTuple):
    """What the other pages say of a head, on this pair and image."""

    nsa: float
    cte: float
    exact: bool  # or estimated


def of_head(model: DualEncoder, pair: AlignedPair, vector: np.ndarray, layer: int, head: int) -> OfHead:
    """NSA, and CTE as on the Heads page: exact where that is quick, else estimated from one gradient."""
    from dashboard.parts.head_attention import attention
    from nast_core.interpret.profiles import head_means

    nsa = attention(model, model.fingerprint, (pair,), (pair.pair.negated,)).nsa.isel(pair=0)
    exact = pace.seconds(model, texts=model.text.n_layers * model.text.n_heads) <= pace.AT_ONCE
    plan = traces.plan(component="head", positions="all")
    with widgets.advice():
        traced = traces.trace_of(model, pair, plan, "exact" if exact else "attribution", vector)
    cte = head_means(traced)
    at = {"layer": layer, "head": head}
    return OfHead(float(nsa.sel(at)), float(cte.sel(at)), exact)


def patched(model: DualEncoder, source: str, target: str, taken: Cell, written: Cell) -> PatchedText:
    with widgets.advice():
        return _patched(model, model.fingerprint, source, target, taken, written)


@memo.copied()
def _patched(
    _model: DualEncoder, fingerprint: str, source: str, target: str, taken: Cell, written: Cell
) -> PatchedText:
    from nast_core.interpret.patch_lens import patch

    return patch(_model.text, source, target, taken, written)


def pieces(model: DualEncoder, text: str) -> tuple[str, ...]:
    """A text's tokens, as a pair's are named."""
    from nast_core.negation.pairs import pieces_of

    with widgets.advice():
        return pieces_of(model.text.tokenize([text]))
