"""What the heads page computes: looks and effects side by side, and the model without some heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from dashboard.parts import datasets, memo
from dashboard.parts.items import items_for
from dashboard.parts.pairs import alignment
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.benchmark.items import Item
    from nast_core.benchmark.run import BenchmarkResult
    from nast_core.interpret.summaries import Average
    from nast_core.models import DualEncoder


How = Literal["off", "sink"]


def table(nsa: xr.Dataset, traced: xr.Dataset, average: Average) -> pd.DataFrame:
    """A row a head: name (layer.head), layer, head, nsa, cte."""
    from nast_core.interpret.profiles import head_means

    effect = head_means(traced, average)
    both = pd.DataFrame(
        {
            "nsa": nsa.nsa.mean("pair").stack(cell=("layer", "head")).to_series(),
            "cte": effect.stack(cell=("layer", "head")).to_series(),
        }
    ).reset_index()
    both.insert(0, "name", [f"{layer}.{head}" for layer, head in zip(both.layer, both["head"], strict=True)])
    return both


def correlation(heads: pd.DataFrame) -> float:
    """Pearson's, of NSA and CTE over heads."""
    return float(np.corrcoef(heads.nsa, heads.cte)[0, 1])


@memo.shared()
def _means(_model: DualEncoder, fingerprint: str, data: str):
    from nast_core.interpret.ablation import head_means

    return head_means(_model.text, alignment(_model).aligned)


def without(model: DualEncoder, names: tuple[str, ...], how: How = "off") -> DualEncoder:
    """The model with some heads switched off, or kept from looking about. Raises ModelError where that cannot be."""
    from nast_core.interpret.ablation import ablate, sink

    heads = [(int(layer), int(head)) for layer, head in (name.split(".") for name in names)]
    if how == "sink":
        return sink(model, heads)
    return ablate(model, heads, _means(model, model.fingerprint, datasets.chosen().fingerprint))


@memo.shared("Encoding the questions' images")
def _images(_model: DualEncoder, fingerprint: str, data: str, count: int):
    from nast_core.encoding.images import encode_named

    return encode_named(_model, (item.image for item in questions(count)), datasets.chosen().images)


def questions(count: int) -> list[Item]:
    """Of the validation split: the test split is for reports, not for trying out heads. DatasetError for none."""
    return items_for(datasets.chosen(), count, 0, "validation")


def answers(model: DualEncoder, count: int, off: tuple[str, ...] = (), how: How = "off") -> BenchmarkResult:
    """The benchmark with some heads switched off, or sunk; the images' vectors are the same and encoded once."""
    return _answers(model, model.fingerprint, datasets.chosen().fingerprint, count, off, how)


@memo.shared("Answering the questions")
def _answers(
    _model: DualEncoder, fingerprint: str, data: str, count: int, off: tuple[str, ...], how: How
) -> BenchmarkResult:
    from nast_core.benchmark.run import BenchmarkResult
    from nast_core.benchmark.scoring import score_items, summarise

    vectors, failed = _images(_model, fingerprint, data, count)
    scored = score_items(without(_model, off, how) if off else _model, questions(count), vectors)
    return BenchmarkResult(summarise(scored), scored, failed)


def accuracies(before: BenchmarkResult, after: BenchmarkResult, changed: str) -> pd.DataFrame:
    """As ``by_group`` gives it: group, form, value, low, high, n. ``changed``: what the group after is called."""
    rows = []
    for group, result in (("all heads", before), (changed, after)):
        for form in FORMS:
            rows.append({"group": group, "form": form, **result.summary[f"acc_{form}"]})
    return pd.DataFrame(rows)


def in_words(before: BenchmarkResult, after: BenchmarkResult, changed: str) -> str:
    """The change of each accuracy on the same questions, with its interval and paired test."""
    from nast_core.statistics.rates import difference, mcnemar

    parts = []
    for form in FORMS:
        old, new = (r.scored[r.scored.form == form].sort_values("item_id") for r in (before, after))
        change = difference(new.correct.to_numpy(), old.correct.to_numpy(), old.patient_id.tolist(), scale=100)
        test = mcnemar(new.correct.to_numpy(), old.correct.to_numpy())
        parts.append(f"{form} {change.interval('+.1f', ' points')}, McNemar p = {test.p_value:.2g}, n = {change.n}")
    return f"Change {changed}: " + "; ".join(parts) + "."
