"""Kind ``contributions``: which heads and words make the score of a denial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from nast_core.recipe import Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.pair_images import OnImages, images_of
from nast_core.work.pairs import aligned_pairs, joined, save
from nast_core.work.results import dataset, summary
from nast_core.work.shares import is_main, load, sharded, ticks

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair
    from nast_core.runs.store import Run

FILE = "contributions.nc"


class ContributionsRecipe(OnImages):
    """What every head and source token, every MLP and the embedding add to the scores of a file of pairs:
    summary.json, and contributions.nc with every pair."""

    files: ClassVar = ("pairs", "image", "images")
    folders: ClassVar = ("images",)

    kind: Literal["contributions"] = "contributions"


def contributions(
    recipe: ContributionsRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None
) -> dict[str, float]:
    """summary.json, contributions.nc, warnings.json where an image may not show what it should.

    Figures: pairs, and the largest delta."""
    from nast_core.files.writing import write_json
    from nast_core.interpret.contributions import contributions, contributions_summary

    encoder = model or load(recipe)
    pairs = aligned_pairs(recipe.pairs, encoder, report, recipe.dataset, present=recipe.present)
    on = images_of(recipe, encoder, pairs, report)

    def compute(mine: Sequence[tuple[AlignedPair, list[str]]]) -> list[tuple[xr.Dataset, dict[str, str]]]:
        own, tick = [pair for pair, _ in mine], ticks(report, len(mine), "pairs")
        vectors = on.encode(own, [names for _, names in mine])
        return [(contributions(encoder, own, vectors, progress=tick), on.doubts)]

    shares = sharded(list(zip(pairs, on.names, strict=True)), compute)
    found = on.told(joined([share for share, _ in shares]), [doubts for _, doubts in shares], folder, report)
    said = contributions_summary(found)
    save(found, recipe, folder / FILE)
    if is_main():
        write_json(folder / "summary.json", said)
    figures = {"pairs": float(len(pairs)), "largest_delta": said["largest_delta"]}
    return figures | ({"warnings": float(len(on.doubts))} if on.doubts else {})


class Shared(NamedTuple):
    """What a finished run found."""

    summary: dict[str, Any]
    pairs: xr.Dataset


def result(run: Run) -> Shared:
    return Shared(summary(run), dataset(run.folder / FILE))


CONTRIBUTIONS = Kind(
    ContributionsRecipe,
    "Direct contributions",
    "what every head and word adds to the score of both texts of a pair",
    contributions,
    result,
)
