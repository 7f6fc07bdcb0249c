"""Layer weights: how fast each text layer may learn, from its causal tracing effect (method.md section 4)."""

from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float

from nast_core.files.netcdf import read_dataset
from nast_core.finetune.arms import ARMS, TRACED_ARMS, arm_weights
from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe
from nast_core.interpret.profiles import average_over
from nast_core.interpret.summaries import Average, Summary, layer_summary
from nast_core.models.encoder import DualEncoder
from nast_core.recipe import run_of

_ROUNDING = 1e-9  # of the largest effect: what is smaller than this is a 0 that was computed


def layer_weights(
    effect: Float[np.ndarray, " layer"], *, floor: float = 0.1, temperature: float = 1.0
) -> Float[np.ndarray, " layer"]:
    """w[l] from c[l], l = 1..L, with mean 1.

        w = floor + (1 - floor) * c' / mean(c'),  divided by its mean,  c' = c ** temperature

    Raises FinetuneError for an effect that is undefined, negative, or zero in every layer, and where a weight is 0.
    """
    effect = _defined(effect)
    effect = np.where(np.abs(effect) < _ROUNDING * np.abs(effect).max(), 0.0, effect)
    if (effect < 0).any():
        raise FinetuneError(
            f"the trace's effect is negative in {_layers(effect < 0)} (least {effect.min():.3g}) and a layer weight "
            "cannot be; choose the layer summary std or mean_abs"
        )
    if not effect.any():
        raise FinetuneError("the trace's effect is 0 in every layer, so it says nothing of where to train")
    shaped = effect**temperature
    weights = floor + (1 - floor) * shaped / shaped.mean()
    weights = weights / weights.mean()
    if not (weights > 0).all():
        raise FinetuneError(f"the layer weight of {_layers(weights <= 0)} is 0; raise the floor above {floor:g}")
    return weights


def min_max_weights(effect: Float[np.ndarray, " layer"], *, exponent: float = 1.0) -> Float[np.ndarray, " layer"]:
    """The paper's: ((c[l] - min c) / (max c - min c)) ** exponent, l = 1..L, from 0 to 1 (method.md section 4b).

    Raises FinetuneError for an effect that is undefined, or alike in every layer.
    """
    effect = _defined(effect)
    spread = effect.max() - effect.min()
    if spread <= _ROUNDING * np.abs(effect).max():
        raise FinetuneError(
            f"the trace's effect is {effect[0]:.3g} in every layer, so it says nothing of where to train; choose "
            "another layer summary, or arm uniform"
        )
    return ((effect - effect.min()) / spread) ** exponent


def _defined(effect: Float[np.ndarray, " layer"]) -> Float[np.ndarray, " layer"]:
    """The effect, where every layer has one."""
    if not np.isfinite(effect).any():
        raise FinetuneError(
            "the trace's effect is undefined (NaN) in every layer, since each pair's two texts score alike; trace "
            "pairs that the model tells apart"
        )
    if not np.isfinite(effect).all():
        raise FinetuneError(
            f"the trace's effect is undefined (NaN) in {_layers(~np.isfinite(effect))}; trace more pairs"
        )
    return effect


def traced_weights(
    arm: str, effect: Float[np.ndarray, " layer"], *, floor: float, temperature: float, exponent: float, seed: int
) -> Float[np.ndarray, " layer"]:
    """The layer weights of an arm that follows an effect, by its rule. Raises FinetuneError as that does."""
    if ARMS[arm].rule == "min_max":
        return arm_weights(arm, min_max_weights(effect, exponent=exponent), seed=seed)
    return arm_weights(arm, layer_weights(effect, floor=floor, temperature=temperature), seed=seed)


def _layers(where: np.ndarray) -> str:
    layers = [str(layer) for layer in np.flatnonzero(where) + 1]
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {', '.join(layers)}"


def layer_effect(
    traced: xr.Dataset, summary: Summary = "std", average: Average = "ratio_mean"
) -> Float[np.ndarray, " layer"]:
    """c[l], l = 1..L: one number a layer from a trace of any component; NaN where no pair defines it.

    Layer 0 of a block trace, the embedding output, has no weight. Averaged over pairs as everywhere: ``average_over``.
    Raises DataError for a summary that has no meaning for the trace.
    """
    value = layer_summary(traced, summary)
    value = value.sel(layer=value.layer >= 1)
    return average_over(value, traced.d, average).to_numpy()


def read_trace(path: Path, model: DualEncoder) -> xr.Dataset:
    """The trace in a netCDF file. Raises FinetuneError where it is none, or is of another model."""
    traced = read_dataset(path, error=FinetuneError, absent="make one with 'nast trace'")
    check_trace(traced, model)
    return traced


_AXES = {"layer": ("layer",), "d": ("pair",), "cte": ("pair", "layer"), "cte_head": ("pair", "layer", "head")}


def _has_axes(array: xr.DataArray, axes: tuple[str, ...]) -> bool:
    """Numbers along these axes, none of them empty, and of at most one further: the position."""
    return (
        array.dtype.kind in "iuf"
        and set(axes) <= set(array.dims) <= {*axes, "position"}
        and all(array.sizes.values())
        and not (array.name == "layer" and not np.isfinite(array).all())
    )


def check_trace(traced: xr.Dataset, model: DualEncoder) -> None:
    """Raises FinetuneError for a dataset that is no trace, is of other weights, or of another number of layers."""
    if "cte" not in traced and "cte_head" not in traced:
        raise FinetuneError(
            f"the file holds {', '.join(map(str, traced.data_vars))[:200] or 'nothing'} and no cte; give a trace"
        )
    for name, axes in _AXES.items():
        if name in traced.variables and not _has_axes(traced[name], axes):
            raise FinetuneError(
                f"the trace's {name} is no array of numbers by {' and '.join(axes)}; trace again to make it"
            )
        if name not in traced.variables and name not in ("cte", "cte_head"):
            raise FinetuneError(f"the trace holds no {name}; trace again to make it")
    fingerprint = str(traced.attrs.get("model_fingerprint", "none"))
    if fingerprint != model.fingerprint:
        raise FinetuneError(
            f"the trace is of {traced.attrs.get('model', 'an unnamed model')} (fingerprint {fingerprint[:12]}) and "
            f"the model to train is {model.card.name} (fingerprint {model.fingerprint[:12]}); trace that model"
        )
    layers = [int(layer) for layer in traced.layer.values if layer >= 1]
    if layers != list(range(1, model.text.n_layers + 1)):
        raise FinetuneError(
            f"the trace has layers {layers[0] if layers else 0} to {layers[-1] if layers else 0} and the text tower "
            f"has {model.text.n_layers}; trace every layer"
        )


def recipe_weights(recipe: FinetuneRecipe, model: DualEncoder, runs: Path) -> Float[np.ndarray, " layer"]:
    """What a recipe asks for: the layer weights of its arm on this model. ``run:ID`` is looked for in ``runs``.

    Raises FinetuneError as above.
    """
    if recipe.arm in TRACED_ARMS and recipe.trace is not None:
        run = run_of(recipe.trace)
        path = recipe.trace if run is None else runs / run / "trace.nc"
        effect = layer_effect(read_trace(path, model), recipe.summary, recipe.average)
        return traced_weights(
            recipe.arm,
            effect,
            floor=recipe.floor,
            temperature=recipe.temperature,
            exponent=recipe.exponent,
            seed=recipe.seed,
        )
    return arm_weights(recipe.arm, np.ones(model.text.n_layers), seed=recipe.seed)
