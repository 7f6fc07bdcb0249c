"""The attention of the loaded model's heads, and the interval of a mean over pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts import memo, pace

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

_AT_A_TIME = 8  # pairs between two signs of progress


@memo.copied("Reading the attention of every head")
def attention(
    _model: DualEncoder, fingerprint: str, _pairs: tuple[AlignedPair, ...], key: tuple[str, ...]
) -> xr.Dataset:
    from nast_core.interpret.attention import negator_selective_attention

    return negator_selective_attention(_model, _pairs)


def at_once(model: DualEncoder, pairs: tuple[AlignedPair, ...], key: tuple[str, ...]) -> xr.Dataset | None:
    """The attention of all pairs, computed or found; None where it takes long and was not found."""
    if (found := memo.find(*_name(model, key))) is not None:
        return found
    if pace.seconds(model, texts=2 * len(pairs)) > pace.AT_ONCE:
        return None
    return attention(model, model.fingerprint, pairs, key)


def go_on(model: DualEncoder, pairs: tuple[AlignedPair, ...], key: tuple[str, ...]) -> None:
    """The attention of all pairs under a progress bar; the page is drawn anew with it."""
    from nast_core.interpret.attention import negator_selective_attention

    bar, done = st.progress(0.0, f"Reading the attention of {len(pairs)} pairs"), 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        bar.progress(done / len(pairs), f"Reading the attention of {len(pairs)} pairs: {done} of them")

    memo.keep(negator_selective_attention(model, pairs, batch_size=_AT_A_TIME, progress=tick), *_name(model, key))
    st.rerun()


def _name(model: DualEncoder, key: tuple[str, ...]) -> tuple[object, ...]:
    return ("attention", model.fingerprint, key)


@memo.copied()
def patterns(_model: DualEncoder, fingerprint: str, texts: tuple[str, ...], weighted: bool = False) -> list[np.ndarray]:
    """Of every text, [layer, head, query, key]. ``weighted``: each share times the length of what it would write."""
    from nast_core.interpret.attention import attention_patterns, value_weighted_patterns

    return (value_weighted_patterns if weighted else attention_patterns)(_model, texts)


@memo.copied()
def layer_interval(values: np.ndarray, key: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval over pairs of a mean, for values [pair, layer]."""
    from nast_core.statistics.rates import patient_bootstrap

    means = patient_bootstrap(values, [str(i) for i in range(len(values))])
    low, high = np.nanpercentile(means, [2.5, 97.5], axis=0)
    return low, high
