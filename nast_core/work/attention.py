"""Kind ``attention``: which heads look at the negator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from nast_core.recipe import OfDataset, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.pairs import aligned_pairs, joined, save
from nast_core.work.results import dataset
from nast_core.work.shares import load, sharded, ticks

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair
    from nast_core.runs.store import Run

FILE = "attention.nc"


class AttentionRecipe(OfDataset):
    """Negator-selective attention of a file of pairs: attention.nc."""

    version: ClassVar = 2  # 1: without pairs of conditions that only test patients have
    files: ClassVar = ("pairs",)

    kind: Literal["attention"] = "attention"
    pairs: Path | None = None  # without: the dataset's, of the conditions the model knows


def attention(
    recipe: AttentionRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None
) -> dict[str, float]:
    """attention.nc. Figures: pairs, and the largest mean NSA of any head."""
    from nast_core.interpret.attention import negator_selective_attention

    encoder = model or load(recipe)
    pairs = aligned_pairs(recipe.pairs, encoder, report, recipe.dataset, present=None)

    def compute(mine: Sequence[AlignedPair]) -> list[xr.Dataset]:
        return [negator_selective_attention(encoder, mine, progress=ticks(report, len(mine), "pairs"))]

    result = joined(sharded(pairs, compute))
    save(result, recipe, folder / FILE)
    return {"pairs": len(pairs), "largest_nsa": float(result.nsa.mean("pair").max())}


def result(run: Run) -> xr.Dataset:
    return dataset(run.folder / FILE)


ATTENTION = Kind(
    AttentionRecipe, "Attention", "negator-selective attention of every pair, layer and head", attention, result
)
