"""A probe in few numbers: accuracy by layer with intervals, by cue, and one sentence that says what it found."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nast_core.interpret.probe import PLACES
from nast_core.statistics.rates import Rate, rates

if TYPE_CHECKING:
    import xarray as xr

KNOWN = 0.8  # of the pairs read rightly: what a layer is said to know
MEASURES = ("held_out_findings", "held_out_cues", "control")
_TITLES = {"pooled": "layers", "finding": "finding_token"}
Layers = list[dict[str, Any]]


def summarise(found: "xr.Dataset") -> dict[str, Any]:
    """summary.json of a probe.

    ``layers``, at the pooled position, and ``finding_token``, at the finding's last token: a row a layer, layer 0 the
    embedding, of ``held_out_findings`` (pairs whose cue was learnt from and whose finding was not), ``held_out_cues``
    (neither was) and ``control`` (as the first, from shuffled labels; over shufflings), each {value, low, high, n}.
    ``by_cue``: of every cue the same at the pooled position by layer, ``denied`` among it, the share of its negated
    texts that are read as negated, and whether it was held out.
    """
    notes = [note for note in str(found.attrs["notes"]).split(" | ") if note]
    result: dict[str, Any] = {_TITLES[place]: _rows(found, place) for place in PLACES}
    result["by_cue"] = _by_cue(found)
    layers, cues = result["layers"], result["by_cue"]
    return {
        "sentence": sentence(layers, cues),
        **result,
        "pairs": found.sizes["pair"],
        "findings": len(set(found.finding.values)),
        "held_out": [cue for cue in str(found.attrs["held_out"]).split("; ") if cue],
        "shufflings": found.sizes["shuffling"],
        "model": str(found.attrs["model"]),
        "notes": notes,
    }


def _rows(found: "xr.Dataset", place: str) -> Layers:
    correct, asked = found.correct.sel(place=place).values, found.asked_cue.values
    columns = {"held_out_findings": np.where(asked, np.nan, correct), "held_out_cues": np.where(asked, correct, np.nan)}
    by_measure = {name: _over(values.T) for name, values in columns.items()}
    by_measure["control"] = _over(found.control.sel(place=place).values.T)
    return [
        {"layer": int(layer), **{name: by_measure[name][row]._asdict() for name in MEASURES}}
        for row, layer in enumerate(found.layer.values)
    ]


def _by_cue(found: "xr.Dataset") -> list[dict[str, Any]]:
    at, cues = found.sel(place="pooled"), found.cue.values
    held_out = dict(zip(cues, found.asked_cue.values, strict=True))
    rows = []
    for cue in sorted(held_out, key=lambda cue: (bool(held_out[cue]), str(cue))):
        right, denied = (_over(at[name].values[:, cues == cue].T) for name in ("correct", "denied"))
        layers = [
            {"layer": int(number), **both._asdict(), "denied": one.value}
            for number, both, one in zip(found.layer.values, right, denied, strict=True)
        ]
        rows.append({"cue": str(cue), "held_out": bool(held_out[cue]), "layers": layers})
    return rows


def _over(values: np.ndarray) -> list[Rate]:
    """Means of [pair or shuffling, layer] over the first axis, each one by itself."""
    return rates(values, [str(i) for i in range(len(values))])


def sentence(layers: Layers, cues: Sequence[Mapping[str, Any]]) -> str:
    """What a probe found at the pooled position, said of the cues that it learnt from and of each that it did not.

    Layer 0 is left out: there the pooled position knows nothing but where it stands.
    """
    layers, cues = layers[1:], [{**cue, "layers": cue["layers"][1:]} for cue in cues]
    met, numbers = [row["held_out_findings"]["value"] for row in layers], [int(row["layer"]) for row in layers]
    found = {
        (bool(cue["held_out"]), str(cue["cue"])): _where([row["value"] for row in cue["layers"]], numbers)
        for cue in cues
    }
    unread = [f"“{cue}”" for (held_out, cue), where in found.items() if not (held_out or where)]
    if np.isnan(met).all():
        said = ["Of the cues it has met nothing is said, for no finding could be held out"]
    elif where := _where(met, numbers):
        said = [f"The tower knows {where}, for cues it has met" + (f" but {_and(unread)}" if unread else "")]
    else:
        best = int(np.nanargmax(met))
        said = [
            f"No layer knows it of the cues it has met (at least {KNOWN:.0%} right): layer {numbers[best]} comes "
            f"nearest with {met[best]:.0%}"
        ]
    never = [f"“{cue}”" for (held_out, cue), where in found.items() if held_out and not where]
    said += [f"for “{cue}” {where}" for (held_out, cue), where in found.items() if held_out and where]
    return "; ".join([*said, *([f"for {_and(never)} never"] if never else [])]) + "."


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _where(values: Sequence[float], layers: Sequence[int]) -> str:
    """In which layers a probe is right at least KNOWN of the time, in words; empty for none."""
    known = [layer for layer, value in zip(layers, values, strict=True) if value >= KNOWN]
    if not known:
        return ""
    first, last = known[0], known[-1]
    if last == layers[-1]:
        return f"from layer {first} on" if len(known) == last - first + 1 else f"from layer {first} on, with gaps"
    inside = f"in layer {first}" if first == last else f"in layers {first} to {last}"
    return f"{inside} and loses it after"
