"""Two models side by side: did the mechanism move, or only the score, and what was lost?

A and B answer the same pairs and the same items, each with its own vectors of the same images; every difference is
B - A and paired. Source: ours, over the measures of method.md sections 2, 3 and 5.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import score_items, wide
from nast_core.claims.wording_figures import CHANGES as WORDING_COLUMNS
from nast_core.compare.claims import COLUMNS as CLAIM_COLUMNS
from nast_core.compare.tables import MOVED, Comparison
from nast_core.encoding.showcase import Having, image_names, phantom_names
from nast_core.errors import BenchmarkError, ImageError, PairError
from nast_core.files.gate import shown
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.effects import text_vectors, trace
from nast_core.interpret.profiles import layer_profile
from nast_core.interpret.summaries import Average, layer_summary, offered
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.negation.forms import FORMS
from nast_core.negation.pairs import AlignedPair, PolarityPair, align_all
from nast_core.progress import Tick
from nast_core.statistics.rates import Rate, difference, mcnemar, patient_bootstrap, rate

Images = Mapping[str, Float[Tensor, " _dim"]]  # two models' need not be of one length


class SharedPairs(NamedTuple):
    """Pairs that align under both tokenizers, pair by pair, and the others, each with the reason."""

    a: tuple[AlignedPair, ...]
    b: tuple[AlignedPair, ...]
    refused: tuple[tuple[PolarityPair, str], ...]


def shared_pairs(a: DualEncoder, b: DualEncoder, pairs: Sequence[PolarityPair]) -> SharedPairs:
    """Raises PairError where no pair aligns under both tokenizers."""
    first = align_all(pairs, a.text)
    second = align_all([one.pair for one in first.aligned], b.text)
    in_second = {one.pair for one in second.aligned}
    refused = (*first.refused, *second.refused)
    if not in_second:
        reason = f"; first reason: {refused[0][1]}" if refused else ""
        raise PairError(f"none of the {len(refused)} pairs aligns under both models' tokenizers{reason}")
    return SharedPairs(tuple(one for one in first.aligned if one.pair in in_second), second.aligned, refused)


def spread(pairs: SharedPairs, count: int) -> SharedPairs:
    """``count`` pairs, evenly over the list, so that every finding keeps its share."""
    at = np.unique(np.linspace(0, len(pairs.a) - 1, min(count, len(pairs.a))).round().astype(int))
    return pairs._replace(a=tuple(pairs.a[i] for i in at), b=tuple(pairs.b[i] for i in at))


def pictured(pairs: SharedPairs, having: Having = phantom_names) -> SharedPairs:
    """The pairs that have an image, of their own or of ``having`` for their finding; the others are refused with the
    reason.

    Raises PairError where none is left.
    """
    shown_by = {finding: bool(having(finding)) for finding in {one.pair.finding for one in pairs.a}}
    at = [i for i, one in enumerate(pairs.a) if one.pair.image or shown_by[one.pair.finding]]
    bare = [one.pair for one in pairs.a if not (one.pair.image or shown_by[one.pair.finding])]
    if not at:
        raise PairError(
            f"of none of the {len(bare)} pairs' findings is there an image; give a dataset with such images"
        )
    reason = "there is no image of its finding"
    return SharedPairs(
        tuple(pairs.a[i] for i in at), tuple(pairs.b[i] for i in at), (*pairs.refused, *((one, reason) for one in bare))
    )


def needed_images(pairs: SharedPairs, items: Sequence[Item], having: Having = phantom_names) -> list[str]:
    """Names of the images of the pairs and of the items, each once."""
    return list(dict.fromkeys([*image_names(pairs.a, having), *(item.image for item in items)]))


def compare(
    a: DualEncoder,
    b: DualEncoder,
    pairs: SharedPairs,
    items: Sequence[Item],
    images_a: Images,
    images_b: Images,
    *,
    parameters: pd.DataFrame | None = None,
    claims: pd.DataFrame | None = None,
    wording: pd.DataFrame | None = None,
    doubts: Mapping[str, str] | None = None,
    having: Having = phantom_names,
    average: Average = "ratio_mean",
    progress: Tick | None = None,
) -> Comparison:
    """Everything that is compared. ``images_a``, ``images_b``: unit vectors by name, as ``encode_named`` gives them.
    ``having``: from a finding to images that have it, for pairs without one of their own.

    ``parameters``: as ``moved_layers`` gives it; ``claims``: as ``claim_changes`` does;
    ``wording``: as ``wordings_between`` does; ``doubts``: as ``encode_named`` fills it. ``progress`` is told of each of
    STEPS steps. Without pairs, or items, their tables are empty. Raises BenchmarkError for nothing at all, ImageError
    for a pair without its image.
    """
    if not (items or pairs.a or claims is not None):
        raise BenchmarkError("no question, pair or statement was given; a comparison needs at least one")
    tick = progress or (lambda _: None)
    found: dict[str, list[Any]] = {"nsa": [], "traced": [], "scored": []}
    for model, own, images in ((a, pairs.a, images_a), (b, pairs.b, images_b)):
        if own:
            found["nsa"].append(negator_selective_attention(model, own))
        tick(1)
        if own:
            found["traced"].append(trace(model, own, _of_pairs(own, images, having)))
        tick(1)
        if items:
            found["scored"].append(score_items(model, items, images))
        tick(1)
    shifts = embedding_shifts(a, b, pairs)
    return Comparison(
        about={
            "a": provenance(a, "compare"),
            "b": provenance(b, "compare"),
            "pairs": len(pairs.a),
            "pairs_refused": len(pairs.refused),
            "items": len(items),
            "warnings": len(doubts or {}),  # images
            "average": average,
            "same_weights": a.fingerprint == b.fingerprint,
        },
        **_of_the_pairs(found["nsa"], found["traced"], average),
        **_of_the_items(found["scored"], items, doubts or {}),
        shifts=shifts,
        shift_means=shift_means(shifts),
        parameters=pd.DataFrame(columns=MOVED) if parameters is None else parameters,
        claims=pd.DataFrame(columns=CLAIM_COLUMNS) if claims is None else claims,
        wording=pd.DataFrame(columns=WORDING_COLUMNS) if wording is None else wording,
    )


def _of_the_pairs(nsa: Sequence[xr.Dataset], traced: Sequence[xr.Dataset], average: Average) -> dict[str, pd.DataFrame]:
    """Tables of the mechanism; empty without a pair."""
    if not nsa:
        return {name: pd.DataFrame(columns=[*columns, "n"]) for name, columns in _MECHANISM.items()}
    layers = [profiles(one, average).assign(model=model) for one, model in zip(traced, "AB", strict=True)]
    return {"heads": head_changes(*nsa), "layers": pd.concat(layers)}


def _of_the_items(
    scored: Sequence[pd.DataFrame], items: Sequence[Item], doubts: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """Tables of the score; empty without a question."""
    if not scored:
        return {name: pd.DataFrame(columns=columns) for name, columns in _SCORE.items()}
    a, b = scored
    return {
        "accuracy": accuracies(a, b),
        "changes": accuracy_changes(a, b),
        "items": item_verdicts(a, b, items, doubts),
    }


_MECHANISM = {
    "heads": ["layer", "head", "a", "b", "change", "low", "high"],
    "layers": ["model", "summary", "layer", "value", "low", "high"],
}
_SCORE = {
    "accuracy": ["group", "form", *Rate._fields],
    "changes": ["form", "a", "b", "change", "low", "high", "n", "fixed", "broken", "p_value"],
    "items": ["item_id", "patient_id", "image", "form", "answer", "verdict"],
}
STEPS = 6  # attention, trace and answers of two models


def _of_pairs(pairs: Sequence[AlignedPair], images: Images, having: Having) -> Float[Tensor, "pair dim"]:
    names = image_names(pairs, having)
    if missing := [name for name in names if name not in images]:
        raise ImageError(
            f"{len(missing)} images of the pairs could not be read; first {shown(missing[0])!r}: check the folder"
        )
    return torch.stack([images[name] for name in names])


def head_changes(nsa_a: xr.Dataset, nsa_b: xr.Dataset) -> pd.DataFrame:
    """NSA of every head in A and B, and the paired change with a 95 % bootstrap interval over pairs.

    Towers of different shape have no head in common: their change is NaN.
    """
    a, b = nsa_a.nsa, nsa_b.nsa
    means = [values.mean("pair").to_series().rename(name) for name, values in (("a", a), ("b", b))]
    table = pd.concat(means, axis=1).assign(change=np.nan, low=np.nan, high=np.nan, n=a.sizes["pair"])
    if a.shape == b.shape:
        change = (b.values - a.values).reshape(len(a), -1)
        samples = patient_bootstrap(change, _one_each(len(change)))
        table["change"] = change.mean(0)
        table["low"], table["high"] = np.percentile(samples, [2.5, 97.5], axis=0)
    return table.reset_index()


def profiles(traced: xr.Dataset, average: Average = "ratio_mean") -> pd.DataFrame:
    """Every layer summary of one trace: summary, layer, value, low, high, n."""
    return pd.concat(
        [layer_profile(layer_summary(traced, s), traced.d, average).assign(summary=s) for s in offered(traced)],
        ignore_index=True,
    )


def accuracies(scored_a: pd.DataFrame, scored_b: pd.DataFrame) -> pd.DataFrame:
    """group (A or B), form, value, low, high, n; over the items that each model could score."""
    rows = []
    for group, table in (("A", scored_a), ("B", scored_b)):
        for form in FORMS:
            part = table[table.form == form]
            rows.append({"group": group, "form": form, **rate(part.correct, part.patient_id)._asdict()})
    return pd.DataFrame(rows)


def accuracy_changes(scored_a: pd.DataFrame, scored_b: pd.DataFrame) -> pd.DataFrame:
    """Per form, and for the gap (affirmative - negated): B - A in points on the items scored in both, with its test."""
    a, b = wide(scored_a), wide(scored_b)
    forms = list(FORMS)
    both = a[forms].notna().all(axis=1) & b.reindex(a.index)[forms].notna().all(axis=1)
    a, b = a[both], b.reindex(a.index)[both]
    rows = []
    for form in FORMS:
        test = mcnemar(b[form], a[form])
        rows.append(
            _change(form, a[form], b[form], a.patient_id)
            | {"fixed": test.only_first, "broken": test.only_second, "p_value": test.p_value}
        )
    rows.append(_change("gap", a.affirmative - a.negated, b.affirmative - b.negated, a.patient_id))
    return pd.DataFrame(rows).astype({"fixed": "Int64", "broken": "Int64"})


def _change(form: str, a: pd.Series, b: pd.Series, patients: pd.Series) -> dict[str, Any]:
    change = difference(b, a, patients, scale=100)
    means = {"a": 100 * a.mean(), "b": 100 * b.mean()}
    return {"form": form, **means, "change": change.value, "low": change.low, "high": change.high, "n": change.n}


def item_verdicts(
    scored_a: pd.DataFrame,
    scored_b: pd.DataFrame,
    items: Sequence[Item],
    doubts: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """A row per item and form: fixed (wrong in A, right in B), broken, right or wrong in both, or unscored.

    ``margin``: score of the true option less the best other one, logits. ``warning``: why the image may not show what
    it should.
    """
    keys = ["item_id", "patient_id", "form", "answer"]
    scores = [f"score_{letter}" for letter in "ABCD"]
    both = scored_a[[*keys, "choice", "correct", *scores]].merge(
        scored_b[["item_id", "form", "choice", "correct", *scores]], on=["item_id", "form"], suffixes=("_a", "_b")
    )
    right_a, right_b = both.correct_a == 1, both.correct_b == 1
    unscored = both.correct_a.isna() | both.correct_b.isna()
    conditions = [unscored, ~right_a & right_b, right_a & ~right_b, right_a & right_b]
    both["verdict"] = np.select(conditions, ["unscored", "fixed", "broken", "right in both"], "wrong in both")
    for model in ("a", "b"):
        values = both[[f"{name}_{model}" for name in scores]].to_numpy(float, copy=True)
        at = both.answer.map("ABCD".index).to_numpy()
        true = np.take_along_axis(values, at[:, None], 1)[:, 0]
        np.put_along_axis(values, at[:, None], -np.inf, 1)
        both[f"margin_{model}"] = true - values.max(1)
    both.insert(2, "image", both.item_id.map({item.item_id: item.image for item in items}))
    both["warning"] = [doubts.get(str(image), "") for image in both.image]
    return both


def embedding_shifts(a: DualEncoder, b: DualEncoder, pairs: SharedPairs) -> pd.DataFrame:
    """1 - cosine of A's and B's embedding of the same text: pair, form, text, shift, in [0, 2].

    Empty where the dimensions differ. Of unrelated models with equal dimensions it says nothing: their axes differ.
    """
    rows = []
    first, second = text_vectors(a, pairs.a).double(), text_vectors(b, pairs.b).double()
    if first.shape == second.shape:
        length = 1 if a.unit_texts and b.unit_texts else first.norm(dim=-1) * second.norm(dim=-1)
        shift = 1 - (first * second).sum(-1) / length
        for number, (one, values) in enumerate(zip(pairs.a, shift.tolist(), strict=True)):
            texts = (one.pair.affirmative, one.pair.negated)
            rows += [(number, form, text, value) for form, text, value in zip(FORMS, texts, values, strict=True)]
    return pd.DataFrame(rows, columns=["pair", "form", "text", "shift"])


def shift_means(shifts: pd.DataFrame) -> pd.DataFrame:
    """Mean shift of either form, and the paired difference negated - affirmative; 95 % interval over pairs."""
    table = shifts.pivot(index="pair", columns="form", values="shift")
    rows: list[tuple[str, Rate]] = []
    if len(table):
        pairs = _one_each(len(table))
        rows = [(form, rate(table[form].to_numpy(), pairs)) for form in FORMS]
        rows.append(("negated - affirmative", difference(table.negated, table.affirmative, pairs)))
    return pd.DataFrame([(form, *rate) for form, rate in rows], columns=["form", *Rate._fields])


def _one_each(count: int) -> list[str]:
    return [str(i) for i in range(count)]
