"""Probe and lens before and after: did what the layers know move, or only what is read out of them?

Both models are asked about the same pairs, which need not align; every change is B - A, paired, in the order of the
towers' layers. Source: ours, over the measures of method.md section 9.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from nast_core.errors import PairError
from nast_core.interpret.lens import lens
from nast_core.interpret.plan import SHUFFLINGS
from nast_core.interpret.probe import probe, probe_pairs
from nast_core.models.description import no_lens
from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import PolarityPair
from nast_core.statistics.rates import rates
from nast_core.vocabulary.model import Vocabulary

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ("layer", "a", "b", "change", "low", "high", "n")


class LayersCompared(NamedTuple):
    """``probe``: place, measure (held_out_findings, held_out_cues) and COLUMNS, shares of texts read rightly.
    ``lens``: target and COLUMNS, cosine of denials in the plain form; empty where a tower pools several positions.
    ``said``: the two probes' sentences."""

    probe: pd.DataFrame
    lens: pd.DataFrame
    said: tuple[str, str]


def compare_layers(
    a: DualEncoder,
    b: DualEncoder,
    pairs: Sequence[PolarityPair],
    vocabulary: Vocabulary | None = None,
    *,
    shufflings: int = SHUFFLINGS,
    seed: int = 0,
) -> LayersCompared:
    """Raises PairError as ``probe`` does, of the pairs that both models can read."""
    from nast_core.interpret.probe_summary import summarise

    first, second = ({one.pair: one for one in probe_pairs(pairs, model.text).usable} for model in (a, b))
    both = [one for pair, one in first.items() if pair in second]
    if not both:
        raise PairError(f"none of the {len(pairs)} pairs can be read by both models")
    probes = [probe(model, both, vocabulary, shufflings=shufflings, seed=seed) for model in (a, b)]
    lenses = []
    if not (no_lens(a) or no_lens(b)):
        lenses = [lens(model, [one.pair for one in both], None, vocabulary) for model in (a, b)]
    said = [str(summarise(one)["sentence"]) for one in probes]
    return LayersCompared(
        probe_changes(probes[0], probes[1]),
        lens_changes(lenses[0], lenses[1]) if lenses else pd.DataFrame(columns=["target", *COLUMNS]),
        (said[0], said[1]),
    )


def probe_changes(a: "xr.Dataset", b: "xr.Dataset") -> pd.DataFrame:
    """Of two probes on the same pairs: place, measure and COLUMNS. Towers of other depth: ``change`` is NaN."""
    parts = []
    for place in a.place.values:
        for measure, asked in (("held_out_findings", False), ("held_out_cues", True)):
            some = a.asked_cue.values == asked
            before, after = (one.correct.sel(place=place).values[:, some].T for one in (a, b))
            parts.append(_changes(before, after).assign(place=str(place), measure=measure))
    return pd.concat(parts, ignore_index=True)[["place", "measure", *COLUMNS]]


def lens_changes(a: "xr.Dataset", b: "xr.Dataset", way: str = "plain") -> pd.DataFrame:
    """Of two lenses on the same pairs: target and COLUMNS, of what denials would mean."""
    parts = []
    for target in a.target.values:
        before, after = (one.cosine.sel(way=way, form="negated", target=target).values for one in (a, b))
        parts.append(_changes(before, after).assign(target=str(target)))
    return pd.concat(parts, ignore_index=True)[["target", *COLUMNS]]


def _changes(before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    """Of values [pair, layer] of the same pairs, by layer."""
    layers = max(before.shape[1], after.shape[1])
    means = [
        np.pad(
            [one.value for one in rates(values, _each(values))], (0, layers - values.shape[1]), constant_values=np.nan
        )
        for values in (before, after)
    ]
    table = pd.DataFrame({"layer": np.arange(layers), "a": means[0], "b": means[1]})
    if before.shape != after.shape:
        return table.assign(change=np.nan, low=np.nan, high=np.nan, n=len(before))
    change = pd.DataFrame(rates(after - before, _each(before)))
    return table.assign(change=change["value"], low=change["low"], high=change["high"], n=change["n"])


def _each(values: np.ndarray) -> list[str]:
    return [str(i) for i in range(len(values))]
