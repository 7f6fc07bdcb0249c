"""Work on pairs of texts: the pairs that a recipe means, and the shares of a result as one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nast_core.data.studies import PHANTOMS
from nast_core.errors import PairError
from nast_core.files.gate import shown
from nast_core.recipe import Recipe, Reporter
from nast_core.work.shares import is_main

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair, PolarityPair
    from nast_core.vocabulary.model import Vocabulary


def aligned_pairs(
    path: Path | None, model: DualEncoder, report: Reporter, dataset: str = PHANTOMS, *, present: bool | None = True
) -> Sequence[AlignedPair]:
    """The pairs of a file that align, or the dataset's of the conditions the model knows; those refused are said with
    the reason."""
    from nast_core.negation.pairs import align_all

    alignment = align_all(pairs_meant(path, model, dataset, present=present), model.text)
    for pair, reason in alignment.refused:
        report.say(f"not used: {shown(pair.negated)!r}: {reason}")
    report.say(f"{len(alignment.aligned)} pairs align, {len(alignment.refused)} do not")
    if not alignment.aligned:
        raise PairError(
            f"none of the {len(alignment.refused)} pairs can be used with this model; first: {alignment.refused[0][1]}"
        )
    return alignment.aligned


def pairs_meant(
    path: Path | None, model: DualEncoder, dataset: str = PHANTOMS, *, present: bool | None = True
) -> list[PolarityPair]:
    """The pairs of a file; without one, the dataset's of the conditions the model knows, or of all where those are not
    on record. ``present``: as ``Dataset.pairs`` takes it."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.negation.pairs import read_pairs

    return read_pairs(path) if path else open_dataset(dataset).pairs(model.card.conditions, present=present)


def spoken_pairs(
    path: Path | None, model: DualEncoder, dataset: str = PHANTOMS
) -> tuple[list[PolarityPair], Vocabulary]:
    """Pairs that need not align, and the dataset's words: those of a file; without one, the dataset's and every denial
    of the grammar, of conditions the model knows."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.negation.pairs import denial_pairs, read_pairs

    opened = open_dataset(dataset)
    if path:
        return read_pairs(path), opened.vocabulary
    own = opened.pairs(model.card.conditions, present=None)
    known = [condition for condition in model.card.conditions if condition in opened.vocabulary]
    of_grammar = denial_pairs(known or None, opened.vocabulary)
    every = {(pair.affirmative, pair.negated): pair for pair in [*of_grammar, *own]}
    return list(every.values()), opened.vocabulary


def joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """The shares' datasets as one; positions that only longer texts have are empty in the others, as within a share."""
    import numpy as np
    import xarray as xr

    if len(parts) == 1:
        return parts[0]
    empty = {name: "padding" if name == "role" else np.nan for name in map(str, parts[0].variables)}
    return xr.concat(parts, "pair", join="outer", fill_value=empty)


def save(result: xr.Dataset, recipe: Recipe, path: Path) -> None:
    from nast_core.files.netcdf import save_dataset

    if is_main():
        result.attrs["recipe"] = recipe.asked()
        save_dataset(path, result)
