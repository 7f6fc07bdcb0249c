"""Kind ``lens``: what texts would mean if they stopped after a layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from nast_core.interpret.plan import LENS_TEXTS
from nast_core.recipe import OfDataset, Reporter
from nast_core.runs.kinds import Kind
from nast_core.work.pairs import pairs_meant, save
from nast_core.work.results import dataset, summary
from nast_core.work.shares import is_main, load, ticks

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run

FILE = "lens.nc"
JACOBIANS = "jacobians.safetensors"


class LensRecipe(OfDataset):
    """Cosine by layer of what a text would mean to its own two sentences and the affirmative equivalent, and the
    nearest phrases: summary.json, lens.nc, and jacobians.safetensors to look at other sentences with."""

    files: ClassVar = ("pairs", "bank")

    kind: Literal["lens"] = "lens"
    pairs: Path | None = None  # without: the dataset's, of the conditions the model knows; they need not align
    bank: Path | None = None  # phrases, one a line; without: what the vocabulary says of the conditions
    texts: int = Field(default=LENS_TEXTS, ge=1, le=10_000)  # that the Jacobian is a mean over; fewer where not causal


def lens(recipe: LensRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """summary.json, lens.nc and jacobians.safetensors. Figures: pairs, and texts that the Jacobian is a mean over."""
    from nast_core.dataset.opened import open_dataset
    from nast_core.files.arrays import save_tensors
    from nast_core.files.writing import write_json
    from nast_core.interpret.lens import bank_of, lens, lens_summary, mean_jacobians, readable, texts_for_jacobians

    encoder = model or load(recipe)
    vocabulary = open_dataset(recipe.dataset).vocabulary
    known = [one for one in encoder.card.conditions if one in vocabulary]
    bank = _phrases(recipe.bank) if recipe.bank else readable(encoder.text, bank_of(vocabulary, known))
    for phrase in bank:
        encoder.text.tokenize([phrase])  # one over the context is said before the work
    pairs = _readable(pairs_meant(recipe.pairs, encoder, recipe.dataset, present=None), encoder, report)
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.affirmative, pair.negated)))
    through = texts_for_jacobians(encoder.text, texts, recipe.texts)
    jacobians = mean_jacobians(encoder, through, progress=ticks(report, len(through), "Jacobians of texts"))
    result = lens(encoder, pairs, jacobians, vocabulary, bank, progress=ticks(report, len(texts), "texts"))
    result.attrs["jacobian_texts"] = len(through)
    save(result, recipe, folder / FILE)
    if is_main():
        save_tensors(folder / JACOBIANS, {"jacobians": jacobians})
        write_json(folder / "summary.json", lens_summary(result))
    return {"pairs": len(pairs), "texts": len(through)}


def _readable(pairs, encoder: DualEncoder, report: Reporter):
    from nast_core.errors import PairError, TextError

    kept, first = [], ""
    for pair in pairs:
        try:
            encoder.text.tokenize([pair.affirmative, pair.negated])
            kept.append(pair)
        except TextError as error:
            first = first or str(error)
            report.say(f"not used: {error}")
    if not kept:
        raise PairError(f"none of the {len(pairs)} pairs can be used with this model; first: {first}")
    return kept


def _phrases(path: Path) -> list[str]:
    from nast_core.errors import DataError
    from nast_core.files.gate import MB, read_text, shown

    lines = [line.strip() for line in read_text(path, most=MB, absent="give a file of a phrase a line").splitlines()]
    phrases = list(dict.fromkeys(filter(None, lines)))
    if not phrases:
        raise DataError(f"{shown(path)} holds no phrase; write one a line, such as: There is no edema.")
    return phrases


class Looked(NamedTuple):
    """What a finished run found."""

    summary: dict[str, Any]
    pairs: xr.Dataset
    jacobians: Tensor  # [layer, width, width], as ``would_be_embeddings`` takes them


def result(run: Run) -> Looked:
    from nast_core.files.arrays import read_tensors
    from nast_core.recipe import RunError

    kept = read_tensors(
        run.folder / JACOBIANS, ["jacobians"], error=RunError, absent="delete the run, and make it anew"
    )
    return Looked(summary(run), dataset(run.folder / FILE), kept["jacobians"])


LENS = Kind(LensRecipe, "Embedding lens", "by layer, what texts would mean if they stopped there", lens, result)
