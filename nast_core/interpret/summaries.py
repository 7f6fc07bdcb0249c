"""How a trace becomes one number a layer: layer summaries, and averages over pairs (method.md section 3).

To add a summary, write it here: whatever shows, checks or trains by summaries reads this table.

A summary runs over what a trace has besides pair and layer: the positions from the negator on, or the heads. A trace
whose plan writes a set of positions at once has nothing to run over, and its one value is the summary ``together``.
"""

from __future__ import annotations  # xarray is named, not imported: recipes read this table before a page is painted

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from nast_core.errors import DataError
from nast_core.files.gate import shown

if TYPE_CHECKING:
    import xarray as xr

Average = Literal["ratio_mean", "mean_ratio"]
AVERAGES: dict[Average, str] = {"ratio_mean": "ratio of means", "mean_ratio": "mean of ratios"}

Axis = Literal["position", "head", "none"]


@dataclass(frozen=True)
class LayerSummary:
    """``reduce`` takes the effect [pair, layer, ``axis``] and, for positions, their roles [pair, position];
    gives [pair, layer]."""

    name: str
    label: str  # as pages say it
    meaning: str  # as command line and docs say it
    axes: tuple[Axis, ...]  # of a trace, over which it has a meaning
    reduce: Callable[[xr.DataArray, Axis, xr.DataArray | None], xr.DataArray]


def _onward(cte: xr.DataArray, axis: Axis, role: xr.DataArray | None) -> xr.DataArray:
    return cte if role is None else cte.where(~role.isin(["before", "padding"]))


def _at_negator(cte: xr.DataArray, axis: Axis, role: xr.DataArray | None) -> xr.DataArray:
    """The span's strongest token: words of a cue that the affirmative text has too carry nothing."""
    assert role is not None
    return cte.where(role == "negator").max(axis)


_OVER: tuple[Axis, ...] = ("position", "head")
SUMMARIES: dict[str, LayerSummary] = {
    summary.name: summary
    for summary in (
        LayerSummary(
            "std",
            "spread over tokens (standard deviation)",
            "standard deviation over positions from the negator on (QMG), or over heads",
            _OVER,
            lambda cte, axis, role: _onward(cte, axis, role).std(axis),
        ),
        LayerSummary(
            "max",
            "largest effect of any token",
            "largest effect over positions from the negator on, or over heads",
            _OVER,
            lambda cte, axis, role: _onward(cte, axis, role).max(axis),
        ),
        LayerSummary(
            "mean_abs",
            "mean absolute effect",
            "mean absolute effect over positions from the negator on, or over heads",
            _OVER,
            lambda cte, axis, role: abs(_onward(cte, axis, role)).mean(axis),
        ),
        LayerSummary("negator", "effect at the negator", "effect at the negator", ("position",), _at_negator),
        LayerSummary(
            "negator_out",
            "how much has left the negator",
            "1 - effect at the negator: how much has left it",
            ("position",),
            lambda cte, axis, role: 1 - _at_negator(cte, axis, role),
        ),
        LayerSummary(
            "together",
            "effect of the positions swapped together",
            "the one effect of a trace whose positions were written at once",
            ("none",),
            lambda cte, axis, role: cte,
        ),
    )
}


def _known(name: str) -> str:
    if name not in SUMMARIES:
        raise ValueError(f"unknown layer summary {shown(name)!r}; choose one of {', '.join(SUMMARIES)}")
    return name


Summary = Annotated[str, AfterValidator(_known)]


def offered(traced: xr.Dataset) -> dict[str, LayerSummary]:
    """The summaries that have a meaning for a trace, by name, the usual one first."""
    axis = _axis(traced)
    return {name: summary for name, summary in SUMMARIES.items() if axis in summary.axes}


def layer_summary(traced: xr.Dataset, name: Summary = "std") -> xr.DataArray:
    """One number a pair and layer, [pair, layer], no unit.
    Raises DataError for a summary that the trace has no meaning for."""
    axis, summary = _axis(traced), SUMMARIES[_known(name)]
    if axis not in summary.axes:
        raise DataError(
            f"the layer summary {shown(name)!r} has no meaning for a trace {_OF[axis]}; choose "
            f"{' or '.join(offered(traced))}"
        )
    return summary.reduce(_effect(traced), axis, traced.role if axis == "position" else None)


_OF: dict[Axis, str] = {
    "position": "of one position at a time",
    "head": "of heads",
    "none": "whose positions were written together",
}


def _axis(traced: xr.Dataset) -> Axis:
    if "cte_head" in traced:
        return "head"
    return "position" if "position" in traced.cte.dims else "none"


def _effect(traced: xr.Dataset) -> xr.DataArray:
    return whole_heads(traced) if "cte_head" in traced else traced.cte


def whole_heads(traced: xr.Dataset) -> xr.DataArray:
    """The effect of heads [pair, layer, head]: that of all positions where they were patched apart."""
    cte = traced.cte_head
    return cte.sum("position", min_count=1) if "position" in cte.dims else cte
