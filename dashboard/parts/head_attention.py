"""The attention of the loaded model's heads, and the interval of a mean over pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard.parts import memo

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


@memo.copied("Reading the attention of every head")
def attention(
    _model: DualEncoder, fingerprint: str, _pairs: tuple[AlignedPair, ...], key: tuple[str, ...]
) -> xr.Dataset:
    from nast_core.interpret.attention import negator_selective_attention

    return negator_selective_attention(_model, _pairs)


@memo.copied()
def patterns(_model: DualEncoder, fingerprint: str, texts: tuple[str, ...]) -> list[np.ndarray]:
    from nast_core.interpret.attention import attention_patterns

    return attention_patterns(_model, texts)


@memo.copied()
def layer_interval(values: np.ndarray, key: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval over pairs of a mean, for values [pair, layer]."""
    from nast_core.statistics.rates import patient_bootstrap

    means = patient_bootstrap(values, [str(i) for i in range(len(values))])
    low, high = np.nanpercentile(means, [2.5, 97.5], axis=0)
    return low, high
