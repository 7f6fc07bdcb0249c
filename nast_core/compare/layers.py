"""Probe and lens before and after: did what the layers know move, or only what is read out of them?

Every change is B - A, paired, of the pairs that both models were asked about; layers in the order of the towers'.
Source: ours, over the measures of method.md section 9.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nast_core.statistics.rates import rates

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ("layer", "a", "b", "change", "low", "high", "n")


def probe_changes(a: "xr.Dataset", b: "xr.Dataset") -> pd.DataFrame:
    """Of two probes: place, measure (held_out_findings, held_out_cues) and COLUMNS, shares of texts read rightly.
    Towers of other depth: ``change`` is NaN."""
    a, b = _shared(a, b)
    parts = []
    for place in a.place.values:
        for measure, asked in (("held_out_findings", False), ("held_out_cues", True)):
            some = (a.asked_cue.values == asked) & (b.asked_cue.values == asked)
            before, after = (one.correct.sel(place=place).values[:, some].T for one in (a, b))
            parts.append(_changes(before, after).assign(place=str(place), measure=measure))
    return pd.concat(parts, ignore_index=True)[["place", "measure", *COLUMNS]]


def lens_changes(a: "xr.Dataset", b: "xr.Dataset", way: str = "plain") -> pd.DataFrame:
    """Of two lenses: target and COLUMNS, cosine of what denials would mean."""
    a, b = _shared(a, b)
    parts = []
    for target in a.target.values:
        before, after = (one.cosine.sel(way=way, form="negated", target=target).values for one in (a, b))
        parts.append(_changes(before, after).assign(target=str(target)))
    return pd.concat(parts, ignore_index=True)[["target", *COLUMNS]]


def told(table: pd.DataFrame) -> str:
    """Of one measure's changes (COLUMNS): where the largest is, and at how many layers it is not 0."""
    known = table.dropna(subset=["change", "low", "high"])
    if known.empty:
        return "layer by layer there is nothing to subtract: the towers differ in depth, or no pair was asked of both"
    at = known.loc[known.change.abs().idxmax()]
    apart = int(((known.low > 0) | (known.high < 0)).sum())
    return (
        f"largest at layer {int(at.layer)}, {at.change:+.2f} [{at.low:+.2f}, {at.high:+.2f}] (n = {int(at.n)}); "
        f"told from 0 at {apart} of {len(known)} layers"
    )


def _shared(a: "xr.Dataset", b: "xr.Dataset") -> tuple["xr.Dataset", "xr.Dataset"]:
    """Both, of the pairs that are in both, in A's order."""
    where = {pair: i for i, pair in enumerate(_pairs(b))}
    both = [(i, where[pair]) for i, pair in enumerate(_pairs(a)) if pair in where]
    return a.isel(pair=[i for i, _ in both]), b.isel(pair=[i for _, i in both])


def _pairs(of: "xr.Dataset") -> list[tuple[str, str]]:
    return list(zip(of.affirmative.values, of.negated.values, strict=True))


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
