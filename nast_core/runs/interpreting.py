"""Attention and tracing as the work of a run: each process on its share of the pairs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.run import write_told
from nast_core.data.showcase import image_names, images_for_pairs
from nast_core.data.sources import encode_folder, in_doubt
from nast_core.errors import DataError, PairError
from nast_core.files.gate import shown
from nast_core.files.netcdf import save_dataset
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.effects import trace as exact_trace
from nast_core.interpret.patching import PatchPlan
from nast_core.interpret.profiles import undefined
from nast_core.interpret.vectors import vector_file
from nast_core.models import DualEncoder
from nast_core.negation.pairs import AlignedPair, align_all, pairs_of
from nast_core.runs.kinds import AttentionRecipe, TraceRecipe
from nast_core.runs.processes import is_main, load, sharded, ticks
from nast_core.runs.recipe import Recipe, Reporter


def attention(recipe: AttentionRecipe, folder: Path, report: Reporter) -> dict[str, float]:
    """attention.nc. Figures: pairs, and the largest mean NSA of any head."""
    model = load(recipe)
    pairs = _pairs(recipe.pairs, model)

    def compute(mine: Sequence[AlignedPair]) -> list[xr.Dataset]:
        return [negator_selective_attention(model, mine, progress=ticks(report, len(mine), "pairs"))]

    result = _join(sharded(pairs, compute))
    _save(result, recipe, folder / "attention.nc")
    return {"pairs": len(pairs), "largest_nsa": float(result.nsa.mean("pair").max())}


def trace(recipe: TraceRecipe, folder: Path, report: Reporter) -> dict[str, float]:
    """trace.nc, vectors.h5 after exact tracing, warnings.json where an image may not show what it should.

    Figures: pairs, those of them whose CTE is undefined, and such images where there are any.
    """
    model = load(recipe)
    pairs = _pairs(recipe.pairs, model)
    plan = PatchPlan(component=recipe.component, positions=recipe.positions, window=recipe.window)
    doubts: dict[str, str] = {}
    images, names = _images(recipe, model, pairs, doubts)
    longest = max(pair.length for pair in pairs)

    def compute(mine: Sequence[tuple[AlignedPair, str]]) -> list[tuple[xr.Dataset, dict[str, str]]]:
        return [(computed(mine), doubts)]

    def computed(mine: Sequence[tuple[AlignedPair, str]]) -> xr.Dataset:
        own = [pair for pair, _ in mine]
        seen = images([name for _, name in mine])
        progress = ticks(report, len(mine), "pairs")
        if recipe.method == "attribution":
            return _attribution(model, own, seen, plan, progress)
        if not is_main():
            return exact_trace(model, own, seen, plan=plan, progress=progress)
        with vector_file(folder / "vectors.h5", longest) as keep:  # the main process has the first pairs
            return exact_trace(model, own, seen, plan=plan, keep=keep, progress=progress)

    shares = sharded(list(zip(pairs, names, strict=True)), compute)
    result = _join([share for share, _ in shares])
    for _, told in shares:
        doubts |= told
    if is_main() and doubts:
        print(in_doubt(doubts), flush=True)
        write_told({}, doubts, folder)
    _save(result, recipe, folder / "trace.nc")
    figures: dict[str, float] = {"pairs": len(pairs), "undefined": undefined(result)}
    return figures | ({"warnings": len(doubts)} if doubts else {})


Images = Callable[[Sequence[str]], Tensor]


def _images(
    recipe: TraceRecipe, model: DualEncoder, pairs: Sequence[AlignedPair], doubts: dict[str, str]
) -> tuple[Images, list[str]]:
    """From names, one a pair, to what tracing takes of them: vectors [pair, dim], or [pair, image, dim]; and the names.

    ``doubts`` as in ``encode_named``.
    """
    if recipe.images:
        if not recipe.images.is_dir():
            raise DataError(f"there is no folder {recipe.images}; images names a folder to average over")
        found, vectors, unreadable = encode_folder(model, recipe.images, doubts)
        if is_main():
            for name, reason in unreadable.items():
                print(f"not used: {name}: {reason}")
            print(f"averaged over {len(found)} images", flush=True)
        return lambda names: vectors.expand(len(names), -1, -1), [str(recipe.images)] * len(pairs)

    def encode(names: Sequence[str]) -> Float[Tensor, "pair dim"]:
        folder = recipe.pairs.parent if recipe.pairs else Path()
        return images_for_pairs(model, pairs, folder, names=names, doubts=doubts)

    return encode, [str(recipe.image)] * len(pairs) if recipe.image else image_names(pairs)


def _attribution(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    seen: Tensor,
    plan: PatchPlan,
    progress: Callable[[int], None],
) -> xr.Dataset:
    """With how well it agrees with exact tracing, on a sample of the main process's pairs."""
    from nast_core.interpret.gradients import (  # scipy, which they need, takes a second
        attribution_trace,
        with_agreement,
    )

    result = attribution_trace(model, pairs, seen, plan=plan, progress=progress)
    return with_agreement(result, model, pairs, seen, plan=plan) if is_main() else result


def _pairs(path: Path | None, model: DualEncoder) -> Sequence[AlignedPair]:
    """The aligned pairs of a file, or the template pairs; those refused are printed to the log with the reason."""
    found = align_all(pairs_of(path, model.card.conditions), model.text)
    if is_main():
        for pair, reason in found.refused:
            print(f"not used: {shown(pair.negated)!r}: {reason}")
        print(f"{len(found.aligned)} pairs align, {len(found.refused)} do not", flush=True)
    if not found.aligned:
        raise PairError(
            f"none of the {len(found.refused)} pairs can be used with this model; first: {found.refused[0][1]}"
        )
    return found.aligned


def _join(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """The shares' datasets as one; positions that only longer texts have are empty in the others, as within a share."""
    if len(parts) == 1:
        return parts[0]
    empty = {name: "padding" if name == "role" else np.nan for name in map(str, parts[0].variables)}
    return xr.concat(parts, "pair", join="outer", fill_value=empty)


def _save(result: xr.Dataset, recipe: Recipe, path: Path) -> None:
    if is_main():
        result.attrs["recipe"] = recipe.model_dump_json(exclude={"device", "executor", "num_processes"})
        save_dataset(path, result)
